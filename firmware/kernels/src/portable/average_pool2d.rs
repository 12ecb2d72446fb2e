//! Average pool: a sum of codes and one requantization.

use crate::geometry::{Shape, Window};
use crate::map::Map;
use crate::order::{Channels, Order};
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

impl<R> AveragePool2d<R> {
    /// Whether shapes, window and slices belong together; the kernels do nothing where they do not.
    pub fn describes(&self, input: &Map, output: &Map) -> bool {
        self.window.maps(self.input, self.output)
            && self.window.filters(1, 1).is_some()
            && self.input.checked_len() == Some(input.len())
            && self.output.checked_len() == Some(output.len())
    }
}

/// Channels that share the walk over a window; their accumulators live on the stack.
const BLOCK: usize = 16;

/// The order of [`average_pool2d()`] on every backend: pixel by pixel; sums are complete before they are written.
pub const AVERAGE_POOL2D_ORDER: Order =
    Order { tile: [1, 1], tiles: 1, gathers: true, rereads: true, channels: Channels::Apart };

/// The requantized sum of the inputs under each window position, per channel.
///
/// Taps on the padding count as real 0 and belong to the divisor (`count_include_pad` = 1).
///
/// A `layer` that does not [describe](AveragePool2d::describes) its slices leaves `output` as it is.
/// Accumulators wrap at 2^32: far beyond any window that fits a microcontroller.
///
/// Source: ONNX AveragePool-11 between QuantizeLinear-10 steps.
pub fn average_pool2d<R: Requantize>(layer: &AveragePool2d<R>, input: &Map, output: &Map) {
    if !layer.describes(input, output) {
        return;
    }
    let Shape { w, c, .. } = layer.output;
    for (y, row) in output.chunks_exact((w * c).max(1)).enumerate() {
        for (x, pixel) in row.chunks_exact(c.max(1)).enumerate() {
            for (block, codes) in pixel.chunks(BLOCK).enumerate() {
                let accumulators = accumulate(layer, input, [y, x], block * BLOCK);
                for (code, accumulator) in codes.iter().zip(accumulators) {
                    code.set(layer.requantize.requantize(accumulator, 0));
                }
            }
        }
    }
}

/// The accumulators of the channels from `start` on at one position of the window.
fn accumulate<R>(
    layer: &AveragePool2d<R>,
    input: &Map,
    [y, x]: [usize; 2],
    start: usize,
) -> [i32; BLOCK] {
    let Shape { h, w, c } = layer.input;
    let rows = layer.window.rows_inside(y, h);
    let columns = layer.window.columns_inside(x, w);
    // The host proves that sizes are small; wrapping only keeps a lie from stopping a debug build.
    let on_padding = (layer.window.taps() as i32).wrapping_sub((rows.count * columns.count) as i32);
    let padding = i32::from(layer.input_zero_point).wrapping_mul(on_padding);
    let mut accumulators = [layer.bias.wrapping_add(padding); BLOCK];

    // A dilation counts for nothing, and may be any number, where there is one tap.
    let row_step = layer.window.dilation[0].saturating_mul(w * c).max(1);
    let pixel_step = layer.window.dilation[1].saturating_mul(c).max(1);
    let first_pixel = (rows.start * w + columns.start) * c + start;
    let rows = input.get(first_pixel..).unwrap_or_default().chunks(row_step).take(rows.count);
    for row in rows {
        for pixel in row.chunks(pixel_step).take(columns.count) {
            for (accumulator, code) in accumulators.iter_mut().zip(pixel) {
                *accumulator = accumulator.wrapping_add(i32::from(code.get()));
            }
        }
    }
    accumulators
}
