//! Whole networks: what comes out of `quantize` is exact, close to the float network, and the same
//! always.

use crate::sample::{Builder, pictures, residual, seed_cnn};
use crate::snap::agrees;
use crate::{Calibrate, Options, QuantizeError, Quantized, integer, quantize, quantize_with};
use thumbnet_graph::onnx::Form;
use thumbnet_graph::requantization::{direct_factor, reciprocal_factor};
use thumbnet_graph::{FloatGraph, Int8Graph, Op, Quantization, Shape, TensorId, Window};

/// Random weights have no large margins: what is left of a signal after four 8-bit layers is 25 dB
/// at least; a wrong scale, zero point or bias leaves less than 10.
const LEAST_SQNR_DB: f64 = 25.0;

fn samples(graph: &FloatGraph, count: usize) -> Vec<u8> {
    pictures(graph.tensor(graph.input).shape, count, 7)
}

fn quantized(graph: &FloatGraph, form: Form) -> Quantized {
    quantize(graph, &samples(graph, 24), form).expect("quantizes")
}

fn format(graph: &Int8Graph, id: TensorId) -> Quantization {
    graph.tensor(id).format
}

fn is_power_of_two(scale: f32) -> bool {
    scale.to_bits() & 0x007f_ffff == 0
}

/// Calls `check` with input scale, weight scale and output format of each channel of each
/// convolution.
fn for_each_channel(graph: &Int8Graph, mut check: impl FnMut(f32, f32, Quantization)) {
    for node in &graph.nodes {
        let Op::Conv2d(conv) = &node.op else { continue };
        for &w_scale in &conv.weights.scales {
            check(format(graph, node.inputs[0]).scale, w_scale, format(graph, node.output));
        }
    }
}

#[test]
fn the_seed_cnn_is_exact_and_close_in_both_forms() {
    let float = seed_cnn(1);
    for form in [Form::QLinear, Form::Qdq] {
        let Quantized { graph, layers, .. } = quantized(&float, form);
        let ops: Vec<&str> = layers.iter().map(|layer| layer.op).collect();
        assert_eq!(ops, ["Conv", "MaxPool", "Conv", "MaxPool", "Conv", "Conv"]);
        for layer in &layers {
            assert!(layer.sqnr_db > LEAST_SQNR_DB, "{form:?} {layer:?}");
        }
        assert_eq!(format(&graph, graph.input).zero_point, -128);
        assert_eq!(format(&graph, graph.nodes[4].output).zero_point, -128);
        assert_eq!(graph.nodes[1].name, "pool1");
        assert_eq!(graph.tensor(graph.nodes[0].output).name, "relu1_out");
    }
}

#[test]
fn every_channel_of_the_operator_form_has_equal_thresholds() {
    for float in [seed_cnn(2), residual(2)] {
        let graph = quantized(&float, Form::QLinear).graph;
        assert_eq!(format(&graph, graph.input).scale, 1.0 / 255.0);
        for_each_channel(&graph, |x, w, y| assert!(agrees(x, w, y)));
    }
}

#[test]
fn every_f32_of_the_qdq_form_is_exact() {
    for float in [seed_cnn(3), residual(3)] {
        let Quantized { graph, .. } = quantized(&float, Form::Qdq);
        assert!(graph.tensors.iter().all(|tensor| is_power_of_two(tensor.format.scale)));
        assert_eq!(
            format(&graph, graph.input),
            Quantization { scale: 1.0 / 256.0, zero_point: -128 }
        );
        for_each_channel(&graph, |x, w, y| {
            let product = f64::from(x) * f64::from(w);
            assert_eq!(f64::from(x * w), product);
            assert_eq!(f64::from(direct_factor(x, w, y.scale)), product / f64::from(y.scale));
            assert_eq!(direct_factor(x, w, y.scale), reciprocal_factor(x, w, y.scale));
        });
        for node in &graph.nodes {
            let Op::Conv2d(conv) = &node.op else { continue };
            let zero_point = i64::from(format(&graph, node.inputs[0]).zero_point);
            let largest_input = (127 - zero_point).max(zero_point + 128);
            let weights = &conv.weights;
            let filters = weights.values.chunks_exact(weights.values.len() / weights.bias.len());
            for ((filter, bias), scale) in filters.zip(&weights.bias).zip(&weights.scales) {
                let sum: i64 = filter.iter().map(|code| i64::from(code.unsigned_abs())).sum();
                let mantissa = i64::from(scale.to_bits() & 0x007f_ffff | 0x0080_0000);
                let odd = mantissa >> mantissa.trailing_zeros();
                let largest = (sum * largest_input + i64::from(bias.unsigned_abs())) * odd;
                assert!(largest < 1 << 24, "{}: {largest}", node.name);
            }
        }
    }
}

