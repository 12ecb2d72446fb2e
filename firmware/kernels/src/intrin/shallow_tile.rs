//! Four positions of a convolution with few input channels, for up to sixteen channel pairs.

/// Two neighbouring taps at each of four positions: first and second of each position, read as words.
#[derive(Clone, Copy)]
#[repr(C, align(4))]
pub(crate) struct Taps(pub [i16; 8]);

/// Channel pairs that a kernel computes in one call, at most.
pub(crate) const PAIRS: usize = 16;

/// The sums of neighbouring channels at each of four positions.
pub(crate) type Sums = [[i32; 2 * PAIRS]; 4];

/// Kernels for patches of one number of words.
///
/// Both multiply four positions with the filters of up to [`PAIRS`] channel pairs `(a, b)`.
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
    /// All sums.
    ///
    /// Cost: 12 instructions a word (16 multiplications), 20 a pair, about 25 a call.
    pub all: fn(patch: &[Taps], weights: &[i32], sums: &mut Sums),
    /// The largest sums of the positions only.
    ///
    /// Cost: 12 instructions a word, 30 a pair, about 25 a call.
    pub largest: fn(patch: &[Taps], weights: &[i32], largest: &mut [i32; 2 * PAIRS]),
}

/// The kernels for patches of `words` words; `None` if there are none.
#[inline(always)]
pub(crate) fn shallow_tile(words: usize) -> Option<ShallowTile> {
    Some(match words {
        2 => Tile::<2>::KERNELS,
        5 => Tile::<5>::KERNELS,
        9 => Tile::<9>::KERNELS,
        13 => Tile::<13>::KERNELS,
        14 => Tile::<14>::KERNELS,
        18 => Tile::<18>::KERNELS,
        20 => Tile::<20>::KERNELS,
        25 => Tile::<25>::KERNELS,
        38 => Tile::<38>::KERNELS,
        _ => return None,
    })
}

/// One channel pair, the part that both kernels share: expands to one string of assembly that multiplies
/// the patch with `words_after_first + 1` words of weights, rewinds the patch, loads the end of the weights
/// (lr) and the results' address (r12) from the stack, and leaves plain sums in r4 to r7 and
/// 256 * (sums of b) in r8 to r11.
#[cfg(native_dsp)]
macro_rules! multiply {
    () => {
        concat!(
            "ldr r12, [r1], #4\n",
            "ldrd r2, r3, [r0], #8\n",
            "sxtb16 lr, r12\n",
            "smuad r8, r12, r2\n",
            "smuad r9, r12, r3\n",
            "smuad r4, lr, r2\n",
            "smuad r5, lr, r3\n",
            "ldrd r2, r3, [r0], #8\n",
            "smuad r10, r12, r2\n",
            "smuad r11, r12, r3\n",
            "smuad r6, lr, r2\n",
            "smuad r7, lr, r3\n",
            ".rept {words_after_first}\n",
            "ldr r12, [r1], #4\n",
            "ldrd r2, r3, [r0], #8\n",
            "sxtb16 lr, r12\n",
            "smlad r8, r12, r2, r8\n",
            "smlad r9, r12, r3, r9\n",
            "smlad r4, lr, r2, r4\n",
            "smlad r5, lr, r3, r5\n",
            "ldrd r2, r3, [r0], #8\n",
            "smlad r10, r12, r2, r10\n",
            "smlad r11, r12, r3, r11\n",
            "smlad r6, lr, r2, r6\n",
            "smlad r7, lr, r3, r7\n",
            ".endr\n",
            "sub r0, r0, #{patch_bytes}\n",
            "ldrd lr, r12, [sp]\n",
            "sub r8, r8, r4\n",
            "sub r9, r9, r5\n",
            "sub r10, r10, r6\n",
            "sub r11, r11, r7",
        )
    };
}

struct Tile<const WORDS: usize>;

impl<const WORDS: usize> Tile<WORDS> {
    const KERNELS: ShallowTile = ShallowTile { all: Self::all, largest: Self::largest };

