//! Depthwise convolution: each channel has its own window of weights.

use crate::geometry::{Shape, Window};
use crate::requantize::Requantize;

/// A depthwise convolution with channel multiplier 1.
#[derive(Clone, Copy, Debug)]
pub struct DepthwiseConv2d<'a, R> {
    /// Input map `[h, w, c]`.
    pub input: Shape,
    /// Output map `[h, w, c]`.
    pub output: Shape,
    /// Window over the input. Taps on the padding read `input_zero_point`.
    pub window: Window,
    /// Code of real 0 in the input.
    pub input_zero_point: i8,
    /// `[kh, kw, c]`.
    pub weights: &'a [i8],
    /// `[c]`, with the input's zero point folded in.
    pub bias: &'a [i32],
    /// From accumulator to output.
    pub requantize: R,
}

/// Convolves each channel with its own weights.
pub fn depthwise_conv2d<R: Requantize>(
    layer: &DepthwiseConv2d<'_, R>,
    input: &[i8],
    output: &mut [i8],
) {
    let _ = (layer, input, output);
}
