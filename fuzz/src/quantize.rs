//! Float files to the quantizer; `host-tools/quantize/tests/damaged` calls the same function.

use std::path::Path;
use thumbnet_compile::{Options, compile};
use thumbnet_graph::FloatGraph;
use thumbnet_graph::onnx::{self, Form};
use thumbnet_quantize::{self as quantizer, Equalize, Normalization, integer};
use thumbnet_simulate::desktop::Simulator;

/// Most numbers in maps and weights of a network that is quantized.
const MOST_NUMBERS: usize = 1 << 15;
/// Most multiply-accumulates of a network that is quantized: it is run some ten times.
const MOST_MACS: u64 = 1 << 19;

/// Bytes to the reader of float files, to the quantizer, to the writer and to the simulator: an error, or a network that
/// is read as it was written and whose kernels give what it means.
pub fn quantize(bytes: &[u8]) {
    // Nothing is there that external data could come from.
    let whole = onnx::resolve(bytes, "fuzz.onnx", Path::new("/nonexistent"), None);
    let Ok(whole) = whole else { return };
    let Ok(float) = onnx::read_float(&whole, "fuzz.onnx") else { return };
    if !is_small(&float) {
        return;
    }
    let normalization = Normalization { mean: vec![0.286], std: vec![0.353] };
    let Ok(prepared) = quantizer::prepare(&float, &normalization) else { return };
    let form = if bytes.len().is_multiple_of(2) { Form::QLinear } else { Form::Qdq };
    let options = quantizer::Options {
        form,
        equalize: Equalize::IfBetter,
        zero_byte: prepared.zero_byte,
        ..quantizer::Options::default()
    };
    let shape = prepared.graph.tensor(prepared.graph.input).shape;
    let pictures: Vec<u8> =
        (0..2 * shape.len()).map(|at| (at.wrapping_mul(77) >> 1) as u8).collect();
    let Ok(quantized) = quantizer::quantize_with(&prepared.graph, &pictures, &options) else {
        return;
    };
    let graph = quantized.graph;
    assert_eq!(graph.validate(), Ok(()));
    let again = onnx::read(&onnx::write(&graph, form), "fuzz.onnx").expect("it was just written");
    let Ok(program) = compile(&again, [0; 8], &Options::default()) else { return };
    let input: Vec<i8> =
        pictures.iter().take(shape.len()).map(|byte| (byte ^ 0x80) as i8).collect();
    let Ok(meaning) = integer::run(&graph, &input) else { return };
    let logits = <Simulator>::new(&program).run(&input, &mut |_, _| {}).to_vec();
    assert_eq!(logits, meaning[graph.output.0]);
}

fn is_small(graph: &FloatGraph) -> bool {
    let maps = graph.tensors.iter().map(|tensor| tensor.shape.len());
    let weights = graph.nodes.iter().map(|node| match &node.op {
        // Groups are written out as zeros.
        thumbnet_graph::Op::Conv2d(conv) => conv.weights.values.len().saturating_mul(conv.groups),
        _ => 0,
    });
    let numbers = maps.chain(weights).fold(0, usize::saturating_add);
    numbers <= MOST_NUMBERS && graph.total_macs() <= MOST_MACS
}