    fn all(patch: &[Taps], weights: &[i32], sums: &mut Sums) {
        let Some((patch, filters)) = Self::operands(patch, weights) else { return };
        #[cfg(not(native_dsp))]
        for (pair, filter) in filters.iter().enumerate() {
            for (sums, [a, b]) in sums.iter_mut().zip(model(patch, filter)) {
                sums[2 * pair] = a;
                sums[2 * pair + 1] = b;
            }
        }
        #[cfg(native_dsp)]
        {
            let range = filters.as_ptr_range();
            // SAFETY: one to `PAIRS` filters, the patch of their length, and places for `PAIRS` pairs: all
            // that the kernel reads and writes. `native_dsp` is set only for targets with the DSP
            // extension.
            unsafe { Self::all_kernel(patch, range.start, range.end, sums) };
        }
    }

    fn largest(patch: &[Taps], weights: &[i32], largest: &mut [i32; 2 * PAIRS]) {
        let Some((patch, filters)) = Self::operands(patch, weights) else { return };
        #[cfg(not(native_dsp))]
        for (largest, filter) in largest.as_chunks_mut::<2>().0.iter_mut().zip(filters) {
            let sums = model(patch, filter).into_iter();
            *largest = sums.fold([i32::MIN; 2], |l, r| [l[0].max(r[0]), l[1].max(r[1])]);
        }
        #[cfg(native_dsp)]
        {
            let range = filters.as_ptr_range();
            // SAFETY: as in `all`.
            unsafe { Self::largest_kernel(patch, range.start, range.end, largest) };
        }
    }

    /// The patch and one to `PAIRS` whole filters.
    #[inline(always)]
    fn operands<'a>(
        patch: &'a [Taps],
        weights: &'a [i32],
    ) -> Option<(&'a [Taps; WORDS], &'a [[i32; WORDS]])> {
        let filters = weights.as_chunks::<WORDS>().0;
        let filters = filters.get(..filters.len().min(PAIRS)).filter(|some| !some.is_empty())?;
        Some((patch.first_chunk::<WORDS>()?, filters))
    }

    #[cfg(native_dsp)]
    const WORDS_AFTER_FIRST: usize = WORDS - 1;

    #[cfg(native_dsp)]
    const PATCH_BYTES: usize = WORDS * size_of::<Taps>();

    /// Registers: r0 patch, r1 weights, r2 and r3 words of two positions, r12 and lr a word of weights,
    /// mixed and plain; plain sums in r4 to r7, mixed in r8 to r11; on the stack: end of the weights, `sums`.
    ///
    /// # Safety
    /// `weights_end` is one to `PAIRS` filters after `weights`; the target has the DSP extension.
    #[cfg(native_dsp)]
    #[unsafe(naked)]
    unsafe extern "C" fn all_kernel(
        patch: *const [Taps; WORDS],
        weights: *const [i32; WORDS],
        weights_end: *const [i32; WORDS],
        sums: *mut Sums,
    ) {
        core::arch::naked_asm!(
            "push {{r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}}",
            "1:",
            multiply!(),
            "asr r8, r8, #8",
            "asr r9, r9, #8",
            "asr r10, r10, #8",
            "asr r11, r11, #8",
            "strd r5, r9, [r12, #{position}]",
            "strd r6, r10, [r12, #2 * {position}]",
            "strd r7, r11, [r12, #3 * {position}]",
            "strd r4, r8, [r12], #8",
            "str r12, [sp, #4]",
            "cmp r1, lr",
            "bne 1b",
            "pop {{r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, pc}}",
            words_after_first = const Self::WORDS_AFTER_FIRST,
            patch_bytes = const Self::PATCH_BYTES,
            position = const size_of::<[i32; 2 * PAIRS]>(),
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
        largest: *mut [i32; 2 * PAIRS],
    ) {
        core::arch::naked_asm!(
            "push {{r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}}",
            "1:",
            multiply!(),
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
fn model(patch: &[Taps], filter: &[i32]) -> [[i32; 2]; 4] {
    use super::model::{smlad, sxtb16};

    let mut plain = [0; 4];
    let mut mixed = [0; 4];
    for (taps, word) in patch.iter().zip(filter) {
        let word = *word as u32;
        let positions = taps.0.as_chunks::<2>().0;
        for (([first, second], plain), mixed) in positions.iter().zip(&mut plain).zip(&mut mixed) {
            let x = u32::from(*second as u16) << 16 | u32::from(*first as u16);
            *plain = smlad(sxtb16(word), x, *plain);
            *mixed = smlad(word, x, *mixed);
        }
    }
    let mut sums = [[0; 2]; 4];
    for ((sums, plain), mixed) in sums.iter_mut().zip(plain).zip(mixed) {
        *sums = [plain, mixed.wrapping_sub(plain) >> 8];
    }
    sums
}
