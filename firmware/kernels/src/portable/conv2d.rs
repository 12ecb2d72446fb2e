//! Convolution, fused with the ReLU and the max pool that follow it.

use super::inner_product::{inner_product, sum};
use core::ops::Range;

use crate::geometry::{Padding, Shape, Taps, Window};
use crate::map::{Map, map};
use crate::order::{Channels, Order};
use crate::requantize::Requantize;

/// A convolution layer, with an optional max pool fused behind it.
///
/// A ReLU is `requantize`'s lower clamp. The map between convolution and pool never exists: it would
/// often be the largest of the network.
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

impl<R> Conv2d<'_, R> {
    /// Whether shapes, windows and slices belong together; the kernels do nothing where they do not.
    pub fn describes(&self, input: &Map, output: &Map) -> bool {
        let filters = self.window.filters(self.output.c, self.input.c);
        filters.and_then(Shape::checked_len) == Some(self.weights.len())
            && self.describes_all_but_weights(input, output)
    }

    pub(crate) fn describes_all_but_weights(&self, input: &Map, output: &Map) -> bool {
        !input.is_empty()
            && self.input.checked_len() == Some(input.len())
            && self.output.checked_len() == Some(output.len())
            && self.window.filters(self.output.c, self.input.c).is_some()
            && self.bias.len() == self.output.c
            && self.pool.padding == Padding::NONE
            && self.pool.dilation == [1, 1]
            && self
                .window
                .positions(self.input.h, self.input.w)
                .and_then(|[h, w]| self.pool.positions(h, w))
                == Some([self.output.h, self.output.w])
    }
}

/// Channels that share the walk over a pool window; their accumulators live on the stack.
const BLOCK: usize = 16;

/// The order of [`conv2d()`] with `oc` output channels: pixel by pixel; one block of channels is computed before it
/// is written, several are not. A network for any core heeds [`crate::scalar::conv2d_order()`] too.
pub const fn conv2d_order(oc: usize) -> Order {
    Order {
        tile: [1, 1],
        tiles: 1,
        gathers: oc <= BLOCK,
        rereads: true,
        channels: Channels::Together,
    }
}

/// Windows of up to this many elements are copied: one short loop a channel instead of one a row.
const SMALL: usize = 32; // 3 x 3 x 3 and a few more

/// For each output position and channel: the largest accumulator over the pool window, requantized
/// once (requantization is monotone, so this equals pooling the requantized map).
///
/// ```text
/// for each output pixel, for each block of 16 output channels:
///     for each position of the convolution under the pool window:
///         for each channel of the block: largest = max(largest, bias + sum(input * weights))
///     for each channel of the block: output = requantize(largest)
/// ```
///
/// A `layer` that does not [describe](Conv2d::describes) its slices leaves `output` as it is.
/// Accumulators wrap at 2^32; the compiler proves that they never do.
///
/// Source: ONNX QLinearConv-10 followed by MaxPool-12.
pub fn conv2d<R: Requantize>(layer: &Conv2d<'_, R>, input: &Map, output: &Map) {
    if layer.describes(input, output) {
        conv2d_channels(layer, 0..layer.output.c, input, output);
    }
}

/// Computes only some of the output channels; `layer.weights` starts with their filters.
pub(crate) fn conv2d_channels<R: Requantize>(
    layer: &Conv2d<'_, R>,
    channels: Range<usize>,
    input: &Map,
    output: &Map,
) {
    let Shape { w, c, .. } = layer.output;
    for (y, row) in output.chunks_exact((w * c).max(1)).enumerate() {
        for (x, pixel) in row.chunks_exact(c.max(1)).enumerate() {
            pooled_pixel(layer, channels.clone(), input, [y, x], pixel);
        }
    }
}

/// Some channels of the output pixel at `position`.
fn pooled_pixel<R: Requantize>(
    layer: &Conv2d<'_, R>,
    channels: Range<usize>,
    input: &Map,
    position: [usize; 2],
    pixel: &Map,
) {
    let pixel = pixel.get(channels.clone()).unwrap_or_default();
    let bias = layer.bias.get(channels.clone()).unwrap_or_default();
    let filter_len = layer.window.taps() * layer.input.c;
    let filters = layer.weights.chunks((BLOCK * filter_len).max(1));
    let blocks = pixel.chunks(BLOCK).zip(filters).zip(bias.chunks(BLOCK));
    let mut channel = channels.start;
    for ((codes, filters), bias) in blocks {
        let accumulators = largest_accumulators(layer, input, position, filters, bias);
        for (code, accumulator) in codes.iter().zip(accumulators) {
            code.set(layer.requantize.requantize(accumulator, channel));
            channel += 1;
        }
    }
}

