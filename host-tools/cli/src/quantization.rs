//! A network of the trainer as an int8 network.

use thumbnet_graph::onnx::Form;
use thumbnet_quantize::{Normalization, Options, Prepared, Quantized, prepare, quantize_with};
use thumbnet_train::Network;

/// Quantizes a network with ranges from these pixels, `[n, h, w, c]`.
pub(crate) fn quantized(network: &Network, pixels: &[u8], form: Form) -> anyhow::Result<Quantized> {
    let Prepared { graph, zero_byte, .. } = float_graph(network)?;
    let options = Options { form, zero_byte, ..Default::default() };
    Ok(quantize_with(&graph, pixels, &options)?)
}

/// The network as one that takes bytes, and the byte that is 0 to it.
fn float_graph(network: &Network) -> anyhow::Result<Prepared> {
    let graph = network.to_graph();
    let input = network.recipe().input;
    if (input.mean, input.std) == (0.0, 1.0) {
        return Ok(Prepared { graph, zero_byte: 0, padding_error: 0.0 });
    }
    // The graph's first node normalizes: it becomes part of what is behind it.
    Ok(prepare(&graph, &Normalization::default())?)
}