#[test]
fn the_residual_network_adds_powers_of_two_and_averages_ones() {
    for form in [Form::QLinear, Form::Qdq] {
        let Quantized { graph, layers, .. } = quantized(&residual(4), form);
        for (node, layer) in graph.nodes.iter().zip(&layers) {
            assert!(layer.sqnr_db > LEAST_SQNR_DB, "{form:?} {layer:?}");
            if let Op::Add = node.op {
                let tensors = node.inputs.iter().chain([&node.output]);
                assert!(tensors.into_iter().all(|&id| is_power_of_two(format(&graph, id).scale)));
                assert_eq!(format(&graph, node.output).zero_point, -128);
            }
        }
        let average = graph.nodes.iter().find(|node| node.name == "average").unwrap();
        let Op::Conv2d(conv) = &average.op else { panic!("{:?}", average.op) };
        assert_eq!((conv.groups, conv.window.kernel), (16, [6, 6]));
        assert!(conv.weights.values.iter().all(|&code| code == 1));
        assert!(conv.weights.bias.iter().all(|&code| code == 0));
        assert!(conv.weights.scales.iter().all(|&scale| scale == conv.weights.scales[0]));
    }
}

#[test]
fn sums_of_both_signs_have_even_zero_points() {
    for seed in 0..6 {
        let mut float = residual(seed);
        // Without the Relu behind the sum its zero point is free.
        let sum = float.nodes.iter().position(|node| node.op == Op::Add).unwrap();
        let relu = float.nodes.remove(sum + 1);
        assert_eq!(relu.op, Op::Relu);
        for node in &mut float.nodes {
            node.inputs.iter_mut().filter(|id| **id == relu.output).for_each(|id| {
                *id = relu.inputs[0];
            });
        }
        let float = float.clone().ending_in(float.output);
        let Quantized { graph, .. } = quantized(&float, Form::QLinear);
        let sum = graph.nodes.iter().find(|node| node.op == Op::Add).unwrap();
        let zero_point = format(&graph, sum.output).zero_point;
        assert!(zero_point > -128 && zero_point % 2 == 0, "seed {seed}: {zero_point}");
    }
}

#[test]
fn the_same_network_comes_out_for_any_number_of_threads() {
    let float = seed_cnn(5);
    let calibration = samples(&float, 9);
    let options = Options { calibrate: Calibrate::MeanSquaredError, ..Options::default() };
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| quantize_with(&float, &calibration, &options).unwrap())
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(5));
}

#[test]
fn a_channel_without_weights_keeps_its_bias() {
    let mut float = seed_cnn(6);
    let Op::Conv2d(conv) = &mut float.nodes[0].op else { panic!() };
    conv.weights.values[..9].fill(0.0);
    conv.weights.bias[0] = 0.25;
    let Quantized { graph, .. } = quantized(&float, Form::QLinear);
    let codes = integer::run(&graph, &[-128; 784]).unwrap();
    let node = &graph.nodes[0];
    let Quantization { scale, zero_point } = format(&graph, node.output);
    let wanted = (0.25 / f64::from(scale)).round() + f64::from(zero_point);
    assert_eq!(f64::from(codes[node.output.0][0]), wanted);
}

#[test]
fn a_network_of_zeros_quantizes_to_zeros() {
    let mut float = seed_cnn(7);
    for node in &mut float.nodes {
        if let Op::Conv2d(conv) = &mut node.op {
            conv.weights.values.fill(0.0);
            conv.weights.bias.fill(0.0);
        }
    }
    let Quantized { graph, .. } = quantized(&float, Form::QLinear);
    let codes = integer::run_picture(&graph, &samples(&float, 1)).unwrap();
    let zero = format(&graph, graph.output).zero_point;
    assert!(codes[graph.output.0].iter().all(|&code| code == zero));
}

#[test]
fn a_lone_relu_and_an_average_of_two_quantize() {
    for form in [Form::QLinear, Form::Qdq] {
        let mut builder = Builder::new(Shape::new(8, 8, 1), 8);
        let plain = builder.conv2d("conv", 4, 3).here();
        builder.relu("relu").add("add", plain);
        let pair = Window { kernel: [1, 2], ..Window::UNIT };
        builder.average_pool2d("average", pair).dense("logits", 3);
        let float = builder.finish();
        for layer in quantized(&float, form).layers {
            assert!(layer.sqnr_db > LEAST_SQNR_DB, "{form:?} {layer:?}");
        }
    }
}

#[test]
fn a_relu_behind_a_pool_clamps_before_it() {
    let mut builder = Builder::new(Shape::new(8, 8, 1), 14);
    builder.conv2d("conv", 6, 3).max_pool2d("pool", 2).relu("relu").dense("logits", 3);
    let float = builder.finish();
    let Quantized { graph, layers, .. } = quantized(&float, Form::QLinear);
    assert_eq!(format(&graph, graph.nodes[0].output).zero_point, -128);
    for layer in layers {
        assert!(layer.sqnr_db > LEAST_SQNR_DB, "{layer:?}");
    }
}

