//! Fully connected layer.

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

/// `output[oc] = requantize(bias[oc] + sum over i of input[i] * weights[oc][i])`.
pub fn dense<R: Requantize>(layer: &Dense<'_, R>, input: &[i8], output: &mut [i8]) {
    let _ = (layer, input, output);
}
