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
