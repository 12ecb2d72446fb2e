//! Convolution with few input channels: the taps of four positions, then all channels by pairs.

use crate::geometry::Shape;
use crate::intrin::{ShallowTile, Taps, shallow_tile, taps_mut};
use crate::packed::{PackedConv2d, shallow_fits};
use crate::requantize::Requantize;

/// Channel pairs whose results wait on the stack to be requantized.
const PAIRS: usize = 8;

/// As [`crate::packed::shallow_conv2d()`].
///
/// ```text
/// for each output pixel (without a pool: each four neighbours in a row):
///     patch = the taps of its four positions as halfwords, padding filled in
///     for each channel pair: output = requantize(bias + largest)     (without a pool: each position)
/// ```
#[inline(always)]
pub fn shallow_conv2d<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    input: &[i8],
    scratch: &mut [i8],
    output: &mut [i8],
) {
    // Inlined, so that sizes are constants here in generated code and only one tile is linked.
    let words = layer.filter_len().div_ceil(2);
    let Some(tile) = shallow_tile(words) else { return };
    convolve(layer, tile, input, scratch, output);
}

fn convolve<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    tile: ShallowTile,
    input: &[i8],
    scratch: &mut [i8],
    output: &mut [i8],
) {
    if !shallow_fits(layer, scratch) || !layer.describes(input, output) {
        return;
    }
    let pooled = layer.pool.kernel != [1, 1];
    let words = layer.filter_len().div_ceil(2);
    let Some(patch) = taps_mut(scratch).get_mut(..words) else { return };
    // The lane of a last odd tap meets a weight of 0, whatever it holds.
    let Shape { w, c, .. } = layer.output;
    let pixels_at_once = if pooled { 1 } else { 4 };
    for (y, row) in output.chunks_exact_mut((w * c).max(1)).enumerate() {
        for (x, pixels) in row.chunks_mut((pixels_at_once * c).max(1)).enumerate() {
            fill(layer, input, positions(layer, pooled, [y, x]), patch);
            if pooled {
                largest_positions(layer, tile, patch, pixels);
            } else {
                all_positions(layer, tile, patch, pixels);
            }
        }
    }
}

/// The four positions of the window at step `[y, x]`.
#[inline(always)]
fn positions<R>(layer: &PackedConv2d<'_, R>, pooled: bool, [y, x]: [usize; 2]) -> [[usize; 2]; 4] {
    if pooled {
        let [y, x] = [y * layer.pool.stride[0], x * layer.pool.stride[1]];
        [[y, x], [y, x + 1], [y + 1, x], [y + 1, x + 1]]
    } else {
        [0, 1, 2, 3].map(|step| [y, 4 * x + step])
    }
}

/// The output pixel whose pool covers the four positions.
fn largest_positions<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    tile: ShallowTile,
    patch: &[Taps],
    pixel: &mut [i8],
) {
    let blocks = pixel.chunks_mut(2 * PAIRS).zip(layer.bias.chunks(2 * PAIRS));
    let filters = layer.weights.chunks((PAIRS * patch.len()).max(1));
    let mut channel = 0;
    for ((codes, biases), weights) in blocks.zip(filters) {
        let mut largest = [[0; 2]; PAIRS];
        (tile.largest)(patch, weights, &mut largest);
        for ((code, largest), bias) in codes.iter_mut().zip(largest.as_flattened()).zip(biases) {
            *code = layer.requantize.requantize(largest.wrapping_add(*bias), channel);
            channel += 1;
        }
    }
}

