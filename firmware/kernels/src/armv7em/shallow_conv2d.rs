//! Convolution with few input channels: the taps of four positions, then all channels by pairs.

use super::by_pixels;
use crate::geometry::{Shape, Window};
use crate::intrin::{
    Chunk, PAIRS, PointwiseTile, ShallowTile, chunks_mut, gather, patch_tile, pixels_at_once,
    shallow_tile,
};
use crate::map::{Map, copy, map};
use crate::order::{Channels, Order};
use crate::packed::{PackedConv2d, shallow_fits, shallow_windows_bytes};
use crate::requantize::Requantize;
use core::ops::Range;

/// Channels whose sums wait on the stack to be requantized.
const CHANNELS: usize = 2 * PAIRS;

/// The order of [`shallow_conv2d()`]: some pixels at a time, with a pool one.
pub const fn shallow_conv2d_order(output: Shape, pool: &Window) -> Order {
    if matches!(pool.kernel, [1, 1]) {
        return by_pixels::order(pixels_at_once(output.h.saturating_mul(output.w)));
    }
    Order { tile: [1, 1], tiles: 1, gathers: true, rereads: true, channels: Channels::Together }
}

/// As [`crate::packed::shallow_conv2d()`].
///
/// ```text
/// without a pool, for each three or four output pixels, row after row:
///     patch = the taps of their positions as halfwords, padding filled in
///     for each channel pair: their codes
/// with a pool, for each output pixel:
///     patch = the taps of its four positions
///     for each channel pair: output = requantize(bias + largest)
/// ```
#[inline(always)]
pub fn shallow_conv2d<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    input: &Map,
    scratch: &mut [i8],
    output: &Map,
) {
    // Inlined, so that sizes are constants here in generated code and only one tile is linked.
    let words = layer.filter_len().div_ceil(2);
    if layer.pool.kernel == [1, 1] {
        let pixels = layer.output.h.saturating_mul(layer.output.w);
        let Some(tile) = patch_tile(words, pixels, layer.requantize.scales()) else { return };
        convolve(layer, tile, input, scratch, output);
    } else {
        let Some(tile) = shallow_tile(words) else { return };
        convolve_and_pool(layer, tile, input, scratch, output);
    }
}

#[inline(never)]
fn convolve<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    tile: PointwiseTile,
    input: &Map,
    scratch: &mut [i8],
    output: &Map,
) {
    if !shallow_fits(layer, scratch) || !layer.describes(input, output) {
        return;
    }
    let Some((under, patch)) = memory(layer, scratch) else { return };
    let windows = Windows::of(layer);
    let w = layer.output.w.max(1);
    by_pixels::by_pixels(layer, tile, patch, output, |indices, patch| {
        windows.fill(input, indices.map(|index| [index / w, index % w]), under, patch);
    });
}

#[inline(never)]
fn convolve_and_pool<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    tile: ShallowTile,
    input: &Map,
    scratch: &mut [i8],
    output: &Map,
) {
    if !shallow_fits(layer, scratch) || !layer.describes(input, output) {
        return;
    }
    let Some((under, patch)) = memory(layer, scratch) else { return };
    let windows = Windows::of(layer);
    let Shape { w, c, .. } = layer.output;
    let [steps_y, steps_x] = layer.pool.stride;
    let mut largest = [0; CHANNELS];
    for (y, row) in output.chunks_exact((w * c).max(1)).enumerate() {
        for (x, pixel) in row.chunks_exact(c.max(1)).enumerate() {
            let positions = [[0, 0], [0, 1], [1, 0], [1, 1]]
                .map(|[row, column]| [y * steps_y + row, x * steps_x + column]);
            windows.fill(input, positions, under, patch);
            let groups = pixel.chunks(CHANNELS).zip(layer.bias.chunks(CHANNELS));
            for (group, (codes, biases)) in groups.enumerate() {
                let weights = layer.weights.get(group * PAIRS * patch.len()..).unwrap_or_default();
                tile(patch, weights, &mut largest);
                layer.requantize.requantize_channels(group * CHANNELS, &largest, biases, codes);
            }
        }
    }
}

/// What scratch memory is for: the codes under four windows, and their taps as halfwords.
fn memory<'a, R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    scratch: &'a mut [i8],
) -> Option<(&'a mut [i8], &'a mut [Chunk])> {
    let taps = layer.filter_len();
    let (under, patch) = scratch.split_at_mut_checked(shallow_windows_bytes(taps))?;
    // The lane of a last odd tap meets a weight of 0, whatever it holds.
    Some((under, chunks_mut(patch).get_mut(..taps.div_ceil(2))?))
}

/// The windows of a layer, each at its position `[row, column]`.
struct Windows {
    input: Shape,
    window: Window,
    zero_point: i8,
    /// Whether four of them lie under a pool.
    pooled: bool,
    /// The rows and columns of the positions whose windows are inside.
    rows: Range<usize>,
    columns: Range<usize>,
}

