//! Damaged files give an error or a valid graph, never a panic.

use proptest::prelude::*;
use thumbnet_graph::onnx::{Form, OnnxError, is_writable, read, write};
use thumbnet_graph::testing::{Random, int8_graph};

fn file(seed: u64) -> Vec<u8> {
    let form = if seed.is_multiple_of(2) { Form::QLinear } else { Form::Qdq };
    write(&int8_graph(seed / 2), form)
}

/// Reads a damaged file; what is accepted must be valid.
fn survives(bytes: &[u8]) {
    if let Ok(graph) = read(bytes, "damaged.onnx") {
        assert_eq!(graph.validate(), Ok(()));
        // Whatever was read can be written, but for what only other tools write.
        if is_writable(&graph) {
            write(&graph, Form::Qdq);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn truncated_files_do_not_panic(seed: u64) {
        let bytes = file(seed);
        let mut random = Random::new(seed);
        for _ in 0..20 {
            survives(&bytes[..random.within(0..=bytes.len())]);
        }
    }

    #[test]
    fn files_with_flipped_bits_do_not_panic(seed: u64) {
        let bytes = file(seed);
        let mut random = Random::new(seed);
        for _ in 0..60 {
            let mut damaged = bytes.clone();
            for _ in 0..random.within(1..=3) {
                let at = random.within(0..=damaged.len() - 1);
                damaged[at] ^= 1 << random.within(0..=7);
            }
            survives(&damaged);
        }
    }

    #[test]
    fn files_with_bytes_moved_do_not_panic(seed: u64) {
        let bytes = file(seed);
        let mut random = Random::new(seed);
        for _ in 0..20 {
            let mut damaged = bytes.clone();
            let len = random.within(1..=16);
            let from = random.within(0..=damaged.len() - len);
            let to = random.within(0..=damaged.len() - len);
            damaged.copy_within(from..from + len, to);
            survives(&damaged);
        }
    }

    #[test]
    fn noise_does_not_panic(bytes: Vec<u8>) {
        prop_assert!(read(&bytes, "noise.onnx").is_err());
    }
}

#[test]
fn an_empty_file_is_no_model() {
    assert!(matches!(read(&[], "empty.onnx"), Err(OnnxError::NotOnnx { .. })));
}

#[test]
fn a_file_of_empty_nodes_is_refused_before_it_is_decoded() {
    let nodes = 1_000_000_usize;
    let mut bytes = vec![0x3a];
    let len = 2 * nodes;
    bytes.extend([(len & 0x7f) as u8 | 0x80, (len >> 7 & 0x7f) as u8 | 0x80, (len >> 14) as u8]);
    bytes.extend([0x0a, 0x00].repeat(nodes));
    assert!(matches!(read(&bytes, "nodes.onnx"), Err(OnnxError::TooLarge { .. })));
}
