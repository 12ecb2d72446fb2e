//! From the inputs of a convolution to those of its Winograd form.

use super::Chunk;

/// `B d B'` of four input channels of one tile: `d` is 4 x 4 words of four codes. Writes halfwords of channels
/// (0, 2) to word `slot` of each `step`-th chunk of `patch`, those of (1, 3) to the chunks behind.
///
/// Halfwords hold the result, since `|d| <= 128` gives at most 512.
///
/// ```text
/// for channels (0, 2), then (1, 3):
///     e[y][x] = halfwords of d[y][x]
///     for each x: f[0..4][x] = e[0][x] - e[2][x], e[1][x] + e[2][x], e[2][x] - e[1][x], e[1][x] - e[3][x]
///     for each y: patch[4 * y + (0..4)] = the same of f[y][0..4]
/// ```
///
/// Cost: about 240 instructions.
///
/// Does nothing where `patch` is too small or there is no such slot.
#[inline(always)]
pub(crate) fn winograd_inputs(d: &[u32; 16], patch: &mut [Chunk], step: usize, slot: usize) {
    // 15 steps and the chunk behind, without a product that could overflow.
    if slot >= 4 || step < 2 || patch.len().saturating_sub(2) / 15 < step {
        return;
    }
    #[cfg(not(native_dsp))]
    model(d, patch, step, slot);
    #[cfg(native_dsp)]
    {
        let to = patch.as_mut_ptr().cast::<u32>().wrapping_add(slot);
        // SAFETY: `patch` has 15 steps and two chunks more, so the kernel writes only words of it; it reads `d`.
        // `native_dsp` is set only for targets with the DSP extension.
        unsafe { kernel(d, to, step * size_of::<Chunk>()) };
    }
}

/// Registers: r0 inputs, r1 patch, r2 bytes of a step, r12 of three steps, r3 the patch in one row; r4 to r7 a column
/// or row, r8 to r11 its differences and sums. On the stack: f.
///
/// # Safety
/// At `patch` and 16 bytes behind, a word can be written 16 times, `step_bytes` apart; the target has the DSP
/// extension.
#[cfg(native_dsp)]
#[unsafe(naked)]
unsafe extern "C" fn kernel(d: *const [u32; 16], patch: *mut u32, step_bytes: usize) {
    core::arch::naked_asm!(
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}}",
        "sub sp, sp, #64",
        "add r12, r2, r2, lsl #1",
        ".macro differences",
        "ssub16 r8, r4, r6",
        "sadd16 r9, r5, r6",
        "ssub16 r10, r6, r5",
        "ssub16 r11, r5, r7",
        ".endm",
        ".macro half rotation",
        ".irp x, 0, 4, 8, 12",
        "ldr r4, [r0, #\\x]",
        "ldr r5, [r0, #\\x + 16]",
        "ldr r6, [r0, #\\x + 32]",
        "ldr r7, [r0, #\\x + 48]",
        "sxtb16 r4, r4, ror #\\rotation",
        "sxtb16 r5, r5, ror #\\rotation",
        "sxtb16 r6, r6, ror #\\rotation",
        "sxtb16 r7, r7, ror #\\rotation",
        "differences",
        "str r8, [sp, #\\x]",
        "str r9, [sp, #\\x + 16]",
        "str r10, [sp, #\\x + 32]",
        "str r11, [sp, #\\x + 48]",
        ".endr",
        "mov r3, r1",
        ".irp y, 0, 16, 32, 48",
        "ldrd r4, r5, [sp, #\\y]",
        "ldrd r6, r7, [sp, #\\y + 8]",
        "differences",
        "str r8, [r3]",
        "str r9, [r3, r2]",
        "str r10, [r3, r2, lsl #1]",
        "str r11, [r3, r12]",
        "add r3, r3, r2, lsl #2",
        ".endr",
        ".endm",
        "half 0",
        "adds r1, #16",
        "half 8",
        ".purgem half",
        ".purgem differences",
        "add sp, sp, #64",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, r12, pc}}",
    )
}

#[cfg(not(native_dsp))]
fn model(d: &[u32; 16], patch: &mut [Chunk], step: usize, slot: usize) {
    use super::model::{sadd16, ssub16, sxtb16, sxtb16_ror8};

    let along = |[a, b, c, d]: [u32; 4]| [ssub16(a, c), sadd16(b, c), ssub16(c, b), ssub16(b, d)];
    for (half, e) in [d.map(sxtb16), d.map(sxtb16_ror8)].into_iter().enumerate() {
        let columns = [0, 1, 2, 3].map(|x| along([e[x], e[4 + x], e[8 + x], e[12 + x]]));
        let rows = [0, 1, 2, 3].map(|y| along(columns.map(|column| column[y])));
        let chunks = patch.iter_mut().skip(half).step_by(step);
        for (chunk, element) in chunks.zip(rows.as_flattened()) {
            chunk[slot] = *element;
        }
    }
}
