//! Requantization on the FPU, which rounds half to even as it converts to integers; and in both forms, channel by
//! channel.

use crate::map::Map;

/// `codes[i] = saturate8(round_half_even(f32(sums[i] + biases[i]) * factors[i]) + zero_point)`, up to the
/// shortest slice; as [`crate::requantize::float`] of each.
///
/// Cost: 14 instructions a code, about 40 a call.
pub(crate) fn float_codes(
    sums: &[i32],
    biases: &[i32],
    factors: &[f32],
    zero_point: i8,
    codes: &Map,
) {
    let len = codes.len().min(sums.len()).min(biases.len()).min(factors.len());
    if len == 0 {
        return;
    }
    #[cfg(not(native_fpu))]
    for (((code, sum), bias), factor) in codes.iter().zip(sums).zip(biases).zip(factors) {
        code.set(crate::requantize::float(sum.wrapping_add(*bias), *factor, zero_point));
    }
    #[cfg(native_fpu)]
    {
        let [sums, biases] = [sums, biases].map(<[i32]>::as_ptr);
        let (factors, codes) = (factors.as_ptr(), codes.as_ptr().cast_mut().cast());
        // SAFETY: each slice has one or more, and at least `len`, elements: all that the kernel reads, and the
        // codes, cells, which may be written through a shared reference, all that it writes. `native_fpu` is set only for targets with an FPU.
        unsafe { kernel(sums, biases, factors, codes, len, i32::from(zero_point)) };
    }
}

/// Registers: r0 sums, r1 biases, r2 factors, r3 codes, r4 codes left, r5 zero point, r6 and lr a sum, s0 and
/// s1 its product.
///
/// # Safety
/// `len` is not 0 and all slices have that length; the target has an FPU, which rounds to nearest even (so
/// it is out of reset, and Rust forbids to change it).
#[cfg(native_fpu)]
#[unsafe(naked)]
unsafe extern "C" fn kernel(
    sums: *const i32,
    biases: *const i32,
    factors: *const f32,
    codes: *mut i8,
    len: usize,
    zero_point: i32,
) {
    core::arch::naked_asm!(
        // Naked functions are assembled without the target's FPU, which has single precision at least.
        ".fpu fpv4-sp-d16",
        "push {{r4, r5, r6, lr}}",
        "ldrd r4, r5, [sp, #16]",
        "1:",
        "ldr r6, [r0], #4",
        "ldr lr, [r1], #4",
        "add r6, r6, lr",
        "vmov s0, r6",
        "vldmia r2!, {{s1}}",
        "vcvt.f32.s32 s0, s0",
        "vmul.f32 s0, s0, s1",
        // Saturates to i32, NaN to 0.
        "vcvtr.s32.f32 s0, s0",
        "vmov r6, s0",
        "qadd r6, r6, r5",
        "ssat r6, #8, r6",
        "strb r6, [r3], #1",
        "subs r4, r4, #1",
        "bne 1b",
        "pop {{r4, r5, r6, pc}}",
    )
}

/// As [`crate::requantize::Mixed`] of each sum with its bias, without the clamp, up to the shortest slice.
///
/// Cost: 12 instructions a code with a multiplier, 18 with a factor, about 40 a call.
pub(crate) fn mixed_codes(
    sums: &[i32],
    biases: &[i32],
    scales: &[i32],
    zero_point: i8,
    codes: &Map,
) {
    let len = codes.len().min(sums.len()).min(biases.len()).min(scales.len());
    if len == 0 {
        return;
    }
    #[cfg(not(native_fpu))]
    for (((code, sum), bias), scale) in codes.iter().zip(sums).zip(biases).zip(scales) {
        let (scales, sum) = (crate::requantize::Scales::Mixed(&[*scale]), sum.wrapping_add(*bias));
        code.set(crate::requantize::scaled(sum, scales.form(0), scales.bits(0), zero_point));
    }
    #[cfg(native_fpu)]
    {
        let [sums, biases, scales] = [sums, biases, scales].map(<[i32]>::as_ptr);
        let codes = codes.as_ptr().cast_mut().cast();
        // SAFETY: as for `float_codes`; a target with an FPU that is `native_fpu` has the DSP extension too.
        unsafe { mixed_kernel(sums, biases, scales, codes, len, i32::from(zero_point)) };
    }
}

/// Registers: as `kernel`; lr also a scale.
///
/// # Safety
/// As `kernel`; the target has the DSP extension.
#[cfg(native_fpu)]
#[unsafe(naked)]
unsafe extern "C" fn mixed_kernel(
    sums: *const i32,
    biases: *const i32,
    scales: *const i32,
    codes: *mut i8,
    len: usize,
    zero_point: i32,
) {
    core::arch::naked_asm!(
        ".fpu fpv4-sp-d16",
        "push {{r4, r5, r6, lr}}",
        "ldrd r4, r5, [sp, #16]",
        "1:",
        "ldr r6, [r0], #4",
        "ldr lr, [r1], #4",
        "add r6, r6, lr",
        "ldr lr, [r2], #4",
        "cmp lr, #0",
        "blt 3f",
        "smmlar r6, r6, lr, r5",
        "2:",
        "ssat r6, #8, r6",
        "strb r6, [r3], #1",
        "subs r4, r4, #1",
        "bne 1b",
        "pop {{r4, r5, r6, pc}}",
        "3:",
        "vmov s0, s1, r6, lr",
        "vcvt.f32.s32 s0, s0",
        // The factor has its sign set.
        "vnmul.f32 s0, s0, s1",
        "vcvtr.s32.f32 s0, s0",
        "vmov r6, s0",
        "qadd r6, r6, r5",
        "b 2b",
    )
}
