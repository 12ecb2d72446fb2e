//! 3 x 3 convolution in Winograd form from int8 weights, which are transformed again for each four tiles.

use super::winograd4_conv2d::{Filters, convolve};
use crate::intrin::{
    Winograd4Constants as Constants, WinogradWeights as Weights, chunks_mut, weights_of_chunks,
    winograd4_weights,
};
use crate::map::Map;
use crate::order::Order;
use crate::packed::{
    COMPACT_CONSTANT_WORDS, PackedConv2d, compact_winograd4_fits, compact_winograd4_words_of_pair,
};
use crate::requantize::Requantize;

/// The order of [`compact_winograd4_conv2d()`]: four tiles of 4 x 4 pixels at a time.
pub const fn compact_winograd4_conv2d_order() -> Order {
    super::winograd4_conv2d_order()
}

/// As [`winograd4_conv2d()`](super::winograd4_conv2d()) with weights in their own size: `packed/winograd4_conv2d.rs`
/// tells their layout.
///
/// `scratch` has at least [`compact_winograd4_scratch_bytes`](crate::packed::compact_winograd4_scratch_bytes), aligned
/// to 4. A `layer` that does not describe its slices, or too little scratch, leaves `output` as it is.
///
/// ```text
/// for each four tiles of 4 x 4 outputs:
///     patch = B d B' of the inputs below
///     for each pair of output channels:
///         weights = H g H' of both
///         products = patch * weights
///         codes of each channel and tile = A (products) A', scaled
/// ```
#[inline(never)]
pub fn compact_winograd4_conv2d<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    input: &Map,
    scratch: &mut [i8],
    output: &Map,
) {
    if !compact_winograd4_fits(layer, scratch) {
        return;
    }
    let chunks = chunks_mut(scratch);
    let len = 2 * 36 * layer.input.c.div_ceil(8);
    let Some((weights, chunks)) = chunks.split_at_mut_checked(len) else { return };
    let filters = Compact { words: layer.weights, weights: weights_of_chunks(weights) };
    convolve(layer, chunks, filters, input, output);
}

/// Weights to be transformed, and memory for those of one pair.
struct Compact<'a> {
    words: &'a [i32],
    weights: &'a mut [Weights],
}

impl Filters for Compact<'_> {
    #[inline(always)]
    fn pair(&mut self, pair: usize, ic: usize) -> Option<([&Constants; 2], &[Weights])> {
        let len = compact_winograd4_words_of_pair(ic);
        let words = self.words.get(pair * len..)?.get(..len)?;
        let (constants, taps) = words.split_at_checked(COMPACT_CONSTANT_WORDS)?;
        let (a, b) = taps.split_at_checked(taps.len() / 2)?;
        winograd4_weights(a, self.weights, 0);
        winograd4_weights(b, self.weights, 1);
        let [of_a, of_b] = constants.as_chunks().0 else { return None };
        Some(([of_a, of_b], self.weights))
    }
}
