//! Scratch memory as what the tiles read.

use super::{Chunk, WinogradWeights};

/// The whole chunks of `bytes`. No more than a part of one is left out where it is aligned to 4, as
/// scratch memory is.
pub(crate) fn chunks_mut(bytes: &mut [i8]) -> &mut [Chunk] {
    // SAFETY: every bit pattern is valid in both types.
    let (_, chunks, _) = unsafe { bytes.align_to_mut::<Chunk>() };
    chunks
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
