//! Four positions of a convolution with few input channels, for any number of channel pairs.

/// Two neighbouring taps at each of four positions: `[[first, second]; 4]`, read as words.
#[derive(Clone, Copy)]
#[repr(C, align(4))]
pub(crate) struct Taps(pub [[i16; 2]; 4]);

/// Kernels for patches of one number of words.
///
/// Both multiply four positions with the filters of channel pairs `(a, b)` and write as many results as
/// `weights` has filters or the results have places, whichever are less.
///
/// ```text
/// for each channel pair:
///     mix[0..4] = plain[0..4] = 0
///     for each word w of mixed weights and the taps x[0..4]:
///         mix   += x * w
///         plain += x * sxtb16(w)
///     a = plain, b = (mix - plain) >> 8
/// ```
#[derive(Clone, Copy)]
pub(crate) struct ShallowTile {
    /// `[a0, a1, a2, a3, b0, b1, b2, b3]` for each pair.
    ///
    /// Cost: 12 instructions a word (16 multiplications), 16 a pair, about 25 a call.
    pub all: fn(patch: &[Taps], weights: &[i32], sums: &mut [[i32; 8]]),
    /// The largest of the positions only, `[a, b]` for each pair.
    ///
    /// Cost: 12 instructions a word, 29 a pair, about 25 a call.
    pub largest: fn(patch: &[Taps], weights: &[i32], largest: &mut [[i32; 2]]),
}

/// The kernels for patches of `words` words; `None` if there are none.
#[inline(always)]
pub(crate) fn shallow_tile(words: usize) -> Option<ShallowTile> {
    Some(match words {
        2 => Tile::<2>::KERNELS,
        5 => Tile::<5>::KERNELS,
        13 => Tile::<13>::KERNELS,
        14 => Tile::<14>::KERNELS,
        25 => Tile::<25>::KERNELS,
        38 => Tile::<38>::KERNELS,
        _ => return None,
    })
}

struct Tile<const WORDS: usize>;

impl<const WORDS: usize> Tile<WORDS> {
    const KERNELS: ShallowTile = ShallowTile { all: Self::all, largest: Self::largest };

    fn all(patch: &[Taps], weights: &[i32], sums: &mut [[i32; 8]]) {
        let Some(patch) = patch.first_chunk::<WORDS>() else { return };
        let filters = weights.as_chunks::<WORDS>().0;
        let pairs = filters.len().min(sums.len());
        let (Some(filters), Some(sums)) = (filters.get(..pairs), sums.get_mut(..pairs)) else {
            return;
        };
        if pairs == 0 {
            return;
        }
        #[cfg(not(native_dsp))]
        for (filter, sums) in filters.iter().zip(sums) {
            *sums = model(patch, filter);
        }
        #[cfg(native_dsp)]
        {
            let range = filters.as_ptr_range();
            // SAFETY: one or more filters and as many places for sums, which is all that the kernel reads
            // and writes. `native_dsp` is set only for targets with the DSP extension.
            unsafe { Self::all_kernel(patch, range.start, range.end, sums.as_mut_ptr()) };
        }
    }

    fn largest(patch: &[Taps], weights: &[i32], largest: &mut [[i32; 2]]) {
        let Some(patch) = patch.first_chunk::<WORDS>() else { return };
        let filters = weights.as_chunks::<WORDS>().0;
        let pairs = filters.len().min(largest.len());
        let (Some(filters), Some(largest)) = (filters.get(..pairs), largest.get_mut(..pairs))
        else {
            return;
        };
        if pairs == 0 {
            return;
        }
        #[cfg(not(native_dsp))]
        for (filter, largest) in filters.iter().zip(largest) {
            let [a0, a1, a2, a3, b0, b1, b2, b3] = model(patch, filter);
            *largest = [a0.max(a1).max(a2).max(a3), b0.max(b1).max(b2).max(b3)];
        }
        #[cfg(native_dsp)]
        {
            let range = filters.as_ptr_range();
            // SAFETY: one or more filters and as many places for results, which is all that the kernel
            // reads and writes. `native_dsp` is set only for targets with the DSP extension.
            unsafe { Self::largest_kernel(patch, range.start, range.end, largest.as_mut_ptr()) };
        }
    }

    #[cfg(native_dsp)]
    const WORDS_AFTER_FIRST: usize = WORDS - 1;

    #[cfg(native_dsp)]
    const PATCH_BYTES: usize = WORDS * size_of::<Taps>();

    /// Registers: r0 patch, r1 weights, r2 and r3 words of two positions, r12 and lr a word of weights,
    /// mixed and plain; plain sums in r4 to r7, mixed in r8 to r11; on the stack: end of the weights, `sums`.
    ///
    /// # Safety
    /// `weights_end` is one or more filters after `weights`, `sums` has as many places; the target has the
    /// DSP extension.
    #[cfg(native_dsp)]
    #[unsafe(naked)]
    unsafe extern "C" fn all_kernel(
        patch: *const [Taps; WORDS],
        weights: *const [i32; WORDS],
        weights_end: *const [i32; WORDS],
        sums: *mut [i32; 8],
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
            "ldr r12, [sp, #4]",
            "ldr lr, [sp]",
            "sub r8, r8, r4",
            "sub r9, r9, r5",
            "sub r10, r10, r6",
            "sub r11, r11, r7",
            "asr r8, r8, #8",
            "asr r9, r9, #8",
            "asr r10, r10, #8",
            "asr r11, r11, #8",
            "stm r12!, {{r4, r5, r6, r7, r8, r9, r10, r11}}",
            "str r12, [sp, #4]",
            "cmp r1, lr",
            "bne 1b",
            "pop {{r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, pc}}",
            words_after_first = const Self::WORDS_AFTER_FIRST,
            patch_bytes = const Self::PATCH_BYTES,
        )
    }

    /// Registers as in `all_kernel`. The maxima are taken of `mix - plain`, before its shift.
    ///
    /// # Safety
    /// As of `all_kernel`.
    #[cfg(native_dsp)]
    #[unsafe(naked)]
    unsafe extern "C" fn largest_kernel(
        patch: *const [Taps; WORDS],
        weights: *const [i32; WORDS],
        weights_end: *const [i32; WORDS],
        largest: *mut [i32; 2],
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
            "ldr r12, [sp, #4]",
            "ldr lr, [sp]",
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

#[cfg(not(native_dsp))]
fn model(patch: &[Taps], filter: &[i32]) -> [i32; 8] {
    use super::model::{smlad, sxtb16};

    let mut plain = [0; 4];
    let mut mixed = [0; 4];
    for (taps, word) in patch.iter().zip(filter) {
        let word = *word as u32;
        for (([first, second], plain), mixed) in taps.0.iter().zip(&mut plain).zip(&mut mixed) {
            let x = u32::from(*second as u16) << 16 | u32::from(*first as u16);
            *plain = smlad(sxtb16(word), x, *plain);
            *mixed = smlad(word, x, *mixed);
        }
    }
    let [a0, a1, a2, a3] = plain;
    let [mix0, mix1, mix2, mix3] = mixed;
    let b = |mix: i32, a: i32| mix.wrapping_sub(a) >> 8;
    [a0, a1, a2, a3, b(mix0, a0), b(mix1, a1), b(mix2, a2), b(mix3, a3)]
}
