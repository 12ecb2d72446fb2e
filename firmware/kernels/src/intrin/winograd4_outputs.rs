//! From the products of a convolution in Winograd form, with tiles of 4 x 4 outputs, to the codes of its outputs.

use super::Chunk;
use crate::map::Map;
use crate::requantize::Scaling;

/// Sums over the input channels: for each of 36 elements, of channel a at four tiles, then of channel b.
pub(crate) type Products = [Chunk; 72];

/// What is added to 64 times the inner products at the outputs of a tile: at all but four, then at those four in row
/// and column (2, 2), (2, 3), (3, 2), (3, 3), which see inputs with [`super::LOW_BIAS`].
pub(crate) type Constants = [i32; 5];

/// 9 * 0x38e38e39 = 2^33 + 1.
const INVERSE_OF_9: u32 = 0x38e3_8e39;

/// Which tiles are computed and where their codes go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places<'a> {
    /// The first tile among the products.
    pub first: usize,
    /// Where the first code of each tile stands.
    pub starts: &'a [usize],
    /// From a code to the next in a row.
    pub pixel_step: usize,
    /// From a row of codes to the next.
    pub row_step: usize,
}

/// The codes of channel a (0) or b (1) at the 16 outputs of some tiles.
///
/// Everything is exact modulo 2^32, so it does not matter what wraps. The products give 576 times the inner
/// products; 9 has an inverse modulo 2^32, which leaves 64 times, to which [`Constants`] are added; a shift by 6
/// gives the accumulator if that is less than 2^25.
///
/// ```text
/// along(m) = 2 m0 - 4 (m1 + m2) + (m3 + m4),   2 (m3 - m4) - 4 (m1 - m2),
///            4 (m3 + m4) - 4 (m1 + m2),        8 (m3 - m4) - 4 (m1 - m2) + 8 m5
///            of which the factors 2, 4 and 4 of the last three wait for the multiplication with 9^-1
/// for each tile:
///     for each x: t[0..4][x] = along(products[0..6][x])
///     for each y: codes[y][0..4] = scaling((along(t[y][0..6]) * 9^-1 + constants) >> 6)
/// ```
///
/// Cost: 285 instructions a tile in fixed point (17.8 a code), 335 on the FPU (20.9), about 60 a call.
///
/// Does nothing where there are no such tiles or no such channel, or `output` ends before the last code.
pub(crate) fn winograd4_outputs(
    products: &Products,
    channel: usize,
    constants: &Constants,
    scaling: Scaling,
    output: &Map,
    places: Places<'_>,
) {
    const LARGEST: usize = 1 << 24; // sizes whose products cannot overflow below
    let Places { first, starts, pixel_step, row_step } = places;
    let last = starts.iter().fold(0, |last, start| last.max(*start));
    let sizes = [last, pixel_step, row_step, first];
    if sizes.iter().any(|size| *size > LARGEST)
        || channel >= 2
        || starts.is_empty()
        || first + starts.len() > 4
        || last + 3 * (pixel_step + row_step) >= output.len()
    {
        return;
    }
    #[cfg(not(native_dsp))]
    for (tile, start) in starts.iter().enumerate() {
        let accumulators = model(products, channel, first + tile, constants);
        for (index, accumulator) in accumulators.into_iter().enumerate() {
            let place = start + index / 4 * row_step + index % 4 * pixel_step;
            output[place].set(scaling.code(accumulator));
        }
    }
    #[cfg(native_dsp)]
    native::run(products, channel, constants, scaling, output, places);
}

#[cfg(native_dsp)]
mod native {
    use super::{Constants, INVERSE_OF_9, Places, Products};
    use crate::map::Map;
    use crate::requantize::{Form, Scaling};

    /// What the kernel has on its stack.
    #[repr(C)]
    struct Job {
        constants: Constants,
        factor_bits: u32,
        zero_point: i32,
        row_step: usize,
        /// In bytes, one and three.
        pixel_steps: [usize; 2],
    }

    const FIXED: u32 = 0;
    const FLOAT: u32 = 1;
    /// Accumulators instead of codes, for cores without an FPU.
    const NONE: u32 = 2;

