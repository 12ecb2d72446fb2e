//! Average pool: a sum of codes and one requantization.

use crate::geometry::{Shape, Window};
use crate::requantize::Requantize;

/// An average pool: a depthwise convolution of ones whose factor contains `1 / taps`.
#[derive(Clone, Copy, Debug)]
pub struct AveragePool2d<R> {
    /// Input map `[h, w, c]`.
    pub input: Shape,
    /// Output map `[h, w, c]`.
    pub output: Shape,
    /// Window over the input. Taps on the padding read `input_zero_point`.
    pub window: Window,
    /// Code of real 0 in the input.
    pub input_zero_point: i8,
    /// Initial accumulator: `-input_zero_point * taps`.
    pub bias: i32,
    /// From accumulator to output; every channel has the factor of channel 0.
    pub requantize: R,
}

/// The requantized sum of the inputs under each window position, per channel.
pub fn average_pool2d<R: Requantize>(layer: &AveragePool2d<R>, input: &[i8], output: &mut [i8]) {
    let _ = (layer, input, output);
}
