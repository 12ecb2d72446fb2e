//! Layers whose weights are packed for multiplying two halfwords an instruction.
//!
//! ARMv7E-M's SMLAD multiplies pairs of halfwords, but weights of 16 bits would double the flash. So the
//! weights of two channels a and b share a halfword lane:
//!
//! ```text
//! lane = w_a + 256 * w_b        (as i16: the low byte is w_a, the high byte w_b, less one if w_a < 0)
//! word = lanes of two taps
//! ```
//!
//! Summed over the inputs, the lanes give `S_a + 256 * S_b`; the sign-extended low bytes give `S_a`; so
//! `S_b = (mix - S_a) >> 8`. That is exact, even where the mixed sum wraps at 2^32, if `|S_b| < 2^23`.
//!
//! The Winograd forms have transformed weights instead, of 16 bits each: faster, for 3.6 times the flash with tiles
//! of 2 x 2 outputs and 8 times with 4 x 4.
//!
//! Which taps share a word and how words follow each other is the layout of each kernel, told where its
//! descriptor is. Every layout is defined twice, by a packer for the host (feature `pack`) and by an
//! unpacker: the portable meaning of a packed layer is the plain layer with the unpacked weights.

mod conv2d;
mod deep_conv2d;
mod dense;
mod pointwise_conv2d;
mod shallow_conv2d;
mod winograd4_conv2d;
mod winograd_conv2d;

pub use conv2d::PackedConv2d;
#[cfg(feature = "pack")]
pub use deep_conv2d::pack_deep;
pub use deep_conv2d::{deep_conv2d, deep_kernel_exists, deep_scratch_bytes};
pub(crate) use deep_conv2d::{
    fits as deep_fits, patch_size as deep_patch_size, words_of_four as deep_words_of_four,
};
pub(crate) use dense::RUN_STEPS as DENSE_RUN_STEPS;
#[cfg(feature = "pack")]
pub use dense::pack_dense;
pub use dense::{PackedDense, dense as packed_dense};
#[cfg(feature = "pack")]
pub use pointwise_conv2d::pack_pointwise;
pub(crate) use pointwise_conv2d::{
    fits as pointwise_fits, words_of_pair as pointwise_words_of_pair,
};
pub use pointwise_conv2d::{pointwise_kernel_exists, pointwise_scratch_bytes};
#[cfg(feature = "pack")]
pub use shallow_conv2d::pack_shallow;
pub(crate) use shallow_conv2d::{fits as shallow_fits, windows_bytes as shallow_windows_bytes};
pub use shallow_conv2d::{shallow_conv2d, shallow_kernel_exists, shallow_scratch_bytes};
#[cfg(feature = "pack")]
pub use winograd_conv2d::pack_winograd;
pub(crate) use winograd_conv2d::{channel_pairs as winograd_channel_pairs, fits as winograd_fits};
pub use winograd_conv2d::{winograd_conv2d, winograd_kernel_exists, winograd_scratch_bytes};
pub(crate) use winograd4_conv2d::{
    COMPACT_CONSTANT_WORDS, compact_fits as compact_winograd4_fits,
    compact_words_of_pair as compact_winograd4_words_of_pair, fits as winograd4_fits,
    shared_bytes as winograd4_shared_bytes,
};
pub use winograd4_conv2d::{
    compact_winograd4_scratch_bytes, winograd4_kernel_exists, winograd4_scratch_bytes,
};
#[cfg(feature = "pack")]
pub use winograd4_conv2d::{largest_accumulator, pack_compact_winograd4, pack_winograd4};

/// Where a weight stands in a packed layout: index of the word, and lane 0 or 1 in it. Channels 2n are a
/// and channels 2n + 1 are b of the same lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub word: usize,
    pub lane: usize,
}

/// The weight of an even (a) or odd (b) channel at `place`; 0 where the layout has no such word.
#[inline]
pub(crate) fn unpack(words: &[i32], place: Place, channel: usize) -> i8 {
    let word = words.get(place.word).copied().unwrap_or(0);
    let [a, b] = unmix(if place.lane == 0 { word } else { word >> 16 } as i16);
    if channel.is_multiple_of(2) { a } else { b }
}

/// `w_a` and `w_b` of one lane.
#[inline]
pub(crate) const fn unmix(lane: i16) -> [i8; 2] {
    let a = lane as i8;
    // The subtraction takes back the borrow of a negative `w_a`; it wraps only on lanes that no packer makes.
    [a, (lane.wrapping_sub(a as i16) >> 8) as i8]
}

/// Whether the mixed lanes of two channels are exact: `|S_b| < 2^23` for every input, and every lane fits
/// 16 bits (which only `w_b = -128` with `w_a < 0` does not). Always true for symmetric weights
/// (-127..=127) of up to 516 taps.
#[cfg(any(test, feature = "pack"))]
pub(crate) fn mixes(a: &[i8], b: &[i8]) -> bool {
    let magnitude: u64 = b.iter().map(|weight| u64::from(weight.unsigned_abs())).sum();
    let lanes_fit = a.iter().zip(b).all(|(a, b)| *b > i8::MIN || *a >= 0);
    lanes_fit && magnitude * 128 < 1 << 23
}

/// Packs filters, each of `filter_len` weights, into `words` words by `place(channel, index)`; `None`
/// where a pair of channels does not [mix](mixes) in some run of `run_len` weights, after which the kernel
/// takes the sums apart.
#[cfg(feature = "pack")]
pub(crate) fn pack(
    weights: &[i8],
    [filter_len, run_len]: [usize; 2],
    words: usize,
    place: impl Fn(usize, usize) -> Place,
) -> Option<alloc::vec::Vec<i32>> {
    let mut lanes = alloc::vec![[0_i16; 2]; words];
    let filters: alloc::vec::Vec<&[i8]> = weights.chunks_exact(filter_len.max(1)).collect();
    for (pair, channels) in filters.chunks(2).enumerate() {
        let [a, b] = [channels.first()?, channels.get(1).copied().unwrap_or_default()];
        let mut b_runs = b.chunks(run_len.max(1));
        if !a.chunks(run_len.max(1)).all(|a| mixes(a, b_runs.next().unwrap_or_default())) {
            return None;
        }
        for (index, a) in a.iter().enumerate() {
            let b = b.get(index).copied().unwrap_or(0);
            let place = place(2 * pair, index);
            *lanes.get_mut(place.word)?.get_mut(place.lane)? = i16::from(*a) + 256 * i16::from(b);
        }
    }
    let word = |[low, high]: [i16; 2]| i32::from(high) << 16 | i32::from(low as u16);
    Some(lanes.into_iter().map(word).collect())
}

#[cfg(test)]
mod tests {
    use super::{mixes, unmix};

    #[test]
    fn lanes_unmix_to_the_weights_they_were_mixed_of() {
        // Miri takes its time.
        let step = if cfg!(miri) { 17 } else { 1 };
        for a in (i8::MIN..=i8::MAX).step_by(step) {
            for b in (i8::MIN..=i8::MAX).step_by(step) {
                if mixes(&[a], &[b]) {
                    assert_eq!(unmix(i16::from(a) + 256 * i16::from(b)), [a, b]);
                } else {
                    assert!(b == i8::MIN && a < 0, "{a} {b}");
                }
            }
        }
    }

    #[test]
    fn a_filter_that_could_pass_two_to_the_23_does_not_mix() {
        assert!(mixes(&[127; 516], &[-127; 516]));
        assert!(!mixes(&[127; 517], &[-127; 517]));
        assert!(mixes(&[-128; 2000], &[1; 2000]), "the plain channel may be of any size");
    }
}
