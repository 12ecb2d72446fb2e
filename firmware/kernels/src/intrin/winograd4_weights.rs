//! From int8 filters to those of the Winograd form with tiles of 4 x 4 outputs, on the device.

/// Weights of four pairs of input channels: words of output channels a and b, alternating.
pub(crate) type Weights = [i32; 8];

/// `H g H'` of the filters of one output channel, for all its input channels: to the words of a (0) or b (1) of
/// `weights`, whose 36 elements have the same number of items.
///
/// `taps` are words of four input channels, two of them for each item of an element: those of the first tap, then of
/// the second, up to the ninth. Halfwords hold the result, since `|g| <= 128` gives at most `49 * 128`.
///
/// ```text
/// along(a, b, c) = 3 a, a + b + c, a - b + c, a + 2 b + 4 c, a - 2 b + 4 c, 3 c
/// for each four input channels, for channels (0, 2), then (1, 3) of them:
///     for each x: t[0..6][x] = along(g[0..3][x])
///     for each y: elements 6 * y + (0..6) = along(t[y][0..3])
/// ```
///
/// Cost: 205 instructions for two input channels, about 50 a call.
///
/// Does nothing where the lengths do not belong together.
pub(crate) fn winograd4_weights(taps: &[i32], weights: &mut [Weights], channel: usize) {
    let items = weights.len() / 36;
    if items == 0 || weights.len() != 36 * items || taps.len() != 18 * items || channel >= 2 {
        return;
    }
    #[cfg(not(native_dsp))]
    model(taps, weights, channel);
    #[cfg(native_dsp)]
    {
        let tap_bytes = 2 * items * size_of::<u32>();
        let to = weights.as_mut_ptr().cast::<u32>().wrapping_add(channel);
        // SAFETY: one or more items; `taps` are nine times `tap_bytes`, `weights` 36 times four times that, as the
        // kernel demands. `native_dsp` is set only for targets with the DSP extension.
        unsafe { kernel(taps.as_ptr().cast(), tap_bytes, to) };
    }
}

/// Registers: r0 taps, r1 bytes of a tap, r2 weights, r3 bytes of an element (four of a tap); r4 to r6 a column or row,
/// r4, r8, r9, r6, r7, r10 what becomes of it, r11 a part; r12 and lr three taps and the place in one column, then
/// three and five elements. On the stack from sp: t, end of the first tap.
///
/// # Safety
/// Nine times `tap_bytes`, a multiple of four and not 0, can be read at `taps`; at `weights`, every second word of 36
/// times four times `tap_bytes` can be written; the target has the DSP extension.
#[cfg(native_dsp)]
#[unsafe(naked)]
unsafe extern "C" fn kernel(taps: *const u32, tap_bytes: usize, weights: *mut u32) {
    core::arch::naked_asm!(
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}}",
        "sub sp, sp, #80",
        "add r12, r0, r1",
        "str r12, [sp, #72]",
        "lsl r3, r1, #2",
        ".macro along",
        "sadd16 r7, r4, r6",
        "sadd16 r8, r7, r5",
        "ssub16 r9, r7, r5",
        "sadd16 r5, r5, r5",
        "sadd16 r10, r6, r6",
        "sadd16 r11, r10, r10",
        "sadd16 r11, r11, r4",
        "sadd16 r10, r10, r6",
        "sadd16 r6, r4, r4",
        "sadd16 r4, r6, r4",
        "sadd16 r6, r11, r5",
        "ssub16 r7, r11, r5",
        ".endm",
        ".macro half rotation",
        "add r12, r1, r1, lsl #1",
        "mov lr, r0",
        ".irp x, 0, 4, 8",
        "ldr r4, [lr]",
        "ldr r5, [lr, r12]",
        "ldr r6, [lr, r12, lsl #1]",
        "add lr, lr, r1",
        "sxtb16 r4, r4, ror #\\rotation",
        "sxtb16 r5, r5, ror #\\rotation",
        "sxtb16 r6, r6, ror #\\rotation",
        "along",
        "str r4, [sp, #\\x]",
        "str r8, [sp, #\\x + 12]",
        "str r9, [sp, #\\x + 24]",
        "str r6, [sp, #\\x + 36]",
        "str r7, [sp, #\\x + 48]",
        "str r10, [sp, #\\x + 60]",
        ".endr",
        "add r12, r3, r3, lsl #1",
        "add lr, r3, r3, lsl #2",
        "str r2, [sp, #76]",
        ".irp y, 0, 12, 24, 36, 48, 60",
        "ldrd r4, r5, [sp, #\\y]",
        "ldr r6, [sp, #\\y + 8]",
        "along",
        "str r4, [r2]",
        "str r8, [r2, r3]",
        "str r9, [r2, r3, lsl #1]",
        "str r6, [r2, r12]",
        "str r7, [r2, r3, lsl #2]",
        "str r10, [r2, lr]",
        "add r2, r2, r12, lsl #1",
        ".endr",
        "ldr r2, [sp, #76]",
        "add r2, r2, #8",
        ".endm",
        "1:",
        "half 0",
        "half 8",
        ".purgem half",
        ".purgem along",
        "ldr r12, [sp, #72]",
        "add r0, r0, #4",
        "cmp r0, r12",
        "bne 1b",
        "add sp, sp, #80",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, r12, pc}}",
    )
}

#[cfg(not(native_dsp))]
fn model(taps: &[i32], weights: &mut [Weights], channel: usize) {
    use super::model::{sxtb16, sxtb16_ror8};

    let items = weights.len() / 36;
    for four in 0..2 * items {
        let words: [u32; 9] = core::array::from_fn(|tap| taps[tap * 2 * items + four] as u32);
        for (half, g) in [words.map(sxtb16), words.map(sxtb16_ror8)].into_iter().enumerate() {
            let columns = [0, 1, 2].map(|x| along([g[x], g[3 + x], g[6 + x]]));
            for y in 0..6 {
                for (x, element) in along(columns.map(|column| column[y])).into_iter().enumerate() {
                    let item = (6 * y + x) * items + four / 2;
                    weights[item][four % 2 * 4 + 2 * half + channel] = element as i32;
                }
            }
        }
    }
}

/// The transformation along one axis.
#[cfg(not(native_dsp))]
fn along([a, b, c]: [u32; 3]) -> [u32; 6] {
    use super::model::{sadd16, ssub16};

    let times = |factor: usize, x: u32| (1..factor).fold(x, |sum, _| sadd16(sum, x));
    let [s, q] = [sadd16(a, c), sadd16(times(4, c), a)];
    let b2 = times(2, b);
    [times(3, a), sadd16(s, b), ssub16(s, b), sadd16(q, b2), ssub16(q, b2), times(3, c)]
}
