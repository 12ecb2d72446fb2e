//! 3 x 3 convolution in the integer Winograd form F(4x4, 3x3): transformed weights, a patch of four tiles.
//!
//! As the form F(2x2, 3x3), with 36 multiplications for 16 outputs instead of 144, from 6 x 6 inputs:
//!
//! ```text
//! u = H g H'     filter g, 3 x 3       H = (3 0 0, 1 1 1, 1 -1 1, 1 2 4, 1 -2 4, 0 0 3), integers
//! v = B d B'     inputs d, 6 x 6       B = (4 0 -5 0 1 0, 0 -4 -4 1 1 0, 0 4 -4 -1 1 0,
//!                                           0 -2 -1 2 1 0, 0 2 -1 -2 1 0, 0 4 0 -5 0 1)
//! 576 * outputs = A (sum over input channels of u * v, element by element) A'
//!                           A = (2 -4 -4 1 1 0, 0 -4 4 2 -2 0, 0 -4 -4 4 4 0, 0 -4 4 8 -8 8)
//! ```
//!
//! Both fit halfwords: `|u| <= 49 * 128`, and `|v| <= 100 * 128`. Sums wrap at 2^32. Since 9 has an inverse modulo
//! 2^32, 64 times the output comes out exactly if it fits, so if `|accumulator| < 2^25`, which the packer proves.
//!
//! # Layout of the weights
//! Output channels go by pairs a, b, a last odd one paired with zeros; for each pair:
//!
//! ```text
//! eight words for a and eight for b: the constants of the channel (below), filled up with 0
//! for each of the 36 elements of u, row by row:
//!     for each four input channels (filled up with 0 to whole eights), for the channels (0, 2), (1, 3) of them:
//!         word of a (two halfwords of u), word of b
//! ```
//!
//! The kernel adds 128 to its inputs, and a constant to the low halves of four inputs of each tile, which saves
//! instructions; the constants of a channel take that away from 64 times the accumulators of a tile: of all outputs,
//! but of rows and columns (2, 2), (2, 3), (3, 2) and (3, 3), then of those four. The bias does not count into them.
//!
//! # Compact layout
//! For the kernel that transforms the filters itself; for each pair of output channels:
//!
//! ```text
//! five constants of a, five of b
//! for a, then b, for each of the nine taps: words of four input channels (filled up with 0 to whole eights)
//! ```

use super::PackedConv2d;
use super::winograd_conv2d::channel_pairs;
use crate::geometry::{Shape, Window};

/// Whether there is a kernel for these windows: 3 x 3, stride 1, no dilation, no pool.
pub const fn winograd4_kernel_exists(window: &Window, pool: &Window) -> bool {
    matches!(window.kernel, [3, 3])
        && matches!(window.stride, [1, 1])
        && matches!(window.dilation, [1, 1])
        && matches!((pool.kernel, pool.stride), ([1, 1], [1, 1]))
}

/// Scratch that the kernel needs: four tiles of transformed inputs as 16-bit values; and the products of two channels
/// with them, or before, the inputs of a tile at the border. Saturates where that has no meaning.
pub const fn winograd4_scratch_bytes(input: Shape) -> usize {
    input.c.div_ceil(8).saturating_mul(4 * 36 * 16).saturating_add(shared_bytes(input.c))
}

/// The part of the scratch that products and the inputs of a tile share, of whole chunks of 16 bytes.
pub(crate) const fn shared_bytes(ic: usize) -> usize {
    let pixels = ic.saturating_mul(36).saturating_add(3); // the last word of the last pixel is read whole
    let pixels = pixels.div_ceil(16).saturating_mul(16);
    if pixels > PRODUCT_BYTES { pixels } else { PRODUCT_BYTES }
}

/// 36 elements of four tiles and two channels, 32 bits each.
const PRODUCT_BYTES: usize = 36 * 4 * 2 * 4;

