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

/// The whole integers of `bytes`, as [`chunks_mut`].
pub(crate) fn integers_mut(bytes: &mut [i8]) -> &mut [i32] {
    // SAFETY: every bit pattern is valid in both types.
    let (_, integers, _) = unsafe { bytes.align_to_mut::<i32>() };
    integers
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

#[cfg(test)]
mod tests {
    use super::{bytes_of_chunks, chunks_mut, integers_mut, weights_of_chunks, words_mut};

    #[repr(align(4))]
    struct Scratch([i8; 72]);

    #[test]
    fn aligned_scratch_memory_is_whole_chunks_and_words() {
        let mut scratch = Scratch([0; 72]);
        assert_eq!(words_mut(&mut scratch.0).len(), 18);
        assert_eq!(integers_mut(&mut scratch.0).len(), 18);
        let chunks = chunks_mut(&mut scratch.0);
        assert_eq!(chunks.len(), 4);
        chunks[3] = [u32::MAX; 4];
        assert_eq!(weights_of_chunks(chunks).len(), 2);
        assert_eq!(bytes_of_chunks(chunks)[48..], [-1; 16]);
        assert_eq!(scratch.0[48..64], [-1; 16]);
    }

    #[test]
    fn memory_that_is_not_aligned_is_less_but_sound() {
        let mut scratch = Scratch([0; 72]);
        for start in 0..8 {
            let words = words_mut(&mut scratch.0[start..]);
            assert_eq!(words.len(), 18 - start.div_ceil(4), "{start}");
            words.fill(1);
            chunks_mut(&mut scratch.0[start..]).fill([2; 4]);
        }
    }
}
