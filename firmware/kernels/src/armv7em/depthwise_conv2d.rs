//! Depthwise convolution: 3 x 3 windows by four channels and runs of pixels, other windows as portable.

use crate::geometry::Shape;
use crate::intrin::{DepthwiseWeights, PIXELS, Steps, depthwise_tile, sxtb16, sxtb16_ror8};
use crate::map::{Map, map};
use crate::portable::{DepthwiseConv2d, depthwise_conv2d as portable};
use crate::requantize::Requantize;
use core::cell::Cell;

/// As [`crate::portable::depthwise_conv2d()`].
///
/// ```text
/// for each four channels (the last four overlap, if channels are left):
///     weights of the nine taps as halfwords
///     for each output row: runs of pixels whose windows are on the map;
///                          each pixel at the border from a copy of its window with the padding filled in
/// ```
pub fn depthwise_conv2d<R: Requantize>(layer: &DepthwiseConv2d<'_, R>, input: &Map, output: &Map) {
    let channels = layer.input.c;
    if layer.window.kernel != [3, 3] || layer.window.dilation != [1, 1] || channels < 4 {
        return portable(layer, input, output);
    }
    if !layer.describes(input, output) {
        return;
    }
    let mut sums = [[0; 4]; PIXELS];
    for block in 0..channels.div_ceil(4) {
        let channel = (4 * block).min(channels - 4);
        let biases = layer.bias.get(channel..).and_then(|bias| bias.first_chunk());
        let weights = weights(layer, channel);
        let four = Four { layer, input, channel, weights, biases: *biases.unwrap_or(&[0; 4]) };
        let row_len = (layer.output.w * channels).max(1);
        for (y, row) in output.chunks_exact(row_len).enumerate() {
            four.row(y, row, &mut sums);
        }
    }
}

/// The nine taps of four channels from `channel` on, as halfwords.
fn weights<R>(layer: &DepthwiseConv2d<'_, R>, channel: usize) -> DepthwiseWeights {
    let mut weights = [[0; 2]; 9];
    for (to, tap) in weights.iter_mut().zip(layer.weights.chunks(layer.input.c.max(1))) {
        let codes = tap.get(channel..).and_then(|tap| tap.first_chunk::<4>()).unwrap_or(&[0; 4]);
        let word = u32::from_le_bytes(codes.map(|code| code as u8));
        *to = [sxtb16(word), sxtb16_ror8(word)];
    }
    weights
}

/// Four channels of a layer.
struct Four<'a, R> {
    layer: &'a DepthwiseConv2d<'a, R>,
    input: &'a Map,
    channel: usize,
    weights: DepthwiseWeights,
    biases: [i32; 4],
}

impl<R: Requantize> Four<'_, R> {
    /// Computes the output row `y`.
    fn row(&self, y: usize, row: &Map, sums: &mut [[i32; 4]; PIXELS]) {
        let Shape { h, w, c } = self.layer.input;
        let window = &self.layer.window;
        let steps = Steps { column: c, row: w * c, pixel: window.stride[1] * c };
        let rows_whole = window.rows_inside(y, h).count == 3;
        let mut x = 0;
        let mut rest = row;
        while !rest.is_empty() {
            let pixels = if rows_whole { self.whole_pixels(x) } else { 0 };
            let done = if pixels > 0 {
                let row = (y * window.stride[0]).wrapping_sub(window.padding.top);
                let column = (x * window.stride[1]).wrapping_sub(window.padding.left);
                let start = row.wrapping_mul(w).wrapping_add(column).wrapping_mul(c) + self.channel;
                let input = self.input.get(start..).unwrap_or_default();
                depthwise_tile(input, steps, &self.weights, pixels, sums);
                pixels
            } else {
                self.border_pixel([y, x], sums);
                1
            };
            let (codes, after) = rest.split_at_checked(done * c).unwrap_or_default();
            self.finish(sums, codes);
            rest = after;
            x += done;
        }
    }

    /// How many pixels from column `x` on have all columns of their windows on the map, up to [`PIXELS`].
    fn whole_pixels(&self, x: usize) -> usize {
        let window = &self.layer.window;
        let Shape { w, .. } = self.layer.input;
        let Some(column) = (x * window.stride[1]).checked_sub(window.padding.left) else {
            return 0;
        };
        let Some(steps) = w.checked_sub(column + 3) else { return 0 };
        (steps / window.stride[1].max(1) + 1).min(self.layer.output.w - x).min(PIXELS)
    }

    /// Computes a pixel whose window is partly on the padding.
    fn border_pixel(&self, [y, x]: [usize; 2], sums: &mut [[i32; 4]; PIXELS]) {
        let Shape { h, w, c } = self.layer.input;
        let window = &self.layer.window;
        let [rows, columns] = [window.rows_inside(y, h), window.columns_inside(x, w)];
        let mut patch = [[self.layer.input_zero_point; 4]; 9];
        for (tap_y, patch_row) in patch.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let Some(row) = rows.reads(tap_y, 1) else { continue };
            for (tap_x, to) in patch_row.iter_mut().enumerate() {
                let Some(column) = columns.reads(tap_x, 1) else { continue };
                let codes = self.input.get((row * w + column) * c + self.channel..);
                if let Some(codes) = codes.and_then(|codes| codes.first_chunk::<4>()) {
                    *to = codes.each_ref().map(Cell::get);
                }
            }
        }
        let steps = Steps { column: 4, row: 12, pixel: 36 };
        depthwise_tile(map(patch.as_flattened_mut()), steps, &self.weights, 1, sums);
    }

    /// Adds the biases and writes the codes of whole pixels.
    fn finish(&self, sums: &[[i32; 4]; PIXELS], pixels: &Map) {
        let (channel, requantize) = (self.channel, &self.layer.requantize);
        for (pixel, sums) in pixels.chunks_exact(self.layer.input.c.max(1)).zip(sums) {
            let codes = pixel.get(channel..).and_then(|codes| codes.first_chunk::<4>());
            if let Some(codes) = codes {
                requantize.requantize_channels(channel, sums, &self.biases, codes);
            }
        }
    }
}
