//! The largest of four positions of a convolution with few input channels, for up to sixteen channel pairs.

use super::Chunk;

/// Channel pairs that a kernel computes in one call, at most.
pub(crate) const PAIRS: usize = 16;

/// A kernel for patches of one number of words: a chunk for each word of a filter, its two taps at each of the four
/// positions.
///
/// It multiplies the positions with the filters of up to [`PAIRS`] channel pairs `(a, b)`.
///
/// ```text
/// for each channel pair:
///     mix[0..4] = plain[0..4] = 0
///     for each word w of mixed weights and the taps x[0..4]:
///         mix   += x * w
///         plain += x * sxtb16(w)
///     a = largest of plain, b = (largest of (mix - plain)) >> 8
/// ```
///
/// Cost: 12 instructions a word (16 multiplications), 30 a pair, about 25 a call.
pub(crate) type ShallowTile = fn(patch: &[Chunk], weights: &[i32], largest: &mut [i32; 2 * PAIRS]);

/// The kernel for patches of `words` words; `None` if there is none.
#[inline(always)]
pub(crate) fn shallow_tile(words: usize) -> Option<ShallowTile> {
    Some(match words {
        2 => Tile::<2>::run,
        5 => Tile::<5>::run,
        9 => Tile::<9>::run,
        13 => Tile::<13>::run,
        14 => Tile::<14>::run,
        18 => Tile::<18>::run,
        20 => Tile::<20>::run,
        25 => Tile::<25>::run,
        38 => Tile::<38>::run,
        _ => return None,
    })
}

struct Tile<const WORDS: usize>;

impl<const WORDS: usize> Tile<WORDS> {
    fn run(patch: &[Chunk], weights: &[i32], largest: &mut [i32; 2 * PAIRS]) {
        let Some((patch, filters)) = Self::operands(patch, weights) else { return };
        #[cfg(not(native_dsp))]
        for (largest, filter) in largest.as_chunks_mut::<2>().0.iter_mut().zip(filters) {
            let sums = model(patch, filter).into_iter();
            *largest = sums.fold([i32::MIN; 2], |l, r| [l[0].max(r[0]), l[1].max(r[1])]);
        }
        #[cfg(native_dsp)]
        {
            let range = filters.as_ptr_range();
            // SAFETY: one to `PAIRS` filters, the patch of their length, and places for `PAIRS` pairs: all
            // that the kernel reads and writes. `native_dsp` is set only for targets with the DSP
            // extension.
            unsafe { Self::kernel(patch, range.start, range.end, largest) };
        }
    }

    /// The patch and one to `PAIRS` whole filters.
    #[inline(always)]
    fn operands<'a>(
        patch: &'a [Chunk],
        weights: &'a [i32],
    ) -> Option<(&'a [Chunk; WORDS], &'a [[i32; WORDS]])> {
        let filters = weights.as_chunks::<WORDS>().0;
        let filters = filters.get(..filters.len().min(PAIRS)).filter(|some| !some.is_empty())?;
        Some((patch.first_chunk::<WORDS>()?, filters))
    }

    #[cfg(native_dsp)]
    const WORDS_AFTER_FIRST: usize = WORDS - 1;

    #[cfg(native_dsp)]
    const PATCH_BYTES: usize = WORDS * size_of::<Chunk>();

    /// Registers: r0 patch, r1 weights, r2 and r3 words of two positions, r12 and lr a word of weights,
    /// mixed and plain; plain sums in r4 to r7, mixed in r8 to r11; on the stack: end of the weights, `largest`. The
    /// maxima are taken of `mix - plain`, before its shift.
    ///
    /// # Safety
    /// `weights_end` is one to `PAIRS` filters after `weights`; the target has the DSP extension.
    #[cfg(native_dsp)]
    #[unsafe(naked)]
    unsafe extern "C" fn kernel(
        patch: *const [Chunk; WORDS],
        weights: *const [i32; WORDS],
        weights_end: *const [i32; WORDS],
        largest: *mut [i32; 2 * PAIRS],
    ) {
        core::arch::naked_asm!(
            "push {{r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}}",
            "1:",
            "ldr r12, [r1], #4",
            "ldrd r2, r3, [r0], #8",
            "sxtb16 lr, r12",
            "smuad r8, r12, r2",
            "smuad r9, r12, r3",
            "smuad r4, lr, r2",
            "smuad r5, lr, r3",
            "ldrd r2, r3, [r0], #8",
            "smuad r10, r12, r2",
            "smuad r11, r12, r3",
            "smuad r6, lr, r2",
            "smuad r7, lr, r3",
            ".rept {words_after_first}",
            "ldr r12, [r1], #4",
            "ldrd r2, r3, [r0], #8",
            "sxtb16 lr, r12",
            "smlad r8, r12, r2, r8",
            "smlad r9, r12, r3, r9",
            "smlad r4, lr, r2, r4",
            "smlad r5, lr, r3, r5",
            "ldrd r2, r3, [r0], #8",
            "smlad r10, r12, r2, r10",
            "smlad r11, r12, r3, r11",
            "smlad r6, lr, r2, r6",
            "smlad r7, lr, r3, r7",
            ".endr",
            "sub r0, r0, #{patch_bytes}",
            "ldrd lr, r12, [sp]",
            "sub r8, r8, r4",
            "sub r9, r9, r5",
            "sub r10, r10, r6",
            "sub r11, r11, r7",
            "cmp r4, r5",
            "it lt",
            "movlt r4, r5",
            "cmp r6, r7",
            "it lt",
            "movlt r6, r7",
            "cmp r8, r9",
            "it lt",
            "movlt r8, r9",
            "cmp r10, r11",
            "it lt",
            "movlt r10, r11",
            "cmp r4, r6",
            "it lt",
            "movlt r4, r6",
            "cmp r8, r10",
            "it lt",
            "movlt r8, r10",
            "asr r8, r8, #8",
            "strd r4, r8, [r12], #8",
            "str r12, [sp, #4]",
            "cmp r1, lr",
            "bne 1b",
            "pop {{r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, pc}}",
            words_after_first = const Self::WORDS_AFTER_FIRST,
            patch_bytes = const Self::PATCH_BYTES,
        )
    }
}

/// `[a, b]` at each position.
#[cfg(not(native_dsp))]
fn model(patch: &[Chunk], filter: &[i32]) -> [[i32; 2]; 4] {
    use super::model::{smlad, sxtb16};

    let mut plain = [0; 4];
    let mut mixed = [0; 4];
    for (chunk, word) in patch.iter().zip(filter) {
        let word = *word as u32;
        for ((x, plain), mixed) in chunk.iter().zip(&mut plain).zip(&mut mixed) {
            *plain = smlad(sxtb16(word), *x, *plain);
            *mixed = smlad(word, *x, *mixed);
        }
    }
    let mut sums = [[0; 2]; 4];
    for ((sums, plain), mixed) in sums.iter_mut().zip(plain).zip(mixed) {
        *sums = [plain, mixed.wrapping_sub(plain) >> 8];
    }
    sums
}
