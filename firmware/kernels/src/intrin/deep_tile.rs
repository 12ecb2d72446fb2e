//! Two positions and four channels of a convolution with many input channels.

/// Words of eight input channels of one pixel: channels (0, 2), (1, 3), (4, 6), (5, 7) as halfwords.
pub(crate) type Chunk = [u32; 4];

/// Mixed-lane weights of four channels for one [`Chunk`], see [`crate::packed`]: for each of its words the
/// weights of channels a and b, then of c and d.
pub(crate) type Weights = [i32; 8];

/// The inner products of four filters with two neighbouring positions: `[[a, b, c, d]; 2]`.
///
/// A run is `kernel_w` chunks side by side; the second position lies `stride` chunks after the first, and
/// the next run `kernel_w + stride` chunks after the last.
///
/// ```text
/// mix[0..2][ab, cd] = plain[0..2][a, c] = 0
/// for each run, for each of its chunks, for each of the chunk's words:
///     w[ab], w[cd] = two words of mixed weights
///     x[0], x[1]   = the words of both positions
///     mix   += x * w
///     plain += x * sxtb16(w)
/// a, c = plain and b, d = (mix - plain) >> 8
/// ```
///
/// Cost: 13 instructions a word (16 multiplications), 4 a run, about 45 a call.
///
/// `None` where `patch` is too small or `weights` are no whole runs.
pub(crate) type DeepTile = fn(patch: &[Chunk], weights: &[Weights]) -> Option<[[i32; 4]; 2]>;

/// The kernel for rows of `kernel_w` taps and this column stride; `None` if there is none.
#[inline(always)]
pub(crate) fn deep_tile(kernel_w: usize, stride: usize) -> Option<DeepTile> {
    Some(match [kernel_w, stride] {
        [1, 1] => Tile::<1, 1>::run,
        [1, 2] => Tile::<1, 2>::run,
        [2, 1] => Tile::<2, 1>::run,
        [2, 2] => Tile::<2, 2>::run,
        [3, 1] => Tile::<3, 1>::run,
        [3, 2] => Tile::<3, 2>::run,
        [5, 1] => Tile::<5, 1>::run,
        [5, 2] => Tile::<5, 2>::run,
        _ => return None,
    })
}

struct Tile<const KERNEL_W: usize, const STRIDE: usize>;

impl<const KERNEL_W: usize, const STRIDE: usize> Tile<KERNEL_W, STRIDE> {
    fn run(patch: &[Chunk], weights: &[Weights]) -> Option<[[i32; 4]; 2]> {
        let runs = weights.len() / KERNEL_W;
        if runs == 0 || weights.len() != runs * KERNEL_W || patch.len() / (KERNEL_W + STRIDE) < runs
        {
            return None;
        }
        let mut sums = [[0; 4]; 2];
        #[cfg(not(native_dsp))]
        Self::model(patch, weights, &mut sums);
        #[cfg(native_dsp)]
        {
            let range = weights.as_ptr_range();
            // SAFETY: at least one run, and the patch holds as many runs with their gaps as the weights
            // do; the kernel reads both and writes `sums`. `native_dsp` is set only for targets with the
            // DSP extension.
            unsafe { Self::kernel(patch.as_ptr(), range.start, range.end, &mut sums) };
        }
        Some(sums)
    }

    #[cfg(native_dsp)]
    const SECOND_POSITION_BYTES: usize = STRIDE * size_of::<Chunk>();

    #[cfg(native_dsp)]
    const WORDS: usize = 4 * KERNEL_W;

    /// Registers: r0 patch, r1 weights, r2 and r3 a word of either position, r12 and lr two words of
    /// weights; sums of the first position in r4 a, r5 ab mixed, r6 c, r7 cd mixed, of the second in r8 to
    /// r11 likewise; on the stack: end of the weights, `sums`.
    ///
    /// # Safety
    /// `weights_end` is one or more runs after `weights`; `patch` has as many runs of
    /// `KERNEL_W + STRIDE` chunks; the target has the DSP extension.
    #[cfg(native_dsp)]
    #[unsafe(naked)]
    unsafe extern "C" fn kernel(
        patch: *const Chunk,
        weights: *const Weights,
        weights_end: *const Weights,
        sums: *mut [[i32; 4]; 2],
    ) {
        core::arch::naked_asm!(
            "push {{r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}}",
            "movs r4, #0",
            "movs r5, #0",
            "movs r6, #0",
            "movs r7, #0",
            "mov r8, r4",
            "mov r9, r4",
            "mov r10, r4",
            "mov r11, r4",
            "1:",
            ".rept {words}",
            "ldr r3, [r0, #{second}]",
            "ldr r2, [r0], #4",
            "ldrd r12, lr, [r1], #8",
            "smlad r5, r12, r2, r5",
            "smlad r9, r12, r3, r9",
            "smlad r7, lr, r2, r7",
            "smlad r11, lr, r3, r11",
            "sxtb16 r12, r12",
            "sxtb16 lr, lr",
            "smlad r4, r12, r2, r4",
            "smlad r8, r12, r3, r8",
            "smlad r6, lr, r2, r6",
            "smlad r10, lr, r3, r10",
            ".endr",
            "ldr r2, [sp]",
            "adds r0, #{second}",
            "cmp r1, r2",
            "bne 1b",
            "sub r5, r5, r4",
            "sub r7, r7, r6",
            "sub r9, r9, r8",
            "sub r11, r11, r10",
            "asr r5, r5, #8",
            "asr r7, r7, #8",
            "asr r9, r9, #8",
            "asr r11, r11, #8",
            "ldr r3, [sp, #4]",
            "stm r3, {{r4, r5, r6, r7, r8, r9, r10, r11}}",
            "pop {{r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, pc}}",
            words = const Self::WORDS,
            second = const Self::SECOND_POSITION_BYTES,
        )
    }

    #[cfg(not(native_dsp))]
    fn model(patch: &[Chunk], weights: &[Weights], sums: &mut [[i32; 4]; 2]) {
        use super::model::{smlad, sxtb16};

        for (position, sums) in sums.iter_mut().enumerate() {
            let [mut a, mut ab, mut c, mut cd] = [0; 4];
            let runs = patch.chunks(KERNEL_W + STRIDE).zip(weights.chunks(KERNEL_W));
            for (chunks, weights) in runs {
                let chunks = chunks.iter().skip(position * STRIDE).take(KERNEL_W);
                for (chunk, weights) in chunks.zip(weights) {
                    for (x, words) in chunk.iter().zip(weights.as_chunks::<2>().0) {
                        let [w_ab, w_cd] = words.map(|word| word as u32);
                        ab = smlad(w_ab, *x, ab);
                        cd = smlad(w_cd, *x, cd);
                        a = smlad(sxtb16(w_ab), *x, a);
                        c = smlad(sxtb16(w_cd), *x, c);
                    }
                }
            }
            *sums = [a, ab.wrapping_sub(a) >> 8, c, cd.wrapping_sub(c) >> 8];
        }
    }
}