/// The four output pixels, or what is left of a row, of the four positions.
fn all_positions<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    tile: ShallowTile,
    patch: &[Taps],
    pixels: &mut [i8],
) {
    let filters = layer.weights.chunks((PAIRS * patch.len()).max(1));
    for (block, weights) in filters.enumerate() {
        let mut sums = [[0; 8]; PAIRS];
        (tile.all)(patch, weights, &mut sums);
        let start = block * 2 * PAIRS;
        let biases = layer.bias.get(start..).unwrap_or_default();
        for (position, pixel) in pixels.chunks_exact_mut(layer.output.c.max(1)).enumerate() {
            let codes = pixel.get_mut(start..).unwrap_or_default();
            // Sums of a stand before those of b: every fourth from the position on.
            let sums = sums.as_flattened().iter().skip(position).step_by(4);
            for (lane, ((code, sum), bias)) in codes.iter_mut().zip(sums).zip(biases).enumerate() {
                *code = layer.requantize.requantize(sum.wrapping_add(*bias), start + lane);
            }
        }
    }
}

/// Fills `patch` with the taps at four positions; one beyond the map's last column is left as it is.
fn fill<R>(
    layer: &PackedConv2d<'_, R>,
    input: &[i8],
    positions: [[usize; 2]; 4],
    patch: &mut [Taps],
) {
    let Shape { h, w, .. } = layer.input;
    let window = &layer.window;
    let whole = |[y, x]: [usize; 2]| {
        let [rows, columns] = [window.rows_inside(y, h), window.columns_inside(x, w)];
        [rows.count, columns.count] == window.kernel
    };
    let [first, .., last] = positions;
    if window.dilation == [1, 1] && whole(first) && whole(last) {
        fill_inside(layer, input, positions, patch);
    } else {
        for (index, position) in positions.into_iter().enumerate() {
            fill_clipped(layer, input, position, index, patch);
        }
    }
}

/// As [`fill`] where all taps are on the map and side by side.
fn fill_inside<R>(
    layer: &PackedConv2d<'_, R>,
    input: &[i8],
    positions: [[usize; 2]; 4],
    patch: &mut [Taps],
) {
    let Shape { w, c: channels, .. } = layer.input;
    let window = &layer.window;
    let starts = positions.map(|[y, x]| {
        // Not below 0: the whole window is on the map.
        let row = y * window.stride[0] - window.padding.top;
        let column = x * window.stride[1] - window.padding.left;
        (row * w + column) * channels
    });
    let row_len = window.kernel[1] * channels;
    let mut tap = 0;
    for row in 0..window.kernel[0] {
        let [a, b, c, d] = starts.map(|start| {
            let start = start + row * w * channels;
            input.get(start..start + row_len).unwrap_or_default()
        });
        for (((a, b), c), d) in a.iter().zip(b).zip(c).zip(d) {
            if let Some(Taps([to_a, to_b, to_c, to_d])) = patch.get_mut(tap / 2) {
                to_a[tap % 2] = i16::from(*a);
                to_b[tap % 2] = i16::from(*b);
                to_c[tap % 2] = i16::from(*c);
                to_d[tap % 2] = i16::from(*d);
            }
            tap += 1;
        }
    }
}

/// Fills the taps of one position, some of which are on the padding.
fn fill_clipped<R>(
    layer: &PackedConv2d<'_, R>,
    input: &[i8],
    [y, x]: [usize; 2],
    index: usize,
    patch: &mut [Taps],
) {
    let Shape { h, w, c } = layer.input;
    let window = &layer.window;
    let [rows, columns] = [window.rows_inside(y, h), window.columns_inside(x, w)];
    let mut tap = 0;
    for tap_y in 0..window.kernel[0] {
        let row = rows.reads(tap_y, window.dilation[0]);
        for tap_x in 0..window.kernel[1] {
            let pixel = match (row, columns.reads(tap_x, window.dilation[1])) {
                (Some(row), Some(column)) => input.get((row * w + column) * c..),
                _ => None,
            };
            for channel in 0..c {
                let code = pixel.and_then(|pixel| pixel.get(channel).copied());
                let code = i16::from(code.unwrap_or(layer.input_zero_point));
                if let Some(taps) = patch.get_mut(tap / 2).and_then(|taps| taps.0.get_mut(index)) {
                    taps[tap % 2] = code;
                }
                tap += 1;
            }
        }
    }
}
