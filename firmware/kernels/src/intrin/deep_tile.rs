//! Two positions and four channels of a convolution with many input channels.

/// Words of eight input channels of one pixel: channels (0, 2), (1, 3), (4, 6), (5, 7) as halfwords.
pub(crate) type Chunk = [u32; 4];

/// Mixed-lane weights of four channels for one [`Chunk`], see [`crate::packed`]: for each of its words the
/// weights of channels a and b, then of c and d.
pub(crate) type Weights = [i32; 8];

/// Blocks of four channels that a kernel computes in one call, at most.
pub(crate) const BLOCKS: usize = 8;

/// The sums of neighbouring channels at two positions.
pub(crate) type Sums = [[i32; 4 * BLOCKS]; 2];

/// The inner products of up to [`BLOCKS`] blocks of four filters with two neighbouring positions. A block
/// has `chunks` chunks of weights.
///
/// A run is `kernel_w` chunks side by side; the second position lies `stride` chunks after the first, and
/// the next run `kernel_w + stride` chunks after the last.
///
/// ```text
/// for each block:
///     mix[0..2][ab, cd] = plain[0..2][a, c] = 0
///     for each run, for each of its chunks, for each of the chunk's words:
///         w[ab], w[cd] = two words of mixed weights
///         x[0], x[1]   = the words of both positions
///         mix   += x * w
///         plain += x * sxtb16(w)
///     a, c = plain and b, d = (mix - plain) >> 8
///     sums of both positions = a, b, c, d; under a pool, those of the first are raised to a, b, c, d of both
/// ```
///
/// Cost: 13 instructions a word (16 multiplications), 4 a run, 29 a block (52 under a pool), about 40 a call.
///
/// Does nothing where `patch` is too small or `chunks` are no whole runs.
pub(crate) type DeepTile = fn(patch: &[Chunk], weights: &[Weights], chunks: usize, sums: &mut Sums);

/// The kernel for rows of `kernel_w` taps and this column stride, under a pool or not; `None` if there is none.
#[inline(always)]
pub(crate) fn deep_tile<const POOLED: bool>(kernel_w: usize, stride: usize) -> Option<DeepTile> {
    Some(match [kernel_w, stride] {
        [1, 1] => Tile::<1, 1, POOLED>::run,
        [1, 2] => Tile::<1, 2, POOLED>::run,
        [2, 1] => Tile::<2, 1, POOLED>::run,
        [2, 2] => Tile::<2, 2, POOLED>::run,
        [3, 1] => Tile::<3, 1, POOLED>::run,
        [3, 2] => Tile::<3, 2, POOLED>::run,
        [5, 1] => Tile::<5, 1, POOLED>::run,
        [5, 2] => Tile::<5, 2, POOLED>::run,
        _ => return None,
    })
}

struct Tile<const KERNEL_W: usize, const STRIDE: usize, const POOLED: bool>;

