//! Rows of pixels as chunks of halfwords: what the tile of a convolution with many input channels reads.

use super::Chunk;
use crate::map::Map;

/// A rectangle of pixels and where its chunks go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rectangle {
    /// Rows, columns, and chunks of eight channels of each pixel.
    pub rows: usize,
    /// See `rows`.
    pub columns: usize,
    /// See `rows`.
    pub chunks: usize,
    /// Bytes from a row to the next.
    pub row_step: usize,
    /// Bytes from a pixel to the next.
    pub pixel_step: usize,
    /// Chunks from where a row goes to where the next one does.
    pub to_row_step: usize,
    /// Chunks from where one chunk of a row of pixels goes to where the next one does.
    pub to_chunk_step: usize,
}

/// Writes the pixels from the start of `input` on to `to`: [rows][chunks][columns]. Returns whether it could: not
/// where something is not inside `input` or `to`, or nothing is to be done.
///
/// A last chunk of less than eight channels gets the first ones of the next pixel behind; their weights are 0.
///
/// ```text
/// for each row, for each chunk, for each column: to = halfwords (0, 2), (1, 3), (4, 6), (5, 7) of eight codes
/// ```
///
/// Cost: 10 instructions a chunk, 5 a row of chunks, 8 a row, about 70 a call.
pub(crate) fn chunk_rows(input: &Map, rectangle: Rectangle, to: &mut [Chunk]) -> bool {
    const LARGEST: usize = 1 << 15; // sizes whose products cannot overflow below
    let Rectangle { rows, columns, chunks, row_step, pixel_step, to_row_step, to_chunk_step } =
        rectangle;
    let counts = [rows, columns, chunks];
    let steps = [pixel_step, to_chunk_step];
    if counts.iter().any(|count| *count == 0 || *count > LARGEST)
        || steps.iter().any(|step| *step > LARGEST)
        || columns > to_chunk_step
        || chunks * to_chunk_step > to_row_step
    {
        return false;
    }
    let last = |row_step: usize| (rows - 1).checked_mul(row_step);
    let Some((from_last, to_last)) = last(row_step).zip(last(to_row_step)) else { return false };
    let pixels = (columns - 1) * pixel_step + 8 * chunks;
    if from_last.checked_add(pixels).is_none_or(|end| end > input.len())
        || to_last
            .checked_add((chunks - 1) * to_chunk_step + columns)
            .is_none_or(|end| end > to.len())
    {
        return false;
    }
    #[cfg(not(native_dsp))]
    model(input, rectangle, to);
    #[cfg(native_dsp)]
    {
        let chunk_bytes = size_of::<Chunk>();
        let job = Job {
            from: input.as_ptr().cast::<i8>(),
            to: to.as_mut_ptr(),
            pixel_step,
            columns,
            chunk_gap: 8_usize.wrapping_sub(columns * pixel_step),
            to_chunk_gap: (to_chunk_step - columns) * chunk_bytes,
            chunks,
            rows,
            row_gap: row_step.wrapping_sub(8 * chunks),
            to_row_gap: (to_row_step - chunks * to_chunk_step) * chunk_bytes,
        };
        // SAFETY: one or more rows of one or more chunks of one or more pixels; the last chunk of the last pixel is
        // inside `input` and its place inside `to`, and so all that the kernel reads and writes. `native_dsp` is set
        // only for targets with the DSP extension.
        unsafe { kernel(&job) };
    }
    true
}

/// What the kernel loads; gaps lie between where it has come to and where it goes on.
#[cfg(native_dsp)]
#[repr(C)]
struct Job {
    from: *const i8,
    to: *mut Chunk,
    pixel_step: usize,
    columns: usize,
    chunk_gap: usize,
    to_chunk_gap: usize,
    chunks: usize,
    rows: usize,
    row_gap: usize,
    to_row_gap: usize,
}

/// Registers: r0 pixels, r1 chunks, r2 bytes of a pixel, r3 columns left, r4 to r7 a chunk, r8 columns, r9 and r10
/// gaps behind a row of chunks, r11 chunks left, r12 the job, lr rows left.
///
/// # Safety
/// No count of `job` is 0; the pixels that it describes can be read, unaligned, and their chunks be written; the
/// target has the DSP extension and unaligned word loads do not trap.
#[cfg(native_dsp)]
#[unsafe(naked)]
unsafe extern "C" fn kernel(job: *const Job) {
    core::arch::naked_asm!(
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}}",
        "mov r12, r0",
        "ldr lr, [r12, #28]",
        "ldrd r8, r9, [r12, #12]",
        "ldr r10, [r12, #20]",
        "ldm r12, {{r0, r1, r2}}",
        "1:",
        "ldr r11, [r12, #24]",
        "2:",
        "mov r3, r8",
        "3:",
        "ldr r4, [r0]",
        "ldr r6, [r0, #4]",
        "sxtb16 r5, r4, ror #8",
        "sxtb16 r7, r6, ror #8",
        "sxtb16 r4, r4",
        "sxtb16 r6, r6",
        "add r0, r0, r2",
        "stm r1!, {{r4, r5, r6, r7}}",
        "subs r3, r3, #1",
        "bne 3b",
        "add r0, r0, r9",
        "add r1, r1, r10",
        "subs r11, r11, #1",
        "bne 2b",
        "ldrd r4, r5, [r12, #32]",
        "add r0, r0, r4",
        "add r1, r1, r5",
        "subs lr, lr, #1",
        "bne 1b",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, r12, pc}}",
    )
}

#[cfg(not(native_dsp))]
fn model(input: &Map, rectangle: Rectangle, to: &mut [Chunk]) {
    use super::model::{sxtb16, sxtb16_ror8};
    use crate::map::word;

    for row in 0..rectangle.rows {
        for chunk in 0..rectangle.chunks {
            for column in 0..rectangle.columns {
                let from = row * rectangle.row_step + column * rectangle.pixel_step + 8 * chunk;
                let words = input.get(from..).map(|codes| codes.as_chunks::<4>().0);
                let [low, high, ..] = words.unwrap_or_default() else { return };
                let [low, high] = [word(low), word(high)];
                to[row * rectangle.to_row_step + chunk * rectangle.to_chunk_step + column] =
                    [sxtb16(low), sxtb16_ror8(low), sxtb16(high), sxtb16_ror8(high)];
            }
        }
    }
}
