//! Convolution with windows of one element: the layout of its weights, and what its kernel needs.
//!
//! Output channels go by pairs a, b, a last odd one paired with weights of 0; for each pair, input channels by fours,
//! filled up with 0 to whole eights; for each four, channels (0, 2) and then (1, 3):
//!
//! ```text
//! word of a and b
//! ```

use super::PackedConv2d;
#[cfg(feature = "pack")]
use super::Place;
use crate::geometry::{Padding, Shape, Window};

/// Whether there is a kernel for these windows: of one element, without padding and without a pool.
pub const fn pointwise_kernel_exists(window: &Window, pool: &Window) -> bool {
    let Padding { top, left, bottom, right } = window.padding;
    matches!(window.kernel, [1, 1])
        && matches!(window.dilation, [1, 1])
        && matches!((top, left, bottom, right), (0, 0, 0, 0))
        && matches!((pool.kernel, pool.stride), ([1, 1], [1, 1]))
}

/// Scratch that the kernel needs: four pixels as 16-bit values. Saturates where that has no meaning.
pub const fn pointwise_scratch_bytes(input: Shape) -> usize {
    words_of_pair(input.c).saturating_mul(16)
}

/// Whether a kernel exists, the weights are all there and the scratch is enough.
pub(crate) fn fits<R>(layer: &PackedConv2d<'_, R>, scratch: &[i8]) -> bool {
    const LARGEST: usize = 1 << 15; // sizes whose products cannot overflow below
    pointwise_kernel_exists(&layer.window, &layer.pool)
        && layer.input.c <= LARGEST
        && layer.output.c <= LARGEST
        && words(layer.input.c, layer.output.c) == layer.weights.len()
        && pointwise_scratch_bytes(layer.input) <= scratch.len()
}

/// Words of two output channels.
pub(crate) const fn words_of_pair(ic: usize) -> usize {
    ic.div_ceil(8).saturating_mul(4)
}

const fn words(ic: usize, oc: usize) -> usize {
    oc.div_ceil(2).saturating_mul(words_of_pair(ic))
}

/// Packs `[oc, ic]`; `None` where a pair of channels is not exact in mixed lanes (a filter of more than 516 weights
/// that are large, or -128 among them): then the plain layer is to be used.
#[cfg(feature = "pack")]
pub fn pack_pointwise(weights: &[i8], ic: usize) -> Option<alloc::vec::Vec<i32>> {
    let oc = weights.len().checked_div(ic)?;
    super::pack(weights, [ic; 2], words(ic, oc), |channel, index| Place {
        word: channel / 2 * words_of_pair(ic) + index / 4 * 2 + index % 2,
        lane: index % 4 / 2,
    })
}
