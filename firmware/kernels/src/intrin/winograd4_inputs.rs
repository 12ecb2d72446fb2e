//! From the inputs of a convolution to those of its Winograd form with tiles of 4 x 4 outputs.

use super::Chunk;
use crate::map::Map;

/// What low halfwords of the result have too much, so that they are never negative.
pub(crate) const LOW_BIAS: i32 = 0x3400;

/// Where the 6 x 6 inputs of a tile lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pixels<'a> {
    /// From the first one's first channel on.
    pub input: &'a Map,
    /// Bytes to the next row.
    pub row_step: usize,
    /// Bytes to the next column.
    pub column_step: usize,
}

/// `B d B'` of `4 * fours` input channels of one tile: halfwords of channels (0, 2) of each four go to word `slot` of
/// every `step`-th chunk of `patch`, those of (1, 3) to the chunks behind, the next four follow.
///
/// Both halfwords are computed in one 32-bit number, `low + 65536 * high`, by ordinary sums, differences and
/// shifts. That number is also the pair of halfwords as long as `low` is not negative. So inputs become
/// `d + 128 >= 0`, and [`LOW_BIAS`] is added to the low halves of the four inputs `d[4..6][4..6]`: it appears in
/// each of the 36 elements, for the columns 4 and 5 of B sum up to ones. With inputs of `0..=255` the elements are
/// in `-12750..=17340`, so low halves in `562..=30652`. Who uses the elements takes the effect of both constants
/// away again, which is linear: see [`super::winograd4_outputs`].
///
/// ```text
/// along(d) = 4 d0 - 5 d2 + d4, d4 - 4 d2 + (d3 - 4 d1), d4 - 4 d2 - (d3 - 4 d1),
///            d4 - d2 + 2 (d3 - d1), d4 - d2 - 2 (d3 - d1), 4 d1 - 5 d3 + d5
/// for each four channels, for channels (0, 2), then (1, 3) of them:
///     for each x: f[0..6][x] = along(d[0..6][x] + 128)
///     for each y: elements 6 * y + (0..6) = along(f[y][0..6])
/// ```
///
/// Cost: 330 instructions for two channels, about 50 a call.
///
/// Does nothing where `pixels` or `patch` are too small or there is no such slot.
pub(crate) fn winograd4_inputs(
    pixels: Pixels<'_>,
    fours: usize,
    patch: &mut [Chunk],
    step: usize,
    slot: usize,
) {
    const LARGEST: usize = 1 << 20; // sizes whose products cannot overflow below
    let Pixels { input, row_step, column_step } = pixels;
    let small = [row_step, column_step, fours, step].iter().all(|size| *size <= LARGEST);
    if !small
        || fours == 0
        || slot >= 4
        || 5 * (row_step + column_step) + 4 * fours > input.len()
        || 35 * step + 2 * fours > patch.len()
    {
        return;
    }
    #[cfg(not(native_dsp))]
    model(pixels, fours, patch, step, slot);
    #[cfg(native_dsp)]
    {
        let from = input.as_ptr().cast::<i8>();
        let step = step * size_of::<Chunk>();
        let mut job = Job {
            from,
            rows: [1, 3, 5].map(|steps| steps * row_step),
            column: column_step,
            to: patch.as_mut_ptr().cast::<u32>().wrapping_add(slot),
            steps: [1, 3, 5].map(|steps| steps * step),
            end: from.wrapping_add(4 * fours),
        };
        // SAFETY: one or more fours of channels; `input` holds the last four of the last pixel, `patch` the last
        // chunk of the last element, and so all that the kernel reads and writes. `native_dsp` is set only for
        // targets with the DSP extension.
        unsafe { kernel(&mut job) };
    }
}

/// What the kernel loads to its registers; it moves `from` and `to`.
#[cfg(native_dsp)]
#[repr(C)]
struct Job {
    from: *const i8,
    /// Bytes of 1, 3 and 5 rows of pixels.
    rows: [usize; 3],
    /// Bytes of a column.
    column: usize,
    to: *mut u32,
    /// Bytes of 1, 3 and 5 steps.
    steps: [usize; 3],
    end: *const i8,
}