impl Windows {
    /// Of a layer that describes its maps.
    fn of<R>(layer: &PackedConv2d<'_, R>) -> Self {
        let PackedConv2d { input, window, .. } = *layer;
        let inside = |length: usize, axis: usize, padding: usize| {
            let [kernel, stride] = [window.kernel[axis], window.stride[axis].max(1)];
            match (length + padding).checked_sub(kernel) {
                Some(last) if window.dilation == [1, 1] => {
                    padding.div_ceil(stride)..last / stride + 1
                }
                _ => 0..0,
            }
        };
        let rows = inside(input.h, 0, window.padding.top);
        let columns = inside(input.w, 1, window.padding.left);
        let pooled = layer.pool.kernel != [1, 1];
        Self { input, window, zero_point: layer.input_zero_point, pooled, rows, columns }
    }

    /// Fills `patch` with the taps at four positions; `under` is memory for the codes under these windows.
    #[inline(always)]
    fn fill(&self, input: &Map, positions: [[usize; 2]; 4], under: &mut [i8], patch: &mut [Chunk]) {
        let [kernel_h, kernel_w] = self.window.kernel;
        let row_len = kernel_w * self.input.c;
        let [first, .., last] = positions;
        // In one row, and in the square under a pool, the first and the last one tell of all.
        let tell = self.pooled || first[0] == last[0];
        if self.is_inside(first)
            && self.is_inside(last)
            && (tell || positions.iter().all(|position| self.is_inside(*position)))
        {
            let starts = positions.map(|position| self.start(position));
            gather(input, starts, [kernel_h, row_len, self.input.w * self.input.c], patch);
            return;
        }
        if tell && self.fill_from_frame(input, positions, under, patch) {
            return;
        }
        let taps = kernel_h * row_len;
        for (position, codes) in positions.into_iter().zip(under.chunks_exact_mut(taps.max(1))) {
            self.copy(input, self.window, position, codes);
        }
        let starts = [0, 1, 2, 3].map(|index| index * taps);
        gather(map(under), starts, [kernel_h, row_len, row_len], patch);
    }

    /// The same for windows some of which reach beyond the map, from one copy of what lies under all of them; `false`,
    /// and nothing done, where that takes too much memory. The first and the last one tell where that is.
    #[inline(never)]
    fn fill_from_frame(
        &self,
        input: &Map,
        positions: [[usize; 2]; 4],
        under: &mut [i8],
        patch: &mut [Chunk],
    ) -> bool {
        let [kernel_h, kernel_w] = self.window.kernel;
        let [stride_y, stride_x] = self.window.stride;
        let [first, .., last] = positions;
        let from_first =
            |[y, x]: [usize; 2]| [(y - first[0]) * stride_y, (x - first[1]) * stride_x];
        let [more_rows, more_columns] = from_first(last);
        let kernel = [more_rows + kernel_h, more_columns + kernel_w];
        let c = self.input.c;
        let row_len = kernel[1].saturating_mul(c);
        let len = kernel[0].saturating_mul(row_len);
        let Some(codes) = under.get_mut(..len) else { return false };
        if self.window.dilation != [1, 1] {
            return false;
        }
        self.copy(input, Window { kernel, ..self.window }, first, codes);
        // No further than the last one of what was copied.
        let starts = positions.map(from_first).map(|[row, column]| row * row_len + column * c);
        gather(map(codes), starts, [kernel_h, kernel_w * c, row_len], patch);
        true
    }

    /// Whether a window is a part of the map, as it lies in memory.
    #[inline(always)]
    fn is_inside(&self, [y, x]: [usize; 2]) -> bool {
        self.rows.contains(&y) && self.columns.contains(&x)
    }

    /// Where such a window begins.
    #[inline(always)]
    fn start(&self, [y, x]: [usize; 2]) -> usize {
        let Shape { w, c, .. } = self.input;
        let [stride_y, stride_x] = self.window.stride;
        let [row, column] = [y * stride_y, x * stride_x];
        (row * w + column) * c - (self.window.padding.top * w + self.window.padding.left) * c
    }

    /// Copies the codes under `window` at a position, padding filled in.
    #[inline(never)]
    fn copy(&self, input: &Map, window: Window, [y, x]: [usize; 2], codes: &mut [i8]) {
        let Shape { h, w, c } = self.input;
        let [dilation_y, dilation_x] = window.dilation;
        let rows = window.rows_inside(y, h);
        let columns = window.columns_inside(x, w);
        codes.fill(self.zero_point);
        let row_len = (window.kernel[1] * c).max(1);
        for (row, codes) in codes.chunks_exact_mut(row_len).skip(rows.first).enumerate() {
            if row == rows.count {
                break;
            }
            let from = (rows.start + row * dilation_y) * w + columns.start;
            let from = input.get(from * c..).unwrap_or_default();
            let codes = codes.get_mut(columns.first * c..).unwrap_or_default();
            if dilation_x == 1 {
                copy(from, codes.get_mut(..columns.count * c).unwrap_or_default());
                continue;
            }
            let pixels = from.chunks((dilation_x * c).max(1)).take(columns.count);
            for (codes, pixel) in codes.chunks_exact_mut(c.max(1)).zip(pixels) {
                copy(pixel, codes);
            }
        }
    }
}