/// Whether a kernel exists, the weights are all there and the scratch is enough.
pub(crate) fn fits<R>(layer: &PackedConv2d<'_, R>, scratch: &[i8]) -> bool {
    const LARGEST: usize = 1 << 15; // sizes whose products cannot overflow below
    winograd4_kernel_exists(&layer.window, &layer.pool)
        && layer.input.c <= LARGEST
        && layer.output.c <= LARGEST
        && words(layer.input.c, layer.output.c) == layer.weights.len()
        && winograd4_scratch_bytes(layer.input) <= scratch.len()
}

/// Scratch that the kernel with the compact layout needs: as the other one, and the transformed weights of two output
/// channels. Saturates where that has no meaning.
pub const fn compact_winograd4_scratch_bytes(input: Shape) -> usize {
    let weights = input.c.div_ceil(8).saturating_mul(36 * 32);
    winograd4_scratch_bytes(input).saturating_add(weights)
}

/// As [`fits`], of the compact layout.
pub(crate) fn compact_fits<R>(layer: &PackedConv2d<'_, R>, scratch: &[i8]) -> bool {
    const LARGEST: usize = 1 << 15; // as above
    winograd4_kernel_exists(&layer.window, &layer.pool)
        && layer.input.c <= LARGEST
        && layer.output.c <= LARGEST
        && compact_words(layer.input.c, layer.output.c) == layer.weights.len()
        && compact_winograd4_scratch_bytes(layer.input) <= scratch.len()
}

/// Words of the constants of two output channels in the compact layout.
pub(crate) const COMPACT_CONSTANT_WORDS: usize = 10;

/// Words of two output channels in the compact layout.
pub(crate) const fn compact_words_of_pair(ic: usize) -> usize {
    ic.div_ceil(8).saturating_mul(2 * 9 * 2).saturating_add(COMPACT_CONSTANT_WORDS)
}

const fn compact_words(ic: usize, oc: usize) -> usize {
    oc.div_ceil(2).saturating_mul(compact_words_of_pair(ic))
}

/// Words of the constants of two output channels.
pub(crate) const CONSTANT_WORDS: usize = 16;

/// Words of two output channels.
const fn words_of_pair(ic: usize) -> usize {
    channel_pairs(ic).saturating_mul(2 * 36).saturating_add(CONSTANT_WORDS)
}

const fn words(ic: usize, oc: usize) -> usize {
    oc.div_ceil(2).saturating_mul(words_of_pair(ic))
}

/// Word and halfword of an element of `u`.
#[cfg(feature = "pack")]
const fn place(ic: usize, channel: usize, element: usize, c: usize) -> (usize, usize) {
    let pair_of_inputs = c / 4 * 2 + c % 2;
    let row = element * channel_pairs(ic) + pair_of_inputs;
    (channel / 2 * words_of_pair(ic) + CONSTANT_WORDS + 2 * row + channel % 2, c % 4 / 2)
}

/// `H g H'`.
#[cfg(feature = "pack")]
fn transformed(filter: &[i8; 9]) -> [i16; 36] {
    let along = |[a, b, c]: [i16; 3]| {
        [3 * a, a + b + c, a - b + c, a + 2 * b + 4 * c, a - 2 * b + 4 * c, 3 * c]
    };
    let g = filter.map(i16::from);
    let columns: [[i16; 6]; 3] = core::array::from_fn(|x| along([g[x], g[3 + x], g[6 + x]]));
    let rows: [[i16; 6]; 6] = core::array::from_fn(|y| along(columns.map(|column| column[y])));
    core::array::from_fn(|element| rows[element / 6][element % 6])
}

/// The constants of one channel: what 64 times its accumulators have too much, negated.
#[cfg(feature = "pack")]
fn constants(filter: &[i8], ic: usize) -> [i32; 5] {
    let all: i32 = filter.iter().map(|weight| i32::from(*weight)).sum();
    // Of the channels that stand in low halves.
    let low = |tap: usize| -> i32 {
        let channels = filter.iter().skip(tap * ic).take(ic).enumerate();
        channels.filter(|(c, _)| c % 4 < 2).map(|(_, weight)| i32::from(*weight)).sum()
    };
    let [middle, right, below, corner] = [4, 5, 7, 8].map(low);
    let seen = [0, corner, below + corner, right + corner, middle + right + below + corner];
    seen.map(|seen| {
        let surplus = seen.wrapping_mul(crate::intrin::LOW_BIAS).wrapping_add(128 * all);
        surplus.wrapping_mul(-64)
    })
}

