//! Convolution with many input channels: packed weights and a patch of the input in scratch memory.

use super::conv2d::unpacked_conv2d;
use super::{PackedConv2d, Place, unpack};
use crate::geometry::{Shape, Window};
use crate::map::Map;
use crate::requantize::Requantize;

/// As [`crate::portable::conv2d()`] of the unpacked weights.
///
/// # Layout of the weights
/// Output channels go by fours a, b, c, d, the last filled up with weights of 0; for each four:
///
/// ```text
/// for each row of the window, for each chunk of eight input channels (the last filled up with 0),
///     for each tap of the row, for the channels (0, 2), (1, 3), (4, 6), (5, 7) of the chunk:
///         word of a and b, word of c and d
/// ```
///
/// # Scratch
/// At least [`deep_scratch_bytes`], aligned to 4. A `layer` that does not describe its slices, or too
/// little scratch, leaves `output` as it is.
pub fn deep_conv2d<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    input: &Map,
    scratch: &mut [i8],
    output: &Map,
) {
    if !fits(layer, scratch) {
        return;
    }
    let ic = layer.input.c;
    let unpack_filter = |channel: usize, filter: &mut [i8]| {
        for (tap, pixel) in filter.chunks_mut(ic.max(1)).enumerate() {
            for (chunk, eight) in pixel.chunks_mut(8).enumerate() {
                let first = first_word(&layer.window, ic, channel, tap, chunk);
                let words = layer.weights.get(first..).unwrap_or_default();
                for (index, weight) in eight.iter_mut().enumerate() {
                    *weight = unpack(words, in_chunk(index), channel);
                }
            }
        }
    };
    unpacked_conv2d(layer, unpack_filter, input, scratch, output);
}

/// Whether there is a kernel for these windows: no dilation, rows of 1, 2, 3 or 5 taps, column stride 1
/// or 2, and no pool or one that is two columns wide.
pub const fn deep_kernel_exists(window: &Window, pool: &Window) -> bool {
    matches!(window.dilation, [1, 1])
        && matches!(window.kernel[1], 1 | 2 | 3 | 5)
        && matches!(window.stride[1], 1 | 2)
        && (pool.kernel[1] == 2 && pool.stride[1] >= 1
            || matches!((pool.kernel, pool.stride), ([1, 1], [1, 1])))
}

/// Scratch that the kernel needs: the input under one position of the pool, or under two positions of the
/// window, as 16-bit values. Saturates where that has no meaning.
pub const fn deep_scratch_bytes(window: &Window, pool: &Window, input: Shape) -> usize {
    let [rows, columns] = patch_size(window, pool);
    rows.saturating_mul(columns).saturating_mul(input.c.div_ceil(8)).saturating_mul(16)
}

/// Rows and columns of the patch.
pub(crate) const fn patch_size(window: &Window, pool: &Window) -> [usize; 2] {
    [
        pool.kernel[0]
            .saturating_sub(1)
            .saturating_mul(window.stride[0])
            .saturating_add(window.kernel[0]),
        window.stride[1].saturating_add(window.kernel[1]),
    ]
}

/// Whether a kernel exists, the weights are all there and the scratch is enough. Compares with products
/// of trusted sizes only where the windows are small.
pub(crate) fn fits<R>(layer: &PackedConv2d<'_, R>, scratch: &[i8]) -> bool {
    const LARGEST: usize = 1 << 15; // sizes whose products cannot overflow below
    let sizes = [layer.window.kernel, layer.pool.kernel, layer.window.stride];
    deep_kernel_exists(&layer.window, &layer.pool)
        && sizes.iter().flatten().all(|size| (1..=64).contains(size))
        && layer.input.c <= LARGEST
        && layer.output.c <= LARGEST
        && words(&layer.window, layer.input.c, layer.output.c) == layer.weights.len()
        && deep_scratch_bytes(&layer.window, &layer.pool, layer.input) <= scratch.len()
}

/// Words of four output channels.
pub(crate) const fn words_of_four(window: &Window, ic: usize) -> usize {
    window.kernel[0] * window.kernel[1] * ic.div_ceil(8) * 8
}

const fn words(window: &Window, ic: usize, oc: usize) -> usize {
    oc.div_ceil(4).saturating_mul(words_of_four(window, ic))
}

/// Where the words of eight input channels of one tap begin.
fn first_word(window: &Window, ic: usize, channel: usize, tap: usize, chunk: usize) -> usize {
    let kernel_w = window.kernel[1].max(1);
    let [ky, kx] = [tap / kernel_w, tap % kernel_w];
    let chunks_before = (ky * ic.div_ceil(8) + chunk) * kernel_w + kx;
    channel / 4 * words_of_four(window, ic) + chunks_before * 8 + channel % 4 / 2
}

/// Where the weight of one of eight input channels stands in its chunk. Every second word belongs to the
/// other pair of output channels.
#[inline(always)]
const fn in_chunk(index: usize) -> Place {
    Place { word: 2 * (index / 4 * 2 + index % 2), lane: index % 4 / 2 }
}

/// Packs `[oc, kh, kw, ic]`; `None` where a pair of channels is not exact in mixed lanes (a filter of more
/// than 516 taps with large weights, or -128 among them): then the plain layer is to be used.
#[cfg(feature = "pack")]
pub fn pack_deep(weights: &[i8], window: &Window, ic: usize) -> Option<alloc::vec::Vec<i32>> {
    let filter_len = window.taps() * ic;
    let oc = weights.len().checked_div(filter_len)?;
    super::pack(weights, [filter_len; 2], words(window, ic, oc), |channel, index| {
        let [tap, c] = [index / ic, index % ic];
        let Place { word, lane } = in_chunk(c % 8);
        Place { word: first_word(window, ic, channel, tap, c / 8) + word, lane }
    })
}
