//! Convolution with few input channels: packed weights and the taps of four positions in scratch memory.

use super::conv2d::unpacked_conv2d;
use super::{PackedConv2d, Place, unpack};
use crate::geometry::{Shape, Window};
use crate::map::Map;
use crate::requantize::Requantize;

/// As [`crate::portable::conv2d()`] of the unpacked weights.
///
/// # Layout of the weights
/// Output channels go by pairs, a last odd one paired with zeros. For each pair, a row of taps is `kw * ic` of them in
/// the order `[kw, ic]`. First come the whole fours of all rows: taps (0, 2) a word, then taps (1, 3); then what is left
/// of all rows, two neighbours a word; a last odd tap shares its word with 0.
///
/// # Scratch
/// At least [`shallow_scratch_bytes`], aligned to 4. A `layer` that does not describe its slices, or too
/// little scratch, leaves `output` as it is.
pub fn shallow_conv2d<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    input: &Map,
    scratch: &mut [i8],
    output: &Map,
) {
    if !fits(layer, scratch) {
        return;
    }
    let rows = [layer.window.kernel[0], layer.window.kernel[1] * layer.input.c];
    let unpack_filter = |channel: usize, filter: &mut [i8]| {
        for (index, weight) in filter.iter_mut().enumerate() {
            *weight = unpack(layer.weights, place(rows, channel, index), channel);
        }
    };
    unpacked_conv2d(layer, unpack_filter, input, scratch, output);
}

/// Whether there is a kernel for these sizes: no pool or a pool of 2 x 2, and windows of `kh * kw * ic` =
/// 3 or 4 taps (2x2x1), 9 or 10 (3x3x1), 17 or 18 (3x3x2), 25 or 26 (5x5x1), 27 or 28 (3x3x3), 35 or 36
/// (3x3x4), 39 or 40 (10x4x1), 49 or 50 (7x7x1), 75 or 76 (5x5x3).
pub const fn shallow_kernel_exists(window: &Window, pool: &Window, ic: usize) -> bool {
    let taps = window.kernel[0].saturating_mul(window.kernel[1]).saturating_mul(ic);
    matches!(taps.div_ceil(2), 2 | 5 | 9 | 13 | 14 | 18 | 20 | 25 | 38)
        && (matches!(pool.kernel, [2, 2]) || matches!((pool.kernel, pool.stride), ([1, 1], [1, 1])))
}

/// Scratch that the kernel needs: the taps of four positions as 16-bit values, and before they are that, where some of
/// them are padding. Saturates where that has no meaning.
pub const fn shallow_scratch_bytes(window: &Window, input: Shape) -> usize {
    let taps = window.kernel[0].saturating_mul(window.kernel[1]).saturating_mul(input.c);
    taps.div_ceil(2).saturating_mul(16).saturating_add(windows_bytes(taps))
}

/// Bytes of the codes under four windows, in whole sixteens.
pub(crate) const fn windows_bytes(taps: usize) -> usize {
    taps.saturating_mul(4).div_ceil(16).saturating_mul(16)
}

/// Whether a kernel exists, the weights are all there and the scratch is enough.
pub(crate) fn fits<R>(layer: &PackedConv2d<'_, R>, scratch: &[i8]) -> bool {
    shallow_kernel_exists(&layer.window, &layer.pool, layer.input.c)
        && words(layer.filter_len(), layer.output.c) == layer.weights.len()
        && shallow_scratch_bytes(&layer.window, layer.input) <= scratch.len()
}

const fn words(filter_len: usize, oc: usize) -> usize {
    filter_len.div_ceil(2).saturating_mul(oc.div_ceil(2))
}

/// Of tap `index` of a channel, in windows of so many rows and taps a row.
const fn place([rows, row_len]: [usize; 2], channel: usize, index: usize) -> Place {
    let first = channel / 2 * (rows * row_len).div_ceil(2);
    let (fours, left) = (row_len / 4, row_len % 4);
    let (row, tap) = (index / row_len, index % row_len);
    if tap < 4 * fours {
        return Place { word: first + 2 * (row * fours + tap / 4) + tap % 2, lane: tap % 4 / 2 };
    }
    let index = row * left + tap - 4 * fours;
    Place { word: first + 2 * fours * rows + index / 2, lane: index % 2 }
}

/// Packs `[oc, kh, kw, ic]`; `None` where a pair of channels is not exact in mixed lanes (-128 among the
/// weights): then the plain layer is to be used.
#[cfg(feature = "pack")]
pub fn pack_shallow(weights: &[i8], window: &Window, ic: usize) -> Option<alloc::vec::Vec<i32>> {
    let filter_len = window.taps() * ic;
    let oc = weights.len().checked_div(filter_len)?;
    super::pack(weights, [filter_len; 2], words(filter_len, oc), |channel, index| {
        place([window.kernel[0], window.kernel[1] * ic], channel, index)
    })
}
