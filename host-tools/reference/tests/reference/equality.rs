//! Networks that were quantized here are equal to tract in every byte.

use crate::networks::{model, network};
use thumbnet_graph::Shape;
use thumbnet_graph::onnx::Form;
use thumbnet_reference::{Comparison, Exposed, Inputs, Mode, Model, Parity, Side};

/// The comparison of `model` with its own programs on random inputs.
fn compare(model: &Model, count: usize) -> Parity {
    let sides = [Side::every_node(&model.graph).unwrap(), Side::deployed(&model.graph).unwrap()];
    let comparison = Comparison::new(model.references().unwrap(), &sides).unwrap();
    let shape = model.graph.tensor(model.graph.input).shape;
    let inputs = Inputs::Random { seed: 5, count, shape };
    let tally = comparison.run(count, |index| inputs.codes(index), || {}).unwrap();
    comparison.report(tally, &model.file, &inputs.describe())
}

#[test]
fn random_networks_equal_tract_in_both_modes_and_both_forms() {
    for seed in 0..10 {
        for form in [Form::QLinear, Form::Qdq] {
            let parity = compare(&model(&network(seed), form), 12);
            assert_eq!(parity.first_difference, None, "seed {seed}, {form:?}");
            assert!(parity.is_equal(), "seed {seed}, {form:?}");
        }
    }
}

#[test]
fn every_layer_is_compared_in_every_mode() {
    let model = model(&network(0), Form::QLinear);
    let parity = compare(&model, 2);
    assert_eq!(parity.modes.len(), 6);
    let every_node = &parity.modes[0];
    assert_eq!((every_node.mode, every_node.exposed), (Mode::Decluttered, Exposed::EveryLayer));
    let made: Vec<_> = model.graph.nodes.iter().map(|node| node.name.clone()).collect();
    let compared: Vec<_> = every_node.layers.iter().map(|layer| layer.name.clone()).collect();
    assert_eq!(compared, made);
    let bytes = |node: &thumbnet_graph::Node<_>| model.graph.tensor(node.output).shape.len() as u64;
    assert_eq!(every_node.bytes, 2 * model.graph.nodes.iter().map(bytes).sum::<u64>());
    let logits_only = &parity.modes[2];
    assert_eq!((logits_only.exposed, logits_only.layers.len()), (Exposed::Logits, 1));
}

#[test]
fn a_model_with_channels_reads_its_input_in_the_right_order() {
    // Three channels on a map that is not square: a wrong transposition changes the logits.
    let seed = (0..).find(|&seed| {
        let graph = network(seed);
        let Shape { h, w, c } = graph.tensor(graph.input).shape;
        c == 3 && h != w
    });
    let parity = compare(&model(&network(seed.unwrap()), Form::QLinear), 20);
    assert!(parity.is_equal(), "{:?}", parity.first_difference);
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let model = model(&network(3), Form::QLinear);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(one.install(|| compare(&model, 6)), compare(&model, 6));
}
