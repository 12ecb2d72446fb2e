//! Four pixels as halfwords side by side.

use super::Chunk;
use crate::map::Map;

/// Writes the first `quads` fours of channels of the four pixels that begin at `starts`: two chunks for each four, in the
/// first channels 0 and 2 of each pixel, in the second channels 1 and 3. Returns whether all of that is inside both
/// slices.
///
/// Cost: 16 instructions for four channels of four pixels, 50 a call.
pub(crate) fn interleave(
    input: &Map,
    starts: [usize; 4],
    quads: usize,
    chunks: &mut [Chunk],
) -> bool {
    let [a, b, c, d] = starts;
    let furthest = a.max(b).max(c).max(d);
    let end = quads.checked_mul(4).and_then(|len| len.checked_add(furthest));
    if end.is_none_or(|end| end > input.len()) || quads > chunks.len() / 2 {
        return false;
    }
    #[cfg(not(native_dsp))]
    model(input, starts, quads, chunks);
    #[cfg(native_dsp)]
    if quads > 0 {
        let starts = starts.map(|start| input.as_ptr().cast::<i8>().wrapping_add(start));
        // SAFETY: one or more quads, all inside `input`, and two chunks for each: all that the kernel reads and
        // writes. `native_dsp` is set only for targets with the DSP extension.
        unsafe { kernel(&starts, chunks.as_mut_ptr(), quads) };
    }
    true
}

/// Registers: r4 to r7 the pixels, r1 chunks, r2 quads left, r8 to r11 and r0 r3 r12 lr codes and halfwords.
///
/// # Safety
/// `quads` is not 0; that many are readable at each start, and chunks writable for them; unaligned word loads do not
/// trap (so the target is out of reset), and it has the DSP extension.
#[cfg(native_dsp)]
#[unsafe(naked)]
unsafe extern "C" fn kernel(starts: *const [*const i8; 4], chunks: *mut Chunk, quads: usize) {
    core::arch::naked_asm!(
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}}",
        "ldm r0, {{r4, r5, r6, r7}}",
        "1:",
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
        "subs r2, r2, #1",
        "bne 1b",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, r12, pc}}",
    )
}

#[cfg(not(native_dsp))]
fn model(input: &Map, starts: [usize; 4], quads: usize, chunks: &mut [Chunk]) {
    use super::model::{sxtb16, sxtb16_ror8};
    use crate::map::word;

    for (position, start) in starts.into_iter().enumerate() {
        let codes = input.get(start..).unwrap_or_default().as_chunks::<4>().0;
        for (quad, chunks) in codes.iter().take(quads).zip(chunks.as_chunks_mut::<2>().0) {
            chunks[0][position] = sxtb16(word(quad));
            chunks[1][position] = sxtb16_ror8(word(quad));
        }
    }
}
