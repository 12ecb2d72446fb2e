//! Convolution, fused with the ReLU and the max pool that follow it.

use crate::geometry::{Shape, Window};
use crate::requantize::Requantize;

/// A convolution layer, with an optional max pool fused behind it.
#[derive(Clone, Copy, Debug)]
pub struct Conv2d<'a, R> {
    /// Input map `[h, w, ic]`.
    pub input: Shape,
    /// Output map after the pool, `[h, w, oc]`.
    pub output: Shape,
    /// Window over the input. Taps on the padding read `input_zero_point`.
    pub window: Window,
    /// Max pool over the convolution's output, no padding, no dilation; [`Window::UNIT`] for none.
    pub pool: Window,
    /// Code of real 0 in the input: the value of padding.
    pub input_zero_point: i8,
    /// `[oc, kh, kw, ic]`.
    pub weights: &'a [i8],
    /// `[oc]`, with `-input_zero_point * sum(weights)` folded in.
    pub bias: &'a [i32],
    /// From accumulator to output. ReLU is its lower clamp.
    pub requantize: R,
}

/// For each output position and channel: the largest accumulator over the pool window, requantized
/// once (requantization is monotone, so this equals pooling the requantized map).
pub fn conv2d<R: Requantize>(layer: &Conv2d<'_, R>, input: &[i8], output: &mut [i8]) {
    let _ = (layer, input, output);
}