    /// `winograd4_outputs` of operands that it has checked.
    pub(super) fn run(
        products: &Products,
        channel: usize,
        constants: &Constants,
        scaling: Scaling,
        output: &Map,
        places: Places<'_>,
    ) {
        let Places { first, starts, pixel_step, row_step } = places;
        let mut job = Job {
            constants: *constants,
            factor_bits: scaling.bits,
            zero_point: i32::from(scaling.zero_point),
            row_step,
            pixel_steps: [pixel_step, 3 * pixel_step],
        };
        let from = products.as_ptr().wrapping_add(channel).cast::<u32>().wrapping_add(first);
        let mut pointers = [core::ptr::null_mut::<i8>(); 4];
        for (pointer, start) in pointers.iter_mut().zip(starts) {
            *pointer = output.as_ptr().cast::<i8>().cast_mut().wrapping_add(*start);
        }
        let pointers = pointers.as_ptr();
        let end = pointers.wrapping_add(starts.len());
        match scaling.form {
            // SAFETY: the caller has checked that `products` has the tiles, one to four, and that `output` has a
            // place for each code (its cells may be written through a shared reference): all that the kernel
            // reads and writes. `native_dsp` is set only for targets with the DSP extension.
            Form::Fixed => unsafe { Outputs::<FIXED>::kernel(from, &job, pointers, end) },
            #[cfg(native_fpu)]
            // SAFETY: as above; `native_fpu` is set only for targets with an FPU.
            Form::Float => unsafe { Outputs::<FLOAT>::kernel(from, &job, pointers, end) },
            #[cfg(not(native_fpu))]
            Form::Float => {
                for (tile, start) in starts.iter().enumerate() {
                    let mut accumulators = [0_i32; 16];
                    let place = [accumulators.as_mut_ptr().cast::<i8>()];
                    (job.row_step, job.pixel_steps) = (16, [4, 12]);
                    let from = from.wrapping_add(tile);
                    // SAFETY: as above, for one tile whose accumulators, words, lie side by side.
                    unsafe {
                        Outputs::<NONE>::kernel(
                            from,
                            &job,
                            place.as_ptr(),
                            place.as_ptr().wrapping_add(1),
                        )
                    };
                    for (index, accumulator) in accumulators.into_iter().enumerate() {
                        let place = start + index / 4 * row_step + index % 4 * pixel_step;
                        if let Some(code) = output.get(place) {
                            code.set(scaling.code(accumulator));
                        }
                    }
                }
            }
        }
        let _ = &mut job;
    }

    struct Outputs<const FORM: u32>;

    impl<const FORM: u32> Outputs<FORM> {
        /// Registers: r0 products, r1 codes, r2 and r3 one and three pixel steps; r4 to r9 a column or row of m, r4
        /// to r7 what becomes of it; r10 to r12 and lr parts of it; then r8, r10, r11 multiples of the inverse of 9,
        /// r9 a constant, r12 and lr those of the last two pixels; r10 factor, r11 zero point; s0 to s3 four sums, s4
        /// factor. On the stack: t, the job but for its last two words, multiples of the inverse of 9, (unused), codes
        /// of the next tile and end of those.
        ///
        /// # Safety
        /// From `products` on, a word can be read 36 times, 32 bytes apart, for each tile; `codes_end` is one to four
        /// pointers after `codes`, at each of which a byte (a word for `NONE`) can be written 16 times, as the steps
        /// of `job` say; the target has the DSP extension, and an FPU for `FLOAT`.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn kernel(
            products: *const u32,
            job: *const Job,
            codes: *const *mut i8,
            codes_end: *const *mut i8,
        ) {
            core::arch::naked_asm!(
                // Naked functions are assembled without the target's FPU, which has single precision at least.
                ".fpu fpv4-sp-d16",
                "push {{r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}}",
                "ldm r1!, {{r4, r5, r6, r7, r8, r9, r10, r11}}",
                "ldm r1, {{r2, r3}}",
                "sub sp, sp, #152",
                "add r1, sp, #96",
                "stm r1!, {{r4, r5, r6, r7, r8, r9, r10, r11}}",
                ".if {form} == {float}",
                "vmov s4, r9",
                ".endif",
                // 9^-1 times 1, 2, 4, 8 and 16.
                "movw r4, #{inverse_low}",
                "movt r4, #{inverse_high}",
                "lsl r5, r4, #1",
                "lsl r6, r4, #2",
                "lsl r7, r4, #3",
                "lsl r8, r4, #4",
                "stm r1, {{r4, r5, r6, r7, r8}}",
                ".macro along",
                "add r10, r5, r6",
                "sub r11, r5, r6",
                "add r12, r7, r8",
                "sub lr, r7, r8",
                "add r4, r12, r4, lsl #1",
                "sub r4, r4, r10, lsl #2",
                "sub r5, lr, r11, lsl #1",
                "sub r6, r12, r10",
                "add r7, lr, r9",
                "rsb r7, r11, r7, lsl #1",
                ".endm",
                "1:",
                ".irp x, 0, 1, 2, 3, 4, 5",
                "ldr r4, [r0, #32 * \\x]",
                "ldr r5, [r0, #32 * \\x + 192]",
                "ldr r6, [r0, #32 * \\x + 384]",
                "ldr r7, [r0, #32 * \\x + 576]",
                "ldr r8, [r0, #32 * \\x + 768]",
                "ldr r9, [r0, #32 * \\x + 960]",
                "along",
                "str r4, [sp, #4 * \\x]",
                "str r5, [sp, #4 * \\x + 24]",
                "str r6, [sp, #4 * \\x + 48]",
                "str r7, [sp, #4 * \\x + 72]",
                ".endr",
                "ldr r12, [sp, #152]",
                "ldr r1, [r12], #4",
                "str r12, [sp, #152]",
                ".irp y, 0, 1, 2, 3",
                "ldrd r4, r5, [sp, #24 * \\y]",
                "ldrd r6, r7, [sp, #24 * \\y + 8]",
                "ldrd r8, r9, [sp, #24 * \\y + 16]",
                "along",
                // Row y is to be multiplied by 1, 2, 4 and 4, times 1, 2, 4 and 4 of its columns.
                ".if \\y < 3",
                "ldrd r8, r10, [sp, #128 + 4 * \\y]",
                "ldr r11, [sp, #136 + 4 * \\y]",
                ".else",
                "ldrd r8, r10, [sp, #136]",
                "ldr r11, [sp, #144]",
                ".endif",
                "ldr r9, [sp, #96]",
                ".if \\y < 2",
                "mla r6, r6, r11, r9",
                "mla r7, r7, r11, r9",
                ".else",
                "ldrd r12, lr, [sp, #100 + 8 * (\\y - 2)]",
                "mla r6, r6, r11, r12",
                "mla r7, r7, r11, lr",
                ".endif",
                "mla r4, r4, r8, r9",
                "mla r5, r5, r10, r9",
                ".if {form} == {float}",
                "ldr r11, [sp, #120]",
                // The conversion divides by 64 before it rounds.
                "vmov s0, s1, r4, r5",
                "vmov s2, s3, r6, r7",
                ".irp s, s0, s1, s2, s3",
                "vcvt.f32.s32 \\s, \\s, #6",
                "vmul.f32 \\s, \\s, s4",
                // Saturates to i32, NaN to 0.
                "vcvtr.s32.f32 \\s, \\s",
                ".endr",
                "vmov r4, r5, s0, s1",
                "vmov r6, r7, s2, s3",
                "qadd r4, r4, r11",
                "qadd r5, r5, r11",
                "qadd r6, r6, r11",
                "qadd r7, r7, r11",
                ".else",
                "asr r4, r4, #6",
                "asr r5, r5, #6",
                "asr r6, r6, #6",
                "asr r7, r7, #6",
                ".endif",
                ".if {form} == {fixed}",
                "ldrd r10, r11, [sp, #116]",
                "smmlar r4, r4, r10, r11",
                "smmlar r5, r5, r10, r11",
                "smmlar r6, r6, r10, r11",
                "smmlar r7, r7, r10, r11",
                ".endif",
                ".if {form} == {none}",
                "str r4, [r1]",
                "str r5, [r1, r2]",
                "str r6, [r1, r2, lsl #1]",
                "str r7, [r1, r3]",
                ".else",
                "ssat r4, #8, r4",
                "ssat r5, #8, r5",
                "ssat r6, #8, r6",
                "ssat r7, #8, r7",
                "strb r4, [r1]",
                "strb r5, [r1, r2]",
                "strb r6, [r1, r2, lsl #1]",
                "strb r7, [r1, r3]",
                ".endif",
                ".if \\y < 3",
                "ldr r12, [sp, #124]",
                "add r1, r1, r12",
                ".endif",
                ".endr",
                ".purgem along",
                "ldrd r12, lr, [sp, #152]",
                "adds r0, #4",
                "cmp r12, lr",
                "bne 1b",
                "add sp, sp, #152",
                "pop {{r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, pc}}",
                form = const FORM,
                fixed = const FIXED,
                float = const FLOAT,
                none = const NONE,
                inverse_low = const INVERSE_OF_9 & 0xffff,
                inverse_high = const INVERSE_OF_9 >> 16,
            )
        }
    }
}

