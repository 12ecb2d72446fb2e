//! Fully connected layer.

use super::inner_product::inner_product;
use crate::map::Map;
use crate::requantize::Requantize;

/// A fully connected layer over a flattened `[h, w, c]` map.
#[derive(Clone, Copy, Debug)]
pub struct Dense<'a, R> {
    /// `[oc, inputs]`; `inputs` is the length of the input slice.
    pub weights: &'a [i8],
    /// `[oc]`, with the input's zero point folded in.
    pub bias: &'a [i32],
    /// From accumulator to output.
    pub requantize: R,
}

impl<R> Dense<'_, R> {
    /// Whether the slices belong together; the kernels do nothing where they do not.
    pub fn describes(&self, input: &Map, output: &Map) -> bool {
        !input.is_empty()
            && self.bias.len() == output.len()
            && output.len().checked_mul(input.len()) == Some(self.weights.len())
    }
}

/// `output[oc] = requantize(bias[oc] + sum over i of input[i] * weights[oc][i])`.
///
/// A `layer` that does not [describe](Dense::describes) its slices leaves `output` as it is.
/// Accumulators wrap at 2^32; the compiler proves that they never do.
///
/// Source: ONNX QLinearConv-10 with a window over the whole map.
pub fn dense<R: Requantize>(layer: &Dense<'_, R>, input: &Map, output: &Map) {
    if !layer.describes(input, output) {
        return;
    }
    let filters = layer.weights.chunks_exact(input.len().max(1));
    let channels = output.iter().zip(filters).zip(layer.bias).enumerate();
    for (channel, ((code, filter), bias)) in channels {
        let accumulator = bias.wrapping_add(inner_product(input, filter));
        code.set(layer.requantize.requantize(accumulator, channel));
    }
}
