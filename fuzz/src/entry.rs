//! What is fuzzed; the smoke test in `host-tools/simulate/tests/fuzz_smoke` calls the same functions.

use std::path::Path;
use thumbnet_compile::{InstructionSet, Optimize, Options, Program, compile};
use thumbnet_graph::onnx::{self, Form};
use thumbnet_graph::{Int8Graph, Op};
use thumbnet_kernels::{Armv7em, Backend, Portable};
use thumbnet_simulate::desktop::Simulator;

/// Most numbers in maps and weights of a network that is compiled and run.
const MOST_NUMBERS: usize = 1 << 18;
/// Most multiply-accumulates of a network that is run.
const MOST_MACS: u64 = 1 << 22;

/// Bytes to the reader: an error or a valid graph that can be written and read again.
pub fn read(bytes: &[u8]) {
    // Nothing is there that external data could come from.
    let whole = onnx::resolve(bytes, "fuzz.onnx", Path::new("/nonexistent"), None);
    if let Ok(whole) = whole
        && let Ok(graph) = onnx::read_float(&whole, "fuzz.onnx")
    {
        assert_eq!(graph.validate(), Ok(()));
    }
    if let Ok((graph, interface)) = onnx::import(bytes, "fuzz.onnx") {
        assert_eq!(graph.validate(), Ok(()));
        assert!(interface.input.dims.iter().product::<usize>() > 0);
        if onnx::is_writable(&graph) {
            onnx::write(&graph, Form::Qdq);
        }
    }
}

/// Bytes to the reader, to the compiler, to the simulator: two instruction sets give the same bytes.
pub fn run(bytes: &[u8]) {
    let Ok(graph) = onnx::read(bytes, "fuzz.onnx") else { return };
    if !is_small(&graph) {
        return;
    }
    let options =
        |instruction_set, optimize| Options { instruction_set, optimize, ..Options::default() };
    let plain = compile(&graph, [0; 8], &Options::default());
    let fast = compile(&graph, [0; 8], &options(InstructionSet::Armv7em, Optimize::Speed));
    let (Ok(plain), Ok(fast)) = (plain, fast) else { return };
    let input: Vec<i8> =
        (0..plain.input_shape.len()).map(|at| (at.wrapping_mul(77) >> 1) as i8).collect();
    let logits = infer::<Portable>(&plain, &input);
    assert_eq!(infer::<Portable>(&fast, &input), logits);
    assert_eq!(infer::<Armv7em>(&fast, &input), logits);
}

fn infer<B: Backend>(program: &Program, input: &[i8]) -> Vec<i8> {
    Simulator::<B>::new(program).run(input, &mut |_, _| {}).to_vec()
}

fn is_small(graph: &Int8Graph) -> bool {
    let maps = graph.tensors.iter().map(|tensor| tensor.shape.len());
    let weights = graph.nodes.iter().map(|node| match &node.op {
        // Groups are written out as zeros.
        Op::Conv2d(conv) => conv.weights.values.len().saturating_mul(conv.groups),
        _ => 0,
    });
    let numbers = maps.chain(weights).fold(0, usize::saturating_add);
    numbers <= MOST_NUMBERS && graph.total_macs() <= MOST_MACS
}
