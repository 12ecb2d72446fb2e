//! Depthwise convolution: each channel has its own window of weights.

use crate::geometry::{Shape, Window};
use crate::map::{Map, map};
use crate::order::{Channels, Order};
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

impl<R> DepthwiseConv2d<'_, R> {
    /// Whether shapes, window and slices belong together; the kernels do nothing where they do not.
    pub fn describes(&self, input: &Map, output: &Map) -> bool {
        let filters = self.window.filters(1, self.output.c);
        self.window.maps(self.input, self.output)
            && self.input.checked_len() == Some(input.len())
            && self.output.checked_len() == Some(output.len())
            && filters.and_then(Shape::checked_len) == Some(self.weights.len())
            && self.bias.len() == self.output.c
    }
}

/// Channels that share the walk over a window; their accumulators live on the stack.
const BLOCK: usize = 16;

/// The order of [`depthwise_conv2d()`]: pixel by pixel; sums are complete before they are written.
pub const DEPTHWISE_CONV2D_ORDER: Order =
    Order { tile: [1, 1], tiles: 1, gathers: true, rereads: true, channels: Channels::Apart };

/// Convolves each channel with its own weights.
///
/// ```text
/// for each output pixel, for each block of 16 channels:
///     accumulators = bias
///     for each tap: accumulators += the tap's input (on the padding: zero points) * the tap's weights
///     output = requantize(accumulators)
/// ```
///
/// A `layer` that does not [describe](DepthwiseConv2d::describes) its slices leaves `output` as it is.
/// Accumulators wrap at 2^32; the compiler proves that they never do.
///
/// Source: ONNX QLinearConv-10 with `group` = channels.
pub fn depthwise_conv2d<R: Requantize>(layer: &DepthwiseConv2d<'_, R>, input: &Map, output: &Map) {
    if !layer.describes(input, output) {
        return;
    }
    let Shape { w, c, .. } = layer.output;
    for (y, row) in output.chunks_exact((w * c).max(1)).enumerate() {
        for (x, pixel) in row.chunks_exact(c.max(1)).enumerate() {
            let blocks = pixel.chunks(BLOCK).zip(layer.bias.chunks(BLOCK));
            for (block, (codes, bias)) in blocks.enumerate() {
                let start = block * BLOCK;
                let accumulators = accumulate(layer, input, [y, x], start, bias);
                for (lane, (code, accumulator)) in codes.iter().zip(accumulators).enumerate() {
                    code.set(layer.requantize.requantize(accumulator, start + lane));
                }
            }
        }
    }
}

/// The accumulators of the channels from `start` on at one position of the window.
fn accumulate<R>(
    layer: &DepthwiseConv2d<'_, R>,
    input: &Map,
    [y, x]: [usize; 2],
    start: usize,
    bias: &[i32],
) -> [i32; BLOCK] {
    let mut accumulators = [0; BLOCK];
    for (accumulator, bias) in accumulators.iter_mut().zip(bias) {
        *accumulator = *bias;
    }
    let Shape { h, w, c } = layer.input;
    let [dilation_y, dilation_x] = layer.window.dilation;
    let rows = layer.window.rows_inside(y, h);
    let columns = layer.window.columns_inside(x, w);
    let mut padding = [layer.input_zero_point; BLOCK];
    let padding = map(&mut padding);
    let filter_rows = layer.weights.chunks_exact((layer.window.kernel[1] * c).max(1));
    for (tap_y, filter_row) in filter_rows.enumerate() {
        let row = rows.reads(tap_y, dilation_y).and_then(|row| input.get(row * w * c..));
        for (tap_x, weights) in filter_row.chunks_exact(c.max(1)).enumerate() {
            let column = columns.reads(tap_x, dilation_x);
            let pixel = match (row, column) {
                (Some(row), Some(column)) => row.get(column * c + start..).unwrap_or_default(),
                _ => padding,
            };
            let weights = weights.get(start..).unwrap_or_default();
            for ((accumulator, input), weight) in accumulators.iter_mut().zip(pixel).zip(weights) {
                let product = i32::from(input.get()) * i32::from(*weight);
                *accumulator = accumulator.wrapping_add(product);
            }
        }
    }
    accumulators
}
