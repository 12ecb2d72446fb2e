//! The taps of four positions of a window, as halfwords side by side.

use super::Chunk;
use crate::map::Map;

/// Writes the `rows` rows of `row_len` codes that begin at each of four `starts` of `input`, each row `row_step` after
/// the last: of each two taps of a word of weights a chunk, with their halfwords at each position. First come the whole
/// fours of all rows, two chunks each, then what is left of all rows. Returns whether all codes are inside `input` and
/// their chunks fit into `patch`.
///
/// ```text
/// for each row, for each four codes: chunks = codes (0, 2), codes (1, 3) of each position
/// for each row, for each code that is left: half a chunk = the code of each position
/// ```
///
/// Cost: 4 instructions a code of a position in whole fours, 3 one that is left; 9 and 7 a row; about 80 a call.
pub(crate) fn gather(
    input: &Map,
    starts: [usize; 4],
    [rows, row_len, row_step]: [usize; 3],
    patch: &mut [Chunk],
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
        // SAFETY: one or more rows of one or more codes; all of them are inside `input` and fit into `patch`, which is
        // all that the kernel reads and writes. `native_dsp` is set only for targets with the DSP extension.
        unsafe { kernel(&starts, patch.as_mut_ptr(), rows, row_len, row_step) };
    }
    true
}

/// Registers: r4 to r7 the positions, r1 patch. For fours r2 codes left of a row, r8 to r11 and r0 r3 r12 lr codes and
/// halfwords; then r2 rows left, r3 codes of a row, lr those left, r8 the gap between rows, r9 the step to the next half
/// of a word (2) or the next word (14), r0 r10 r11 r12 codes. On the stack from sp: starts, rows of fours left, gap
/// between them, codes of a row in fours, rows, codes of a row, nine saved registers, codes from row to row.
///
/// # Safety
/// `rows` and `row_len` are not 0; the codes are readable at each position, and `patch` has a chunk for every two of a
/// position; unaligned word loads do not trap (so the target is out of reset), and it has the DSP extension.
#[cfg(native_dsp)]
#[unsafe(naked)]
unsafe extern "C" fn kernel(
    starts: *const [*const i8; 4],
    patch: *mut Chunk,
    rows: usize,
    row_len: usize,
    row_step: usize,
) {
    core::arch::naked_asm!(
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "ldr r8, [sp, #36]",
        "bics r9, r3, #3",
        "sub r8, r8, r9",
        "push {{r2, r3}}",
        "push {{r0, r2, r8, r9}}",
        "ldm r0, {{r4, r5, r6, r7}}",
        "beq 3f",
        // A row of fours.
        "1:",
        "ldr r2, [sp, #12]",
        "2:",
        "ldr r8, [r4], #4",
        "ldr r9, [r5], #4",
        "ldr r10, [r6], #4",
        "ldr r11, [r7], #4",
        "sxtb16 r0, r8",
        "sxtb16 r3, r9",
        "sxtb16 r12, r10",
        "sxtb16 lr, r11",
        "stm r1!, {{r0, r3, r12, lr}}",
        "sxtb16 r8, r8, ror #8",
        "sxtb16 r9, r9, ror #8",
        "sxtb16 r10, r10, ror #8",
        "sxtb16 r11, r11, ror #8",
        "stm r1!, {{r8, r9, r10, r11}}",
        "subs r2, r2, #4",
        "bne 2b",
        "ldrd r2, r12, [sp, #4]",
        "add r4, r4, r12",
        "add r5, r5, r12",
        "add r6, r6, r12",
        "add r7, r7, r12",
        "subs r2, r2, #1",
        "str r2, [sp, #4]",
        "bne 1b",
        // What is left of the rows.
        "3:",
        "ldrd r2, r3, [sp, #16]",
        "ldr r12, [sp, #12]",
        "subs r3, r3, r12",
        "beq 6f",
        "ldr r0, [sp]",
        "ldm r0, {{r4, r5, r6, r7}}",
        "add r4, r4, r12",
        "add r5, r5, r12",
        "add r6, r6, r12",
        "add r7, r7, r12",
        "ldr r8, [sp, #60]",
        "sub r8, r8, r3",
        "mov r9, #2",
        "4:",
        "mov lr, r3",
        "5:",
        "ldrsb r0, [r4], #1",
        "ldrsb r10, [r5], #1",
        "ldrsb r11, [r6], #1",
        "ldrsb r12, [r7], #1",
        "strh r0, [r1]",
        "strh r10, [r1, #4]",
        "strh r11, [r1, #8]",
        "strh r12, [r1, #12]",
        "add r1, r1, r9",
        "rsb r9, r9, #16",
        "subs lr, lr, #1",
        "bne 5b",
        "add r4, r4, r8",
        "add r5, r5, r8",
        "add r6, r6, r8",
        "add r7, r7, r8",
        "subs r2, r2, #1",
        "bne 4b",
        "6:",
        "add sp, sp, #24",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
    )
}

#[cfg(not(native_dsp))]
fn model(
    input: &Map,
    starts: [usize; 4],
    [rows, row_len, row_step]: [usize; 3],
    patch: &mut [Chunk],
) {
    let (fours, left) = (row_len / 4, row_len % 4);
    for (position, start) in starts.into_iter().enumerate() {
        let mut put = |chunk: usize, half: usize, code: i8| {
            if let Some(word) = patch.get_mut(chunk).and_then(|chunk| chunk.get_mut(position)) {
                let shift = 16 * half;
                *word = *word & !(0xffff << shift) | u32::from(i16::from(code) as u16) << shift;
            }
        };
        let lines = input.get(start..).unwrap_or_default().chunks(row_step).take(rows);
        for (row, codes) in lines.enumerate() {
            for (index, code) in codes.iter().take(row_len).enumerate() {
                if index < 4 * fours {
                    put(2 * (row * fours + index / 4) + index % 2, index % 4 / 2, code.get());
                } else {
                    let index = row * left + index - 4 * fours;
                    put(2 * fours * rows + index / 2, index % 2, code.get());
                }
            }
        }
    }
}
