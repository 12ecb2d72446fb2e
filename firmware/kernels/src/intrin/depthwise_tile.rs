//! Four channels of a 3 x 3 depthwise convolution, for neighbouring pixels of a row.

use crate::map::Map;

/// Pixels that the kernel computes in one call, at most.
pub(crate) const PIXELS: usize = 16;

/// Weights of the nine taps for four channels: (0, 2) and (1, 3) as halfwords.
pub(crate) type Weights = [[u32; 2]; 9];

/// Where the taps lie, in bytes from the first tap of the first pixel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steps {
    /// To the next tap in a row: the channels of the input.
    pub column: usize,
    /// To the next row of taps.
    pub row: usize,
    /// To the first tap of the next pixel.
    pub pixel: usize,
}

/// The inner products of the windows of up to `pixels` pixels, at most [`PIXELS`], from the start of
/// `input` on.
///
/// ```text
/// for each pixel, for each tap:
///     x02, x13 = four input channels as halfwords
///     sums[0..4] += x02.low * w02.low, x13.low * w13.low, x02.high * w02.high, x13.high * w13.high
/// ```
///
/// Cost: 82 instructions a pixel (36 multiplications), about 50 a call.
///
/// Does nothing where a tap lies behind the end of `input`.
pub(crate) fn depthwise_tile(
    input: &Map,
    steps: Steps,
    weights: &Weights,
    pixels: usize,
    sums: &mut [[i32; 4]; PIXELS],
) {
    let pixels = pixels.min(PIXELS);
    let Some(last_pixel) = pixels.checked_sub(1) else { return };
    let last_tap = last_pixel
        .checked_mul(steps.pixel)
        .and_then(|start| start.checked_add(steps.row.checked_mul(2)?))
        .and_then(|start| start.checked_add(steps.column.checked_mul(2)?))
        .and_then(|start| start.checked_add(4));
    if last_tap.is_none_or(|end| end > input.len()) {
        return;
    }
    #[cfg(not(native_dsp))]
    for (pixel, sums) in sums.iter_mut().take(pixels).enumerate() {
        *sums = model(input.get(pixel * steps.pixel..).unwrap_or_default(), steps, weights);
    }
    #[cfg(native_dsp)]
    {
        // The kernel has moved by two rows when it steps to the next pixel.
        let next_pixel = steps.pixel.wrapping_sub(2 * steps.row);
        let sums = sums.as_mut_ptr();
        let sums_end = sums.wrapping_add(pixels);
        // SAFETY: one to `PIXELS` pixels whose taps are all inside `input` (the last one's last tap is) and
        // whose sums have places: all that the kernel reads and writes. `native_dsp` is set only for
        // targets with the DSP extension.
        unsafe {
            kernel(
                input.as_ptr().cast(),
                weights,
                sums,
                sums_end,
                steps.column,
                steps.row,
                next_pixel,
            );
        }
    }
}

/// Registers: r0 taps, r1 weights, r2 sums, r3 (from the stack) step to the next pixel, r4 to r7 sums of
/// four channels, r8 and r9 a tap, r10 and r11 its weights, r12 step to the next column, lr to the next
/// row; on the stack: end of the sums, nine saved registers, the three steps.
///
/// # Safety
/// `sums_end` is one or more pixels after `sums`; four channels are readable at each tap of each pixel;
/// the target has the DSP extension, and unaligned word loads do not trap (so it is out of reset).
#[cfg(native_dsp)]
#[unsafe(naked)]
unsafe extern "C" fn kernel(
    input: *const i8,
    weights: *const Weights,
    sums: *mut [i32; 4],
    sums_end: *mut [i32; 4],
    column_step: usize,
    row_step: usize,
    next_pixel: usize,
) {
    core::arch::naked_asm!(
        "push {{r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "ldrd r12, lr, [sp, #40]",
        "ldr r3, [sp, #48]",
        "1:",
        "ldr r8, [r0]",
        "ldrd r10, r11, [r1], #8",
        "sxtb16 r9, r8, ror #8",
        "sxtb16 r8, r8",
        "smulbb r4, r8, r10",
        "smulbb r5, r9, r11",
        "smultt r6, r8, r10",
        "smultt r7, r9, r11",
        ".set tap, 1",
        ".rept 8",
        ".if tap % 3 == 0",
        "add r0, r0, lr",
        "ldr r8, [r0]",
        ".elseif tap % 3 == 1",
        "ldr r8, [r0, r12]",
        ".else",
        "ldr r8, [r0, r12, lsl #1]",
        ".endif",
        "ldrd r10, r11, [r1], #8",
        "sxtb16 r9, r8, ror #8",
        "sxtb16 r8, r8",
        "smlabb r4, r8, r10, r4",
        "smlabb r5, r9, r11, r5",
        "smlatt r6, r8, r10, r6",
        "smlatt r7, r9, r11, r7",
        ".set tap, tap + 1",
        ".endr",
        "ldr r8, [sp]",
        "stm r2!, {{r4, r5, r6, r7}}",
        "sub r1, r1, #72",
        "add r0, r0, r3",
        "cmp r2, r8",
        "bne 1b",
        "pop {{r3, r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
    )
}

#[cfg(not(native_dsp))]
fn model(input: &Map, steps: Steps, weights: &Weights) -> [i32; 4] {
    use super::model::{sxtb16, sxtb16_ror8};
    use crate::map::word;

    let halves = |word: u32| [word as i16, (word >> 16) as i16].map(i32::from);
    let mut sums = [0; 4];
    for (tap, [w02, w13]) in weights.iter().enumerate() {
        let start = tap / 3 * steps.row + tap % 3 * steps.column;
        let Some(codes) = input.get(start..).and_then(|codes| codes.first_chunk::<4>()) else {
            return sums;
        };
        let word = word(codes);
        let [x0, x2] = halves(sxtb16(word));
        let [x1, x3] = halves(sxtb16_ror8(word));
        let [w0, w2] = halves(*w02);
        let [w1, w3] = halves(*w13);
        let products = [x0 * w0, x1 * w1, x2 * w2, x3 * w3];
        sums.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
    }
    sums
}