/// The largest accumulators of one block of channels over the pool window at `position`.
fn largest_accumulators<R>(
    layer: &Conv2d<'_, R>,
    input: &Map,
    position: [usize; 2],
    filters: &[i8],
    bias: &[i32],
) -> [i32; BLOCK] {
    let filter_len = (layer.window.taps() * layer.input.c).max(1);
    let mut largest = [i32::MIN; BLOCK];
    for pool_y in 0..layer.pool.kernel[0] {
        for pool_x in 0..layer.pool.kernel[1] {
            let y = position[0] * layer.pool.stride[0] + pool_y;
            let x = position[1] * layer.pool.stride[1] + pool_x;
            let Some(patch) = Patch::under_window(layer, input, [y, x]) else { continue };
            let mut copy = [layer.input_zero_point; SMALL];
            let small = copy.get_mut(..filter_len).map(|copy| patch.copy_to(copy));
            let channels = largest.iter_mut().zip(filters.chunks_exact(filter_len)).zip(bias);
            for ((largest, filter), bias) in channels {
                let product = match small {
                    Some(patch) => inner_product(patch, filter),
                    None => patch.inner_product(filter),
                };
                *largest = (*largest).max(bias.wrapping_add(product));
            }
        }
    }
    largest
}

/// The part of the input under one position of the window, clipped to the map once for all channels.
struct Patch<'a> {
    /// The input from the first tap on the map on.
    pixels: &'a Map,
    /// Distance in bytes from one tap row to the next.
    row_step: usize,
    /// Distance in bytes from one tap to the next in a row.
    pixel_step: usize,
    /// Taps on the map.
    rows: Taps,
    /// Weights of one filter row.
    filter_row_len: usize,
    /// First and one past the last weight of a filter row whose tap is on the map.
    filter_columns: [usize; 2],
    channels: usize,
    /// Value of the taps on the padding, where there are some.
    padding: Option<i32>,
}

impl<'a> Patch<'a> {
    fn under_window<R>(layer: &Conv2d<'_, R>, input: &'a Map, [y, x]: [usize; 2]) -> Option<Self> {
        let window = &layer.window;
        let Shape { h, w, c } = layer.input;
        let rows = window.rows_inside(y, h);
        let columns = window.columns_inside(x, w);
        let clipped = [rows.count, columns.count] != window.kernel;
        Some(Self {
            pixels: input.get((rows.start * w + columns.start) * c..)?,
            // A dilation counts for nothing, and may be any number, where there is one tap.
            row_step: window.dilation[0].saturating_mul(w * c),
            pixel_step: window.dilation[1].saturating_mul(c),
            rows,
            filter_row_len: window.kernel[1] * c,
            filter_columns: [columns.first * c, (columns.first + columns.count) * c],
            channels: c,
            padding: clipped.then_some(i32::from(layer.input_zero_point)),
        })
    }

    /// Overwrites what is on the map in `window`, `[kh, kw, ic]`, which holds the value of padding.
    fn copy_to<'w>(&self, window: &'w mut [i8]) -> &'w Map {
        let [start, end] = self.filter_columns;
        let rows = window.chunks_exact_mut(self.filter_row_len.max(1)).skip(self.rows.first);
        for (row, pixels) in
            rows.take(self.rows.count).zip(self.pixels.chunks(self.row_step.max(1)))
        {
            let taps = row.get_mut(start..end).unwrap_or_default();
            let pixels = pixels.chunks(self.pixel_step.max(1));
            for (tap, pixel) in taps.chunks_mut(self.channels.max(1)).zip(pixels) {
                tap.iter_mut().zip(pixel).for_each(|(to, from)| *to = from.get());
            }
        }
        map(window)
    }

    /// The inner product with a filter `[kh, kw, ic]`.
    #[inline]
    fn inner_product(&self, filter: &[i8]) -> i32 {
        let on_map = self.product_on_map(filter);
        match self.padding {
            None => on_map,
            Some(value) => on_map.wrapping_add(value.wrapping_mul(self.weights_on_padding(filter))),
        }
    }

    #[inline]
    fn product_on_map(&self, filter: &[i8]) -> i32 {
        let rows = self.pixels.chunks(self.row_step.max(1)).zip(self.filter_rows(filter));
        rows.fold(0_i32, |total, (pixels, weights)| {
            total.wrapping_add(if self.pixel_step == self.channels {
                inner_product(pixels, weights)
            } else {
                let taps = pixels.chunks(self.pixel_step.max(1));
                taps.zip(weights.chunks(self.channels.max(1)))
                    .fold(0, |row: i32, (x, w)| row.wrapping_add(inner_product(x, w)))
            })
        })
    }

    fn weights_on_padding(&self, filter: &[i8]) -> i32 {
        self.filter_rows(filter).fold(sum(filter), |outside, row| outside.wrapping_sub(sum(row)))
    }

    /// The weights whose taps are on the map, row by row.
    #[inline]
    fn filter_rows<'f>(&self, filter: &'f [i8]) -> impl Iterator<Item = &'f [i8]> {
        let [start, end] = self.filter_columns;
        let rows = filter.chunks_exact(self.filter_row_len.max(1));
        rows.skip(self.rows.first)
            .take(self.rows.count)
            .map(move |row| row.get(start..end).unwrap_or_default())
    }
}
