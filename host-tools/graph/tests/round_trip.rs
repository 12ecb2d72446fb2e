//! What is written is read back as the same graph, in both forms.

use proptest::prelude::*;
use thumbnet_graph::onnx::{Form, read, write};
use thumbnet_graph::testing::{int8_graph, seed_cnn};

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn random_graphs_survive_both_forms(seed: u64) {
        let graph = int8_graph(seed);
        prop_assert_eq!(graph.validate(), Ok(()));
        for form in [Form::QLinear, Form::Qdq] {
            let bytes = write(&graph, form);
            let again = read(&bytes, "random.onnx");
            prop_assert_eq!(again.as_ref(), Ok(&graph));
            prop_assert_eq!(write(&graph, form), bytes);
        }
    }
}

#[test]
fn the_seed_cnn_survives_both_forms() {
    let graph = seed_cnn(1);
    assert_eq!(graph.validate(), Ok(()));
    assert_eq!(graph.total_macs(), 2_528_000);
    for form in [Form::QLinear, Form::Qdq] {
        assert_eq!(read(&write(&graph, form), "seed.onnx").as_ref(), Ok(&graph));
    }
}

#[test]
fn a_network_that_ends_in_a_map_survives_both_forms() {
    let mut graph = seed_cnn(1);
    graph.nodes.truncate(3);
    graph.tensors.truncate(4);
    graph.output = graph.nodes[2].output;
    assert_eq!(graph.validate(), Ok(()));
    for form in [Form::QLinear, Form::Qdq] {
        assert_eq!(read(&write(&graph, form), "map.onnx").as_ref(), Ok(&graph));
    }
}

#[test]
fn taken_names_are_not_taken_again() {
    // Constants and helper nodes would get these names.
    let mut graph = seed_cnn(1);
    for (tensor, name) in graph.tensors.iter_mut().zip(["conv1_out_scale", "probabilities"]) {
        name.clone_into(&mut tensor.name);
    }
    "logits_flat".clone_into(&mut graph.nodes[0].name);
    for form in [Form::QLinear, Form::Qdq] {
        assert_eq!(read(&write(&graph, form), "names.onnx").as_ref(), Ok(&graph));
    }
}

#[test]
fn no_two_nodes_of_a_file_have_one_name() {
    let mut graph = seed_cnn(1);
    let wanted = ["twice", "twice", "twice_2", "", "", "twice"];
    for (node, name) in graph.nodes.iter_mut().zip(wanted) {
        name.clone_into(&mut node.name);
    }
    let read = read(&write(&graph, Form::QLinear), "names.onnx").unwrap();
    let names: Vec<&str> = read.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["twice", "twice_2", "twice_2_2", "", "", "twice_3"]);
}