/// The accumulators of one tile, row by row.
#[cfg(not(native_dsp))]
fn model(products: &Products, channel: usize, tile: usize, constants: &Constants) -> [i32; 16] {
    let m = |y: usize, x: usize| products[2 * (6 * y + x) + channel][tile] as i32;
    let columns: [[i32; 4]; 6] = core::array::from_fn(|x| along(core::array::from_fn(|y| m(y, x))));
    let rows: [[i32; 4]; 4] = core::array::from_fn(|y| along(columns.map(|column| column[y])));
    core::array::from_fn(|index| {
        let [y, x] = [index / 4, index % 4];
        let constant = if y < 2 || x < 2 { 0 } else { 2 * y + x - 5 };
        let factor = INVERSE_OF_9 << ([0, 1, 2, 2][y] + [0, 1, 2, 2][x]);
        rows[y][x].wrapping_mul(factor as i32).wrapping_add(constants[constant]) >> 6
    })
}

/// The transformation along one axis, but for factors of 1, 2, 4 and 4.
#[cfg(not(native_dsp))]
fn along([m0, m1, m2, m3, m4, m5]: [i32; 6]) -> [i32; 4] {
    let times = |factor: i32, m: i32| m.wrapping_mul(factor);
    let [s12, d12] = [m1.wrapping_add(m2), m1.wrapping_sub(m2)];
    let [s34, d34] = [m3.wrapping_add(m4), m3.wrapping_sub(m4)];
    [
        s34.wrapping_add(times(2, m0)).wrapping_sub(times(4, s12)),
        d34.wrapping_sub(times(2, d12)),
        s34.wrapping_sub(s12),
        times(2, d34.wrapping_add(m5)).wrapping_sub(d12),
    ]
}
