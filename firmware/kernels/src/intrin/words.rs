//! Scratch memory as what the tiles read.

use super::{Chunk, Taps, WinogradWeights};

/// The whole chunks of `bytes`. No more than a part of one is left out where it is aligned to 4, as
/// scratch memory is.
pub(crate) fn chunks_mut(bytes: &mut [i8]) -> &mut [Chunk] {
    // SAFETY: every bit pattern is valid in both types.
    let (_, chunks, _) = unsafe { bytes.align_to_mut::<Chunk>() };
    chunks
}

/// The whole taps of `bytes`, as [`chunks_mut`].
pub(crate) fn taps_mut(bytes: &mut [i8]) -> &mut [Taps] {
    // SAFETY: every bit pattern is valid in both types.
    let (_, taps, _) = unsafe { bytes.align_to_mut::<Taps>() };
    taps
}

/// All taps one after the other.
pub(crate) fn halfwords_mut(taps: &mut [Taps]) -> &mut [i16] {
    // SAFETY: `Taps` is eight i16 and nothing else.
    let (_, halfwords, _) = unsafe { taps.align_to_mut::<i16>() };
    halfwords
}

/// The whole words of `bytes`, as [`chunks_mut`].
pub(crate) fn words_mut(bytes: &mut [i8]) -> &mut [u32] {
    // SAFETY: every bit pattern is valid in both types.
    let (_, words, _) = unsafe { bytes.align_to_mut::<u32>() };
    words
}

/// The bytes of `chunks`.
pub(crate) fn bytes_of_chunks(chunks: &mut [Chunk]) -> &mut [i8] {
    // SAFETY: every bit pattern is valid in both types.
    let (_, bytes, _) = unsafe { chunks.align_to_mut::<i8>() };
    bytes
}

/// The whole items of transformed weights in `chunks`, two chunks each.
pub(crate) fn weights_of_chunks(chunks: &mut [Chunk]) -> &mut [WinogradWeights] {
    // SAFETY: every bit pattern is valid in both types.
    let (_, weights, _) = unsafe { chunks.align_to_mut::<WinogradWeights>() };
    weights
}
