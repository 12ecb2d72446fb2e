//! Pixels of four channels as planes of halfwords: what a depthwise convolution slides along.

use crate::map::Map;

/// Channels that become planes together.
pub(crate) const CHANNELS: usize = 4;

/// Rows of pixels on a map, and where their planes begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows {
    /// Number of rows.
    pub rows: usize,
    /// Pixels of a row, at least 1.
    pub pixels: usize,
    /// Channels of the map: codes from one pixel to the next.
    pub pixel_step: usize,
    /// Codes from one row of pixels to the next.
    pub row_step: usize,
    /// Halfwords left out before a row's first pixel.
    pub skipped: usize,
    /// Words of a row of one plane, two halfwords each.
    pub plane_words: usize,
}

/// Writes the four channels at the start of each pixel as signed halfwords: for each row the rows of four planes,
/// one after the other. What is left of the planes' rows stays. Returns whether all of it is inside both slices.
///
/// ```text
/// for each row, for each two pixels p, q:
///     p02, p13, q02, q13 = their channels as halfwords
///     planes 0 to 3 = (p0, q0), (p1, q1), (p2, q2), (p3, q3)
/// ```
///
/// Cost: 17 instructions for two pixels (8 codes), 12 for one that is left over, about 15 a row, 35 a call.
pub(crate) fn planes(input: &Map, shape: Rows, planes: &mut [u32]) -> bool {
    let Rows { rows, pixels, pixel_step, row_step, skipped, plane_words } = shape;
    let (Some(last_row), Some(last_pixel)) = (rows.checked_sub(1), pixels.checked_sub(1)) else {
        return false;
    };
    let input_end = last_row.checked_mul(row_step).and_then(|start| {
        start.checked_add(last_pixel.checked_mul(pixel_step)?)?.checked_add(CHANNELS)
    });
    let planes_end = plane_words.checked_mul(CHANNELS).and_then(|words| words.checked_mul(rows));
    let fits = skipped.checked_add(pixels).is_some_and(|end| end.div_ceil(2) <= plane_words);
    if !fits
        || input_end.is_none_or(|end| end > input.len())
        || planes_end.is_none_or(|end| end > planes.len())
        || last_pixel * pixel_step > row_step
    {
        return false;
    }
    #[cfg(not(native_dsp))]
    model(input, shape, planes);
    #[cfg(native_dsp)]
    {
        let frame = Frame {
            row_gap: row_step.wrapping_sub(pixels * pixel_step),
            plane_gap: (plane_words * 4 * CHANNELS).wrapping_sub(2 * pixels),
            lead: skipped % 2,
            pairs: (pixels - skipped % 2) / 2,
            trail: (pixels - skipped % 2) % 2,
        };
        let first = planes.as_mut_ptr().cast::<i16>().wrapping_add(skipped);
        // SAFETY: one or more rows of one or more pixels with four channels inside `input`, and a row of each of four
        // planes inside `planes` for each row: all that the kernel reads and writes.
        unsafe {
            kernel(input.as_ptr().cast(), pixel_step, first, 4 * plane_words, rows, &frame);
        }
    }
    true
}

/// What the kernel reads at the ends of rows.
#[cfg(native_dsp)]
#[repr(C)]
struct Frame {
    /// From the pixel after a row to the first of the next.
    row_gap: usize,
    /// Bytes from the halfword after a row to the first of the next in the same plane.
    plane_gap: usize,
    /// 1 where the first pixel is the second half of a word.
    lead: usize,
    pairs: usize,
    /// 1 where a pixel is left after the pairs.
    trail: usize,
}

/// Registers: r0 pixels, r1 step to the next, r2 first plane, r3 bytes to the next plane, r4 to the last, r5 rows
/// left, r6 to r10 halfwords, r11 frame, r12 pairs left.
///
/// # Safety
/// As said where it is called; the target has the DSP extension, and unaligned word loads do not trap (so it is out
/// of reset).
#[cfg(native_dsp)]
#[unsafe(naked)]
unsafe extern "C" fn kernel(
    pixels: *const i8,
    pixel_step: usize,
    planes: *mut i16,
    plane_bytes: usize,
    rows: usize,
    frame: *const Frame,
) {
    core::arch::naked_asm!(
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}}",
        "ldr r5, [sp, #40]",
        "ldr r11, [sp, #44]",
        "add r4, r3, r3, lsl #1",
        "1:",
        "ldr r12, [r11, #8]",
        "cmp r12, #0",
        "bne 5f",
        "2:",
        "ldr r12, [r11, #12]",
        "cmp r12, #0",
        "beq 4f",
        "3:",
        "ldr r6, [r0]",
        "ldr r7, [r0, r1]",
        "add r0, r0, r1, lsl #1",
        "sxtb16 r8, r6",
        "sxtb16 r9, r7",
        "sxtb16 r6, r6, ror #8",
        "sxtb16 r7, r7, ror #8",
        "pkhbt r10, r8, r9, lsl #16",
        "pkhtb r8, r9, r8, asr #16",
        "pkhbt r9, r6, r7, lsl #16",
        "pkhtb r6, r7, r6, asr #16",
        "str r9, [r2, r3]",
        "str r8, [r2, r3, lsl #1]",
        "str r6, [r2, r4]",
        "str r10, [r2], #4",
        "subs r12, r12, #1",
        "bne 3b",
        "4:",
        "ldr r12, [r11, #16]",
        "cmp r12, #0",
        // The single pixel returns here with r12 = 0.
        "bne 6f",
        "ldrd r6, r7, [r11]",
        "add r0, r0, r6",
        "add r2, r2, r7",
        "subs r5, r5, #1",
        "bne 1b",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, r12, pc}}",
        // A single pixel before the pairs (lr = 2b) or after them.
        "5:",
        "mov lr, #1",
        "b 7f",
        "6:",
        "mov lr, #0",
        "7:",
        "ldr r6, [r0]",
        "add r0, r0, r1",
        "sxtb16 r8, r6",
        "sxtb16 r6, r6, ror #8",
        "asr r9, r8, #16",
        "asr r7, r6, #16",
        "strh r6, [r2, r3]",
        "strh r9, [r2, r3, lsl #1]",
        "strh r7, [r2, r4]",
        "strh r8, [r2], #2",
        "cmp lr, #0",
        "bne 2b",
        "ldrd r6, r7, [r11]",
        "add r0, r0, r6",
        "add r2, r2, r7",
        "subs r5, r5, #1",
        "bne 1b",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, r12, pc}}",
    )
}

#[cfg(not(native_dsp))]
fn model(input: &Map, shape: Rows, planes: &mut [u32]) {
    for (row, planes) in planes.chunks_exact_mut(CHANNELS * shape.plane_words).enumerate() {
        if row == shape.rows {
            break;
        }
        for (channel, plane) in planes.chunks_exact_mut(shape.plane_words).enumerate() {
            for pixel in 0..shape.pixels {
                let at = row * shape.row_step + pixel * shape.pixel_step + channel;
                let code = input.get(at).map_or(0, |code| code.get());
                set_halfword(plane, shape.skipped + pixel, i16::from(code));
            }
        }
    }
}

/// Sets halfword `index` of `words`; the first of a word is its low half. Does nothing behind their end.
pub(crate) fn set_halfword(words: &mut [u32], index: usize, value: i16) {
    if let Some(word) = words.get_mut(index / 2) {
        let shift = index % 2 * 16;
        *word = *word & !(0xffff << shift) | u32::from(value as u16) << shift;
    }
}
