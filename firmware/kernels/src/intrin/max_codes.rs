//! The largest codes under a window, channel by channel.

use crate::map::Map;

/// The taps of a window that lie on a map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taps {
    /// Where the first channel of the first one stands.
    pub first: usize,
    /// Rows.
    pub rows: usize,
    /// Taps in a row.
    pub columns: usize,
    /// From a row to the next.
    pub row_step: usize,
    /// From a tap to the next.
    pub pixel_step: usize,
}

impl Taps {
    /// Where the last one begins; `None` where there is none, or no number for it.
    fn last(&self) -> Option<usize> {
        let down = self.rows.checked_sub(1)?.checked_mul(self.row_step)?;
        let along = self.columns.checked_sub(1)?.checked_mul(self.pixel_step)?;
        self.first.checked_add(down)?.checked_add(along)
    }
}

/// Sets each code of `pixel` to the largest of its channel among `taps` of `input`, or to -128 where there are none.
///
/// ```text
/// for each sixteen channels, then for each four:
///     largest = -128; for each tap: largest = larger of largest and its codes, four at a time (SSUB8, SEL)
/// ```
///
/// All taps of some channels are read before these are written. Cost: 1 instruction a tap and channel, 2 more a channel
/// and row; of channels after the last sixteen 2 and 4; about 60 a call.
#[inline(always)]
pub(crate) fn max_codes(input: &Map, taps: Taps, pixel: &Map) {
    let end = taps.last().and_then(|last| last.checked_add(pixel.len()));
    if end.is_none_or(|end| end > input.len()) {
        pixel.iter().for_each(|code| code.set(i8::MIN));
        return;
    }
    #[cfg(not(native_dsp))]
    let first = 0;
    #[cfg(native_dsp)]
    let first = native::words(input, taps, pixel);
    for (channel, code) in pixel.iter().enumerate().skip(first) {
        let mut largest = i8::MIN;
        for row in 0..taps.rows {
            for column in 0..taps.columns {
                let start = taps.first + row * taps.row_step + column * taps.pixel_step;
                largest =
                    largest.max(input.get(start + channel).map_or(i8::MIN, |code| code.get()));
            }
        }
        code.set(largest);
    }
}

#[cfg(native_dsp)]
mod native {
    use super::Taps;
    use crate::map::Map;

    /// What the kernel reads of [`Taps`].
    #[repr(C)]
    struct Steps {
        rows: usize,
        columns: usize,
        row_step: usize,
        pixel_step: usize,
    }

    /// The first whole fours of channels; the number of these channels. There is a tap, and all of them are on the map.
    pub(super) fn words(input: &Map, taps: Taps, pixel: &Map) -> usize {
        let words = pixel.len() / 4;
        if words == 0 {
            return 0;
        }
        let Taps { first, rows, columns, row_step, pixel_step } = taps;
        let steps = Steps { rows, columns, row_step, pixel_step };
        let from = input.as_ptr().cast::<i8>().wrapping_add(first);
        // SAFETY: the caller has checked that there is a tap and that of each as many codes as `pixel` has are inside
        // `input`: all that the kernel reads; it writes whole fours of `pixel`, cells, which may be written through a
        // shared reference. `native_dsp` is set only for targets with the DSP extension.
        unsafe { kernel(from, pixel.as_ptr().cast::<i8>().cast_mut(), words, &steps) };
        4 * words
    }

    /// Registers: r0 first tap, r1 codes, r2 words left, r3 steps; r4 and r5 a row and a tap of it, r6 rows left, r7 taps
    /// left, r8 to r11 four times the largest of four channels, r12 codes, lr differences and steps.
    ///
    /// # Safety
    /// `words` is not 0; `steps` has one or more rows of one or more taps, of each of which as many words can be read,
    /// from `from` on; so many can be written to `codes`; unaligned word loads and stores do not trap (so the target is
    /// out of reset), and it has the DSP extension.
    #[unsafe(naked)]
    unsafe extern "C" fn kernel(
        from: *const i8,
        codes: *mut i8,
        words: usize,
        steps: *const Steps,
    ) {
        core::arch::naked_asm!(
            "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
            ".macro raise largest, offset",
            "ldr r12, [r5, #\\offset]",
            "ssub8 lr, \\largest, r12",
            "sel \\largest, \\largest, r12",
            ".endm",
            // Of `count` words.
            ".macro largest count",
            "mov r8, #0x80808080",
            ".if \\count > 1",
            "mov r9, r8",
            "mov r10, r8",
            "mov r11, r8",
            ".endif",
            "ldr r6, [r3]",
            "mov r4, r0",
            "2:",
            "ldr r7, [r3, #4]",
            "mov r5, r4",
            "3:",
            "raise r8, 0",
            ".if \\count > 1",
            "raise r9, 4",
            "raise r10, 8",
            "raise r11, 12",
            ".endif",
            "ldr lr, [r3, #12]",
            "add r5, r5, lr",
            "subs r7, r7, #1",
            "bne 3b",
            "ldr lr, [r3, #8]",
            "add r4, r4, lr",
            "subs r6, r6, #1",
            "bne 2b",
            "str r8, [r1], #4",
            ".if \\count > 1",
            "str r9, [r1], #4",
            "str r10, [r1], #4",
            "str r11, [r1], #4",
            ".endif",
            "add r0, r0, #4 * \\count",
            ".endm",
            "subs r2, r2, #4",
            "blo 4f",
            "1:",
            "largest 4",
            "subs r2, r2, #4",
            "bhs 1b",
            "4:",
            "adds r2, r2, #4",
            "beq 6f",
            "5:",
            "largest 1",
            "subs r2, r2, #1",
            "bne 5b",
            "6:",
            ".purgem raise",
            ".purgem largest",
            "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
        )
    }
}