#[test]
fn a_clip_is_the_ends_of_the_codes() {
    for form in [Form::QLinear, Form::Qdq] {
        let mut builder = Builder::new(Shape::new(8, 8, 1), 15);
        builder.conv2d("conv", 6, 3).max_pool2d("pool", 2).clip("relu6", [0.0, 0.75]);
        let skip = builder.conv2d("conv2", 6, 1).clip("tanh", [-0.5, 0.5]).here();
        builder.clip("again", [0.0, 0.25]).conv2d("conv3", 6, 1).add("add", skip);
        builder.dense("logits", 3);
        let float = builder.finish();
        let Quantized { graph, layers, .. } = quantized(&float, form);
        assert!(graph.nodes.iter().all(|node| !matches!(node.op, Op::Clip(_) | Op::Relu)));
        let Quantization { scale, zero_point } = format(&graph, graph.nodes[0].output);
        assert_eq!(zero_point, -128);
        let units = if form == Form::QLinear { 0.75 / 255.0 } else { scale };
        assert_eq!(scale, units);
        for layer in layers {
            assert!(layer.sqnr_db > LEAST_SQNR_DB, "{form:?} {layer:?}");
        }
    }
}

#[test]
fn outputs_much_smaller_than_products_get_a_larger_scale() {
    let mut builder = Builder::new(Shape::new(4, 4, 1), 9);
    builder.conv2d("conv", 2, 1);
    let mut float = builder.finish();
    let Op::Conv2d(conv) = &mut float.nodes[0].op else { panic!() };
    conv.weights.values.copy_from_slice(&[1000.0, 1000.0]);
    conv.weights.bias.copy_from_slice(&[0.0, 0.0]);
    // Calibrated on black: the output never left 0.
    let Quantized { graph, .. } = quantize(&float, &[0; 16], Form::QLinear).unwrap();
    for_each_channel(&graph, |x, w, y| assert!(agrees(x, w, y)));
}

#[test]
fn bad_input_is_refused_with_a_reason() {
    let float = seed_cnn(10);
    let calibration = samples(&float, 2);
    let refused = |graph: &FloatGraph| quantize(graph, &calibration, Form::QLinear).unwrap_err();

    let error = quantize(&float, &calibration[1..], Form::QLinear).unwrap_err();
    assert_eq!(error, QuantizeError::Calibration { bytes: 1567, picture: 784 });
    let error = quantize(&float, &[], Form::QLinear).unwrap_err();
    assert!(matches!(error, QuantizeError::Calibration { .. }));

    let mut infinite = float.clone();
    let Op::Conv2d(conv) = &mut infinite.nodes[3].op else { panic!() };
    conv.weights.values[5] = f32::INFINITY;
    assert_eq!(refused(&infinite), QuantizeError::NotFinite { name: "conv2".into() });
    let Op::Conv2d(conv) = &mut infinite.nodes[3].op else { panic!() };
    conv.weights.values[..].fill(f32::MAX);
    assert!(matches!(refused(&infinite), QuantizeError::NotFinite { .. }));

    let mut tiny = float.clone();
    for node in &mut tiny.nodes {
        let Op::Conv2d(conv) = &mut node.op else { continue };
        conv.weights.values.iter_mut().for_each(|w| *w *= 1e-15);
        conv.weights.bias.fill(0.0);
    }
    assert!(matches!(refused(&tiny), QuantizeError::ScaleRange { .. }));

    let mut empty = float.clone();
    empty.nodes.clear();
    empty.tensors.truncate(1);
    empty.output = empty.input;
    assert_eq!(refused(&empty), QuantizeError::Empty);
}

#[test]
fn damaged_graphs_are_refused_and_never_panic() {
    let damages: [fn(&mut FloatGraph); 6] = [
        |graph| graph.input = TensorId(99),
        |graph| graph.nodes[2].inputs.clear(),
        |graph| graph.nodes[2].output = graph.nodes[1].output,
        |graph| graph.tensors[3].shape.h = usize::MAX,
        |graph| {
            let Op::MaxPool2d(window) = &mut graph.nodes[2].op else { panic!() };
            window.padding.top = usize::MAX;
        },
        |graph| {
            let Op::Conv2d(conv) = &mut graph.nodes[0].op else { panic!() };
            conv.weights.values.pop();
        },
    ];
    let float = seed_cnn(11);
    let calibration = samples(&float, 1);
    for (index, damage) in damages.iter().enumerate() {
        let mut graph = float.clone();
        damage(&mut graph);
        let error = quantize(&graph, &calibration, Form::QLinear).unwrap_err();
        assert!(matches!(error, QuantizeError::Graph(_)), "{index}: {error}");
    }
}

#[test]
fn a_map_that_memory_cannot_hold_is_refused() {
    let mut builder = Builder::new(Shape::new(1 << 20, 1 << 12, 1), 13);
    builder.relu("relu");
    let error = quantize(&builder.finish(), &[0], Form::QLinear).unwrap_err();
    assert!(matches!(error, QuantizeError::TooLarge { .. }), "{error}");
}

#[test]
fn the_picture_cannot_be_added_in_the_operator_form() {
    let mut builder = Builder::new(Shape::new(4, 4, 1), 12);
    let picture = builder.here();
    builder.conv2d("conv", 1, 1).add("add", picture);
    let float = builder.finish();
    let error = quantize(&float, &samples(&float, 4), Form::QLinear).unwrap_err();
    assert_eq!(error, QuantizeError::AddOfInput { node: "add".into() });
    quantize(&float, &samples(&float, 4), Form::Qdq).expect("1/256 is a power of two");
}