/// Packs `[oc, 3, 3, ic]` for accumulators that begin with `bias`; `None` if they are no whole filters of that
/// shape, or where an accumulator may reach 2^25 (`128 * sum |w| + |bias|`): then another layer is to be used.
#[cfg(feature = "pack")]
pub fn pack_winograd4(weights: &[i8], bias: &[i32], ic: usize) -> Option<alloc::vec::Vec<i32>> {
    let filter_len = ic.checked_mul(9)?;
    let oc = weights.len().checked_div(filter_len)?;
    let mut packed = alloc::vec![0_u32; words(ic, oc)];
    for (channel, filter) in weights.chunks_exact(filter_len).enumerate() {
        if largest_accumulator(filter, *bias.get(channel)?) >= 1 << 25 {
            return None;
        }
        let first = channel / 2 * words_of_pair(ic) + channel % 2 * CONSTANT_WORDS / 2;
        for (to, constant) in packed.get_mut(first..)?.iter_mut().zip(constants(filter, ic)) {
            *to = constant as u32;
        }
        for c in 0..ic {
            let taps = core::array::from_fn(|tap| filter[tap * ic + c]);
            for (element, u) in transformed(&taps).into_iter().enumerate() {
                let (word, lane) = place(ic, channel, element, c);
                *packed.get_mut(word)? |= u32::from(u as u16) << (16 * lane);
            }
        }
    }
    Some(packed.into_iter().map(|word| word as i32).collect())
}

/// What no accumulator of a channel exceeds, whatever the inputs: `128 * sum |w| + |bias|`.
#[cfg(feature = "pack")]
pub fn largest_accumulator(filter: &[i8], bias: i32) -> u64 {
    let magnitude: u64 = filter.iter().map(|weight| u64::from(weight.unsigned_abs())).sum();
    magnitude * 128 + u64::from(bias.unsigned_abs())
}

/// As [`pack_winograd4`], in the compact layout.
#[cfg(feature = "pack")]
pub fn pack_compact_winograd4(
    weights: &[i8],
    bias: &[i32],
    ic: usize,
) -> Option<alloc::vec::Vec<i32>> {
    let filter_len = ic.checked_mul(9)?;
    let oc = weights.len().checked_div(filter_len)?;
    let mut packed = alloc::vec![0_i32; compact_words(ic, oc)];
    let pairs = packed.chunks_exact_mut(compact_words_of_pair(ic));
    for (pair, (words, filters)) in pairs.zip(weights.chunks(2 * filter_len)).enumerate() {
        let (to_constants, to_taps) = words.split_at_mut(COMPACT_CONSTANT_WORDS);
        let to_channels =
            to_constants.chunks_mut(5).zip(to_taps.chunks_mut(9 * 2 * ic.div_ceil(8)));
        let filters = filters.chunks_exact(filter_len).enumerate();
        for ((index, filter), (to_constants, to_taps)) in filters.zip(to_channels) {
            if largest_accumulator(filter, *bias.get(2 * pair + index)?) >= 1 << 25 {
                return None;
            }
            to_constants.copy_from_slice(&constants(filter, ic));
            for (tap, to) in filter.chunks(ic).zip(to_taps.chunks_mut(2 * ic.div_ceil(8))) {
                for (four, to) in tap.chunks(4).zip(to) {
                    let byte = |index: usize| four.get(index).map_or(0, |weight| *weight as u8);
                    *to = i32::from_le_bytes([0, 1, 2, 3].map(byte));
                }
            }
        }
    }
    Some(packed)
}
