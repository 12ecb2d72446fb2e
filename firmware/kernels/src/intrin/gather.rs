//! The taps of four positions of a window, as halfwords side by side.

use super::Taps;
use crate::map::Map;

/// Writes the `rows` rows of `row_len` codes that begin at each of four `starts` of `input`, each row
/// `row_step` after the last: two codes a word, the words of the four positions next to each other.
/// Returns whether all of them are inside `input` and fit into `patch`.
///
/// ```text
/// for each row, for each of its codes:
///     patch[code / 2][position][code % 2] = input at each of the four positions
/// ```
///
/// Cost: 12 instructions for a code of four positions, 7 a row, about 60 a call.
pub(crate) fn gather(
    input: &Map,
    starts: [usize; 4],
    [rows, row_len, row_step]: [usize; 3],
    patch: &mut [Taps],
) -> bool {
    let [a, b, c, d] = starts;
    let furthest = a.max(b).max(c).max(d);
    let end = rows
        .checked_sub(1)
        .and_then(|steps| steps.checked_mul(row_step)?.checked_add(row_len)?.checked_add(furthest));
    let inside = end.is_some_and(|end| end <= input.len());
    // Overlapping rows would move the pointers backwards; no window has them.
    if !inside || row_len == 0 || row_len > row_step || rows * row_len > 2 * patch.len() {
        return false;
    }
    #[cfg(not(native_dsp))]
    model(input, starts, [rows, row_len, row_step], patch);
    #[cfg(native_dsp)]
    {
        let starts = starts.map(|start| input.as_ptr().cast::<i8>().wrapping_add(start));
        // SAFETY: one or more rows of one or more codes; all of them are inside `input` and fit into
        // `patch`, which is all that the kernel reads and writes.
        unsafe { kernel(&starts, patch.as_mut_ptr(), rows, row_len, row_step - row_len) };
    }
    true
}

/// Registers: r4 to r7 the positions, r1 patch, r9 the step to the next half of a word (2) or the next
/// word (14), r2 rows left, r10 codes left, r3 codes of a row, r8 gap between rows, r11 r12 lr r0 codes.
///
/// # Safety
/// `rows` and `row_len` are not 0; the codes are readable at each position, and `patch` has a word for
/// every two codes of a position.
#[cfg(native_dsp)]
#[unsafe(naked)]
unsafe extern "C" fn kernel(
    starts: *const [*const i8; 4],
    patch: *mut Taps,
    rows: usize,
    row_len: usize,
    gap: usize,
) {
    core::arch::naked_asm!(
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}}",
        "ldm r0, {{r4, r5, r6, r7}}",
        "ldr r8, [sp, #40]",
        "mov r9, #2",
        "1:",
        "mov r10, r3",
        "2:",
        "ldrsb r11, [r4], #1",
        "ldrsb r12, [r5], #1",
        "ldrsb lr, [r6], #1",
        "ldrsb r0, [r7], #1",
        "strh r11, [r1]",
        "strh r12, [r1, #4]",
        "strh lr, [r1, #8]",
        "strh r0, [r1, #12]",
        "add r1, r1, r9",
        "rsb r9, r9, #16",
        "subs r10, r10, #1",
        "bne 2b",
        "add r4, r4, r8",
        "add r5, r5, r8",
        "add r6, r6, r8",
        "add r7, r7, r8",
        "subs r2, r2, #1",
        "bne 1b",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, r12, pc}}",
    )
}

#[cfg(not(native_dsp))]
fn model(
    input: &Map,
    starts: [usize; 4],
    [rows, row_len, row_step]: [usize; 3],
    patch: &mut [Taps],
) {
    for (position, start) in starts.into_iter().enumerate() {
        let lines = input.get(start..).unwrap_or_default().chunks(row_step).take(rows);
        let codes = lines.flat_map(|line| line.iter().take(row_len));
        for (index, code) in codes.enumerate() {
            let word = patch.get_mut(index / 2);
            if let Some(to) = word.and_then(|taps| taps.0.get_mut(2 * position + index % 2)) {
                *to = i16::from(code.get());
            }
        }
    }
}
