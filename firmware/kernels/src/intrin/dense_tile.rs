//! Eight outputs of a dense layer, as far as their inputs go by sixteens.

use core::cell::Cell;

/// Inputs of one step.
pub(crate) type Inputs = [Cell<i8>; 16];

/// Mixed-lane weights of one step, see [`crate::packed`]: four quads of inputs, in each the words of four
/// channel pairs, in each inputs 0 and 2, then 1 and 3.
pub(crate) type Weights = [i32; 32];

/// The inner products of inputs with the weights of eight channels.
///
/// ```text
/// mix[0..4] = plain[0..4] = 0
/// for each quad of inputs:
///     x02, x13 = inputs (0, 2) and (1, 3) as halfwords
///     for each channel pair p:
///         w02, w13 = two words of mixed weights
///         mix[p]   += x02 * w02 + x13 * w13
///         plain[p] += x02 * sxtb16(w02) + x13 * sxtb16(w13)
/// sums[2p] = plain[p], sums[2p + 1] = (mix[p] - plain[p]) >> 8
/// ```
///
/// Cost: 31 instructions a quad (32 multiplications), 3 a step of four quads, about 45 a call.
pub(crate) fn dense_tile(inputs: &[Inputs], weights: &[Weights]) -> [i32; 8] {
    let mut sums = [0; 8];
    let steps = inputs.len().min(weights.len());
    let (Some(inputs), Some(weights)) = (inputs.get(..steps), weights.get(..steps)) else {
        return sums;
    };
    if steps == 0 {
        return sums;
    }
    #[cfg(not(native_dsp))]
    model(inputs, weights, &mut sums);
    #[cfg(native_dsp)]
    {
        let range = inputs.as_ptr_range();
        // SAFETY: at least one step and as many of weights as of inputs, as the kernel demands; it reads
        // them and writes `sums`. `native_dsp` is set only for targets with the DSP extension.
        unsafe { kernel(range.start, weights.as_ptr(), range.end, &mut sums) };
    }
    sums
}

/// Registers: r0 inputs, r1 weights, r2 and r3 the quad as halfwords, r12 and lr two words of weights,
/// r4 r6 r8 r10 plain sums, r5 r7 r9 r11 mixed sums; on the stack: end of the inputs, `sums`.
///
/// # Safety
/// `inputs_end` is one or more steps after `inputs`; `weights` has as many steps; the target has the DSP
/// extension and unaligned word loads do not trap (so it is out of reset).
#[cfg(native_dsp)]
#[unsafe(naked)]
unsafe extern "C" fn kernel(
    inputs: *const Inputs,
    weights: *const Weights,
    inputs_end: *const Inputs,
    sums: *mut [i32; 8],
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
        ".rept 4",
        "ldr r3, [r0], #4",
        "sxtb16 r2, r3",
        "sxtb16 r3, r3, ror #8",
        ".irp plain, r4, r6, r8, r10",
        "ldrd r12, lr, [r1], #8",
        // The mixed sum stands in the register after the plain one.
        ".ifc \\plain, r4",
        "smlad r5, r12, r2, r5",
        "smlad r5, lr, r3, r5",
        ".endif",
        ".ifc \\plain, r6",
        "smlad r7, r12, r2, r7",
        "smlad r7, lr, r3, r7",
        ".endif",
        ".ifc \\plain, r8",
        "smlad r9, r12, r2, r9",
        "smlad r9, lr, r3, r9",
        ".endif",
        ".ifc \\plain, r10",
        "smlad r11, r12, r2, r11",
        "smlad r11, lr, r3, r11",
        ".endif",
        "sxtb16 r12, r12",
        "sxtb16 lr, lr",
        "smlad \\plain, r12, r2, \\plain",
        "smlad \\plain, lr, r3, \\plain",
        ".endr",
        ".endr",
        "ldr r2, [sp]",
        "cmp r0, r2",
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
    )
}

#[cfg(not(native_dsp))]
fn model(inputs: &[Inputs], weights: &[Weights], sums: &mut [i32; 8]) {
    use super::model::{smlad, sxtb16, sxtb16_ror8};
    use crate::map::word;

    let mut mixed = [0; 4];
    let mut plain = [0; 4];
    for (inputs, weights) in inputs.iter().zip(weights) {
        let quads = inputs.as_chunks::<4>().0.iter().zip(weights.as_chunks::<8>().0);
        for (quad, weights) in quads {
            let quad = word(quad);
            let [x02, x13] = [sxtb16(quad), sxtb16_ror8(quad)];
            let pairs = weights.as_chunks::<2>().0.iter();
            for ((words, mixed), plain) in pairs.zip(&mut mixed).zip(&mut plain) {
                let [w02, w13] = words.map(|word| word as u32);
                *mixed = smlad(w13, x13, smlad(w02, x02, *mixed));
                *plain = smlad(sxtb16(w13), x13, smlad(sxtb16(w02), x02, *plain));
            }
        }
    }
    for ((sums, mixed), plain) in sums.as_chunks_mut::<2>().0.iter_mut().zip(mixed).zip(plain) {
        *sums = [plain, mixed.wrapping_sub(plain) >> 8];
    }
}