/// Registers: r0 to r3 the first pixel of a column and the distances of rows, then the first element of a row and
/// those of elements; r4 to r9 a column or row before and after its transformation; r10 to r12 and lr parts of it.
/// On the stack: the columns, pushed one by one; bytes of a column, `job`, nine saved registers.
///
/// # Safety
/// At `from` and up to `end`, which is one or more words behind, the 36 words of a tile can be read, unaligned; at
/// `to` and from there on two words, four apart, for each of them, can be written 36 times, a step apart; the
/// target has the DSP extension and unaligned word loads do not trap.
#[cfg(native_dsp)]
#[unsafe(naked)]
unsafe extern "C" fn kernel(job: *mut Job) {
    core::arch::naked_asm!(
        "push {{r0, r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "ldr r12, [r0, #16]",
        "push {{r12}}",
        ".macro along",
        "sub r10, r4, r6",
        "sub r11, r8, r6",
        "sub r12, r7, r5",
        "sub lr, r9, r7",
        "sub r8, r8, r6, lsl #2",
        "sub r7, r7, r5, lsl #2",
        "add r4, r11, r10, lsl #2",
        "sub r9, lr, r12, lsl #2",
        "add r5, r8, r7",
        "sub r6, r8, r7",
        "add r7, r11, r12, lsl #1",
        "sub r8, r11, r12, lsl #1",
        ".endm",
        ".macro half rotation",
        "ldr r12, [sp, #4]",
        "ldm r12, {{r0, r1, r2, r3}}",
        ".irp x, 0, 1, 2, 3, 4, 5",
        "ldr r4, [r0]",
        "ldr r5, [r0, r1]",
        "ldr r6, [r0, r1, lsl #1]",
        "ldr r7, [r0, r2]",
        "ldr r8, [r0, r1, lsl #2]",
        "ldr r9, [r0, r3]",
        "ldr r11, [sp, #24 * \\x]",
        "mov r10, #0x00800080",
        "add r0, r0, r11",
        "sxtab16 r4, r10, r4, ror #\\rotation",
        "sxtab16 r5, r10, r5, ror #\\rotation",
        "sxtab16 r6, r10, r6, ror #\\rotation",
        "sxtab16 r7, r10, r7, ror #\\rotation",
        "sxtab16 r8, r10, r8, ror #\\rotation",
        "sxtab16 r9, r10, r9, ror #\\rotation",
        ".if \\x >= 4",
        "add r8, r8, #{low_bias}",
        "add r9, r9, #{low_bias}",
        ".endif",
        "along",
        "push {{r4, r5, r6, r7, r8, r9}}",
        ".endr",
        "ldr r12, [sp, #148]",
        "add r12, r12, #20",
        "ldm r12, {{r0, r1, r2, r3}}",
        // Column x of row y stands at 24 * (5 - x) + 4 * y.
        ".irp y, 0, 4, 8, 12, 16, 20",
        "ldr r4, [sp, #120 + \\y]",
        "ldr r5, [sp, #96 + \\y]",
        "ldr r6, [sp, #72 + \\y]",
        "ldr r7, [sp, #48 + \\y]",
        "ldr r8, [sp, #24 + \\y]",
        "ldr r9, [sp, #\\y]",
        "along",
        "str r4, [r0]",
        "str r5, [r0, r1]",
        "str r6, [r0, r1, lsl #1]",
        "str r7, [r0, r2]",
        "str r8, [r0, r1, lsl #2]",
        "str r9, [r0, r3]",
        "add r0, r0, r2, lsl #1",
        ".endr",
        "add sp, sp, #144",
        "ldr r12, [sp, #4]",
        "ldr r0, [r12, #20]",
        "add r0, r0, #16",
        "str r0, [r12, #20]",
        ".endm",
        "1:",
        "half 0",
        "half 8",
        ".purgem half",
        ".purgem along",
        "ldr r0, [r12]",
        "ldr r1, [r12, #36]",
        "add r0, r0, #4",
        "str r0, [r12]",
        "cmp r0, r1",
        "bne 1b",
        "add sp, sp, #4",
        "pop {{r0, r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
        low_bias = const LOW_BIAS,
    )
}

#[cfg(not(native_dsp))]
fn model(pixels: Pixels<'_>, fours: usize, patch: &mut [Chunk], step: usize, slot: usize) {
    use super::model::{sxtb16, sxtb16_ror8};
    use crate::map::word;

    let Pixels { input, row_step, column_step } = pixels;
    for four in 0..fours {
        let pixel = |tap: usize| {
            let start = tap / 6 * row_step + tap % 6 * column_step + 4 * four;
            input.get(start..).and_then(|codes| codes.first_chunk()).map_or(0, word)
        };
        let words: [u32; 36] = core::array::from_fn(pixel);
        for (half, d) in [words.map(sxtb16), words.map(sxtb16_ror8)].into_iter().enumerate() {
            let d = |y: usize, x: usize| {
                let bias = if y >= 4 && x >= 4 { LOW_BIAS as u32 } else { 0 };
                // `d + 128` in both halves: signed bytes with the sign bit turned are that.
                ((d[6 * y + x] & 0x00ff_00ff) ^ 0x0080_0080) + bias
            };
            let columns: [[u32; 6]; 6] =
                core::array::from_fn(|x| along(core::array::from_fn(|y| d(y, x))));
            for y in 0..6 {
                let row = along(columns.map(|column| column[y]));
                for (x, element) in row.into_iter().enumerate() {
                    patch[(6 * y + x) * step + 2 * four + half][slot] = element;
                }
            }
        }
    }
}

/// The transformation along one axis.
#[cfg(not(native_dsp))]
fn along([d0, d1, d2, d3, d4, d5]: [u32; 6]) -> [u32; 6] {
    let times = |factor: u32, d: u32| d.wrapping_mul(factor);
    let [e, f, g, h] =
        [d0.wrapping_sub(d2), d4.wrapping_sub(d2), d3.wrapping_sub(d1), d5.wrapping_sub(d3)];
    let [p, q] = [d4.wrapping_sub(times(4, d2)), d3.wrapping_sub(times(4, d1))];
    [
        f.wrapping_add(times(4, e)),
        p.wrapping_add(q),
        p.wrapping_sub(q),
        f.wrapping_add(times(2, g)),
        f.wrapping_sub(times(2, g)),
        h.wrapping_sub(times(4, g)),
    ]
}