impl<const KERNEL_W: usize, const STRIDE: usize, const POOLED: bool>
    Tile<KERNEL_W, STRIDE, POOLED>
{
    fn run(patch: &[Chunk], weights: &[Weights], chunks: usize, sums: &mut Sums) {
        let runs = chunks / KERNEL_W;
        if runs == 0 || chunks != runs * KERNEL_W || patch.len() / (KERNEL_W + STRIDE) < runs {
            return;
        }
        let blocks = (weights.len() / chunks.max(1)).min(BLOCKS);
        let Some(weights) = weights.get(..blocks * chunks) else { return };
        if blocks == 0 {
            return;
        }
        #[cfg(not(native_dsp))]
        for (block, weights) in weights.chunks_exact(chunks).enumerate() {
            let [first, second] = Self::model(patch, weights);
            let [firsts, seconds] = sums.each_mut().map(|sums| &mut sums[4 * block..4 * block + 4]);
            if POOLED {
                for ((largest, first), second) in firsts.iter_mut().zip(first).zip(second) {
                    *largest = (*largest).max(first).max(second);
                }
            } else {
                firsts.copy_from_slice(&first);
                seconds.copy_from_slice(&second);
            }
        }
        #[cfg(native_dsp)]
        {
            let range = weights.as_ptr_range();
            let block_bytes = chunks * size_of::<Weights>();
            // SAFETY: `weights` are one to `BLOCKS` whole blocks of one or more whole runs, for which
            // `sums` has places, and the patch has as many runs with their gaps as a block: all that the
            // kernel reads and writes. `native_dsp` is set only for targets with the DSP extension.
            unsafe {
                Self::kernel(patch.as_ptr(), range.start, block_bytes, sums, range.end);
            }
        }
    }

    #[cfg(native_dsp)]
    const SECOND_POSITION_BYTES: usize = STRIDE * size_of::<Chunk>();

    #[cfg(native_dsp)]
    const WORDS: usize = 4 * KERNEL_W;

    /// Registers: r0 patch, r1 weights, r2 and r3 a word of either position, r12 and lr two words of
    /// weights; sums of the first position in r4 a, r5 ab mixed, r6 c, r7 cd mixed, of the second in r8 to
    /// r11 likewise. On the stack from sp: end of the block, (unused), patch, bytes of a block, `sums`, nine
    /// saved registers, end of the weights.
    ///
    /// # Safety
    /// `weights_end` is one to `BLOCKS` blocks after `weights`, a block one or more runs; `patch` has as many runs of `KERNEL_W + STRIDE` chunks as a block; the target has the
    /// DSP extension.
    #[cfg(native_dsp)]
    #[unsafe(naked)]
    unsafe extern "C" fn kernel(
        patch: *const Chunk,
        weights: *const Weights,
        block_bytes: usize,
        sums: *mut Sums,
        weights_end: *const Weights,
    ) {
        core::arch::naked_asm!(
            "push {{r0, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
            "sub sp, sp, #8",
            "1:",
            "ldrd r0, r2, [sp, #8]",
            "add r2, r2, r1",
            "str r2, [sp]",
            "movs r4, #0",
            "movs r5, #0",
            "movs r6, #0",
            "movs r7, #0",
            "mov r8, r4",
            "mov r9, r4",
            "mov r10, r4",
            "mov r11, r4",
            "2:",
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
            "bne 2b",
            "ldr r3, [sp, #16]",
            "ldr r2, [sp, #56]",
            "sub r5, r5, r4",
            "sub r7, r7, r6",
            "sub r9, r9, r8",
            "sub r11, r11, r10",
            "asr r5, r5, #8",
            "asr r7, r7, #8",
            "asr r9, r9, #8",
            "asr r11, r11, #8",
            ".macro raise largest, other",
            "cmp \\largest, \\other",
            "it lt",
            "movlt \\largest, \\other",
            ".endm",
            ".if {pooled}",
            "raise r4, r8",
            "raise r5, r9",
            "raise r6, r10",
            "raise r7, r11",
            "ldm r3, {{r8, r9, r10, r11}}",
            "raise r4, r8",
            "raise r5, r9",
            "raise r6, r10",
            "raise r7, r11",
            ".else",
            "strd r8, r9, [r3, #{position}]",
            "strd r10, r11, [r3, #{position} + 8]",
            ".endif",
            ".purgem raise",
            "stm r3!, {{r4, r5, r6, r7}}",
            "str r3, [sp, #16]",
            "cmp r1, r2",
            "bne 1b",
            "add sp, sp, #8",
            "pop {{r0, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
            words = const Self::WORDS,
            second = const Self::SECOND_POSITION_BYTES,
            position = const size_of::<[i32; 4 * BLOCKS]>(),
            pooled = const POOLED as usize,
        )
    }

    #[cfg(not(native_dsp))]
    fn model(patch: &[Chunk], weights: &[Weights]) -> [[i32; 4]; 2] {
        use super::model::{smlad, sxtb16};

        let mut sums = [[0; 4]; 2];
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
        sums
    }
}
