//! 3 x 3 convolution in the integer Winograd form F(2x2, 3x3): transformed weights, a patch of four tiles.
//!
//! Four outputs of a 3 x 3 window cost 16 multiplications instead of 36, after a transformation of the filter
//! (by the host) and of the 4 x 4 inputs (on the device), which both are sums and differences:
//!
//! ```text
//! u = H g H'     filter g, 3 x 3       H = (2 0 0, 1 1 1, 1 -1 1, 0 0 2), twice the usual G: no fractions
//! v = B d B'     inputs d, 4 x 4       B = (1 0 -1 0, 0 1 1 0, 0 -1 1 0, 0 1 0 -1)
//! 4 * outputs = A (sum over input channels of u * v, element by element) A'      A = (1 1 1 0, 0 1 -1 -1)
//! ```
//!
//! Both fit halfwords: `|u| <= 9 * 128`, `|v| <= 4 * 128`. Sums may wrap at 2^32 on the way: the result is exact if
//! four times the accumulator fits, so if `|accumulator| < 2^29`, which the packer proves.

use super::PackedConv2d;
use super::conv2d::unpacked_conv2d;
use crate::geometry::{Shape, Window};
use crate::map::Map;
use crate::requantize::Requantize;

/// As [`crate::portable::conv2d()`] of the filters that the transformed weights stand for.
///
/// # Layout of the weights
/// Output channels go by pairs a, b, a last odd one paired with zeros; for each pair:
///
/// ```text
/// for each of the 16 elements of u, row by row:
///     for each four input channels (filled up with 0 to whole eights), for the channels (0, 2), (1, 3) of them:
///         word of a (two halfwords of u), word of b
/// ```
///
/// # Scratch
/// At least [`winograd_scratch_bytes`], aligned to 4. A `layer` that does not describe its slices, or too
/// little scratch, leaves `output` as it is.
pub fn winograd_conv2d<R: Requantize>(
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
        for c in 0..ic {
            let u = core::array::from_fn(|element| {
                let (word, lane) = place(ic, channel, element, c);
                let word = layer.weights.get(word).copied().unwrap_or(0);
                i32::from((word >> (16 * lane)) as i16)
            });
            for (tap, weight) in filter_of(&u).into_iter().enumerate() {
                if let Some(to) = filter.get_mut(tap * ic + c) {
                    *to = weight;
                }
            }
        }
    };
    unpacked_conv2d(layer, unpack_filter, input, scratch, output);
}

/// Whether there is a kernel for these windows: 3 x 3, stride 1, no dilation; no pool or one of 2 x 2.
pub const fn winograd_kernel_exists(window: &Window, pool: &Window) -> bool {
    matches!(window.kernel, [3, 3])
        && matches!(window.stride, [1, 1])
        && matches!(window.dilation, [1, 1])
        && (matches!(pool.kernel, [2, 2]) || matches!((pool.kernel, pool.stride), ([1, 1], [1, 1])))
}

/// Scratch that the kernel needs: four tiles of transformed inputs as 16-bit values, and the products of two
/// channels with them. Saturates where that has no meaning.
pub const fn winograd_scratch_bytes(input: Shape) -> usize {
    input.c.div_ceil(8).saturating_mul(1024).saturating_add(PRODUCT_BYTES)
}

/// 16 elements of four tiles and two channels, 32 bits each.
const PRODUCT_BYTES: usize = 16 * 4 * 2 * 4;

/// Whether a kernel exists, the weights are all there and the scratch is enough.
pub(crate) fn fits<R>(layer: &PackedConv2d<'_, R>, scratch: &[i8]) -> bool {
    const LARGEST: usize = 1 << 15; // sizes whose products cannot overflow below
    let pool_strides_are_small = layer.pool.stride.iter().all(|stride| (1..=64).contains(stride));
    winograd_kernel_exists(&layer.window, &layer.pool)
        && pool_strides_are_small
        && layer.input.c <= LARGEST
        && layer.output.c <= LARGEST
        && words(layer.input.c, layer.output.c) == layer.weights.len()
        && winograd_scratch_bytes(layer.input) <= scratch.len()
}

/// Pairs of input channels, those filled up with 0 included.
pub(crate) const fn channel_pairs(ic: usize) -> usize {
    ic.div_ceil(8) * 4
}

const fn words(ic: usize, oc: usize) -> usize {
    oc.div_ceil(2).saturating_mul(channel_pairs(ic).saturating_mul(32))
}

/// Word and halfword of an element of `u`.
const fn place(ic: usize, channel: usize, element: usize, c: usize) -> (usize, usize) {
    let pair_of_inputs = c / 4 * 2 + c % 2;
    let row = (channel / 2 * 16 + element) * channel_pairs(ic) + pair_of_inputs;
    (2 * row + channel % 2, c % 4 / 2)
}

/// The filter, 3 x 3, whose transformation is `u`, 4 x 4: its corners are four times the filter's.
fn filter_of(u: &[i32; 16]) -> [i8; 9] {
    let [a, c, g, i] = [u[0] / 4, u[3] / 4, u[12] / 4, u[15] / 4];
    let [b, d, f, h] = [u[1] / 2 - a - c, u[4] / 2 - a - g, u[7] / 2 - c - i, u[13] / 2 - g - i];
    let e = u[5] - (a + b + c + d + f + g + h + i);
    [a, b, c, d, e, f, g, h, i].map(|weight| weight as i8)
}

/// `H g H'`.
#[cfg(any(test, feature = "pack"))]
fn transformed(filter: &[i8; 9]) -> [i16; 16] {
    let along = |[a, b, c]: [i16; 3]| [2 * a, a + b + c, a - b + c, 2 * c];
    let g = filter.map(i16::from);
    let columns: [[i16; 4]; 3] = core::array::from_fn(|x| along([g[x], g[3 + x], g[6 + x]]));
    let row = |y: usize| along([columns[0][y], columns[1][y], columns[2][y]]);
    let rows = [row(0), row(1), row(2), row(3)];
    core::array::from_fn(|element| rows[element / 4][element % 4])
}

/// Packs `[oc, 3, 3, ic]`; `None` if they are no whole filters of that shape, or where four times an
/// accumulator may not fit 32 bits (`128 * sum |w| >= 2^29`): then another layer is to be used.
#[cfg(feature = "pack")]
pub fn pack_winograd(weights: &[i8], ic: usize) -> Option<alloc::vec::Vec<i32>> {
    let filter_len = ic.checked_mul(9)?;
    let oc = weights.len().checked_div(filter_len)?;
    let mut packed = alloc::vec![0_u32; words(ic, oc)];
    for (channel, filter) in weights.chunks_exact(filter_len).enumerate() {
        let magnitude: u64 = filter.iter().map(|weight| u64::from(weight.unsigned_abs())).sum();
        if magnitude * 128 >= 1 << 29 {
            return None;
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

#[cfg(test)]
mod tests {
    use super::{filter_of, transformed};

    #[test]
    fn a_filter_comes_back_from_its_transformation() {
        let mut state = 1_u32;
        let rounds = if cfg!(miri) { 20 } else { 5_000 };
        for round in 0..rounds {
            let filter = [(); 9].map(|()| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                [-128, 127, (state >> 24) as i8][(state >> 20) as usize % 3]
            });
            let u = transformed(&filter);
            assert!(u.iter().all(|u| u.unsigned_abs() <= 9 * 128));
            assert_eq!(filter_of(&u.map(i32::from)), filter, "{round}");
        }
    }
}
