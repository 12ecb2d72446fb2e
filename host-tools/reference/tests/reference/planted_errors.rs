//! A difference is found, and named with layer, channel, position and both values.

use crate::networks::{file, model, network};
use thumbnet_graph::onnx::Form;
use thumbnet_graph::{
    Conv2d, Graph, Int8Graph, Int8Weights, Metadata, Node, Op, Quantization, Shape, Tensor,
    TensorId, Window,
};
use thumbnet_reference::{
    Build, Comparison, Exposed, Inputs, Mode, Model, Parity, Place, ReferenceError, Side,
};
use thumbnet_simulate::desktop;

/// `model`'s file against programs of `graph`.
fn compare(model: &Model, graph: &Int8Graph, count: usize) -> Parity {
    let sides = [Side::every_node(graph).unwrap(), Side::deployed(graph).unwrap()];
    let comparison = Comparison::new(model.references().unwrap(), &sides).unwrap();
    let shape = graph.tensor(graph.input).shape;
    let inputs = Inputs::Random { seed: 11, count, shape };
    let tally = comparison.run(count, |index| inputs.codes(index), || {}).unwrap();
    comparison.report(tally, &model.file, &inputs.describe())
}

/// The map that step `step` of `graph` makes of `input`.
fn map(graph: &Int8Graph, step: usize, input: &[i8]) -> Vec<i8> {
    let side = Side::every_node(graph).unwrap();
    let mut found = Vec::new();
    desktop::run(&side.program, input, &mut |index, map| {
        if index == step {
            found = map.to_vec();
        }
    });
    found
}

#[test]
fn one_changed_weight_is_found_and_named() {
    let model = model(&network(4), Form::QLinear);
    let node = model.graph.nodes.iter().position(|node| node.name == "pointwise").unwrap();
    let channel = 1;
    let mut changed = model.graph.clone();
    let Op::Conv2d(conv) = &mut changed.nodes[node].op else { panic!("a convolution") };
    let inputs = conv.weights.values.len() / conv.weights.bias.len();
    let weight = &mut conv.weights.values[channel * inputs];
    *weight = if *weight > 0 { *weight - 40 } else { *weight + 40 };

    let parity = compare(&model, &changed, 8);
    assert!(!parity.is_equal());
    let first = parity.first_difference.as_ref().unwrap();
    assert_eq!((first.mode, first.build), (Mode::Decluttered, Build::EveryNode));
    assert_eq!(first.layer, "pointwise");
    let place = first.at.unwrap();
    assert_eq!(place.channel, channel);

    let shape = model.graph.tensor(model.graph.input).shape;
    let input = Inputs::Random { seed: 11, count: 8, shape }.codes(first.picture);
    let (right, wrong) = (map(&model.graph, node, &input), map(&changed, node, &input));
    let index = right.iter().zip(&wrong).position(|(right, wrong)| right != wrong).unwrap();
    let made = model.graph.tensor(model.graph.nodes[node].output).shape;
    let expected = Place {
        channel: index % made.c,
        row: index / made.c / made.w,
        column: index / made.c % made.w,
        tract: right[index],
        thumbnet: wrong[index],
    };
    assert_eq!(place, expected);

    let layers = &parity.modes[0].layers;
    assert!(layers[..node].iter().all(|layer| layer.different == 0));
    let counted: usize = (0..8)
        .map(|picture| {
            let input = Inputs::Random { seed: 11, count: 8, shape }.codes(picture);
            let (right, wrong) = (map(&model.graph, node, &input), map(&changed, node, &input));
            right.iter().zip(&wrong).filter(|(right, wrong)| right != wrong).count()
        })
        .sum();
    assert_eq!(layers[node].different, counted as u64);
    let text = first.to_string();
    for part in ["layer 'pointwise'", "channel 1", "tract decluttered", "every node"] {
        assert!(text.contains(part), "{text}");
    }
}

/// Multiplications by 0.5 and 0.25, full of ties. One of tract's modes multiplies by the reciprocal of 41
/// instead of dividing by it, which makes 0.49999997 of 0.5 and breaks the ties.
pub fn unsnapped() -> Int8Graph {
    let shape = Shape::new(1, 1, 1);
    let tensor = |name: &str, scale| Tensor {
        name: name.to_owned(),
        shape,
        format: Quantization { scale, zero_point: 0 },
    };
    // Two channels, so that tract uses one factor a channel.
    let made = Shape::new(1, 1, 2);
    let weights = Int8Weights { values: vec![1, 1], bias: vec![0, 0], scales: vec![20.5, 10.25] };
    let op = Op::Conv2d(Conv2d { window: Window::UNIT, groups: 1, weights });
    let logits = Tensor { shape: made, ..tensor("logits", 41.0) };
    Graph {
        tensors: vec![tensor("input", 1.0), logits],
        nodes: vec![Node {
            name: "dense".to_owned(),
            op,
            inputs: vec![TensorId(0)],
            output: TensorId(1),
        }],
        input: TensorId(0),
        output: TensorId(1),
        metadata: Metadata::default(),
    }
}

#[test]
fn a_scale_that_was_not_snapped_differs_in_one_mode_and_is_found() {
    let model = file(&unsnapped(), Form::QLinear);
    let parity = compare(&model, &model.graph, 40);
    let differs = |mode| {
        let mut of_mode = parity.modes.iter().filter(|report| report.mode == mode);
        of_mode.any(|report| report.different > 0)
    };
    assert_ne!(differs(Mode::Decluttered), differs(Mode::Optimized));
    let first = parity.first_difference.as_ref().unwrap();
    assert!(differs(first.mode));
    assert_eq!((first.layer.as_str(), first.tensor.as_str()), ("dense", "logits"));
}

#[test]
fn a_program_of_another_network_is_refused() {
    let model = model(&network(1), Form::QLinear);
    let sides = [Side::every_node(&unsnapped()).unwrap()];
    let refused = Comparison::new(model.references().unwrap(), &sides).err().unwrap();
    assert!(matches!(refused, ReferenceError::Shape { .. }), "{refused}");

    let mut renamed = model.graph.clone();
    let output = renamed.nodes[0].output;
    renamed.tensors[output.0].name = "elsewhere".to_owned();
    let sides = [Side::every_node(&renamed).unwrap()];
    let reference = model.reference(Mode::Decluttered, Exposed::EveryLayer).unwrap();
    let refused = Comparison::new(vec![reference], &sides).err().unwrap();
    assert!(refused.to_string().contains("'elsewhere' of step 'conv1'"), "{refused}");
}
