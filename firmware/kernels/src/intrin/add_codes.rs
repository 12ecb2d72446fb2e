//! Sums of two maps on the FPU, which rounds half to even as it converts to integers.

use crate::map::Map;
use crate::portable::AddFloat;

/// The codes of a layer's sums, before its own clamp: of as many elements as the shortest map has.
///
/// ```text
/// for each element: l = f32(lhs - zero) * scale, r = f32(rhs - zero) * scale, each with its own
///     code = saturate8(round_half_even((l + r) / output_scale) + output_zero)
/// ```
///
/// Cost: 15 instructions a code, about 50 a call; where there is no FPU, what [`AddFloat::code`] costs.
pub(crate) fn add_codes(layer: &AddFloat, lhs: &Map, rhs: &Map, codes: &Map) {
    let len = codes.len().min(lhs.len()).min(rhs.len());
    #[cfg(native_fpu)]
    let first = native::fours(layer, lhs, rhs, codes, len / 4);
    #[cfg(not(native_fpu))]
    let first = 0;
    let rest = [codes, lhs, rhs].map(|map| map.get(first..len).unwrap_or_default());
    for ((code, lhs), rhs) in rest[0].iter().zip(rest[1]).zip(rest[2]) {
        code.set(layer.code(lhs.get(), rhs.get()));
    }
}

#[cfg(native_fpu)]
mod native {
    use crate::map::Map;
    use crate::portable::AddFloat;

    /// What the kernel reads of a layer.
    #[repr(C)]
    struct Constants {
        scales: [f32; 3],
        /// Of both inputs, negated, and of the output.
        zero_points: [i32; 3],
    }

    /// The first `fours` fours of the maps, each of which has as many; the number of their codes.
    pub(super) fn fours(
        layer: &AddFloat,
        lhs: &Map,
        rhs: &Map,
        codes: &Map,
        fours: usize,
    ) -> usize {
        if fours == 0 {
            return 0;
        }
        let [lhs_zero, rhs_zero, output_zero] = layer.zero_points.map(i32::from);
        let zero_points = [-lhs_zero, -rhs_zero, output_zero];
        let constants = Constants { scales: layer.scales, zero_points };
        let [lhs, rhs] = [lhs, rhs].map(|map| map.as_ptr().cast());
        let codes = codes.as_ptr().cast::<i8>().cast_mut();
        // SAFETY: each map has one or more, and `fours`, whole fours: all that the kernel reads, and the codes, cells,
        // which may be written through a shared reference, all that it writes. `native_fpu` is set only for targets
        // with an FPU, which have the DSP extension too.
        unsafe { kernel(lhs, rhs, codes, fours, &constants) };
        4 * fours
    }

    /// Registers: r0 and r1 inputs, r2 codes, r3 fours left, r4 and lr two inputs less their zero points, r5 to r7 zero
    /// points, r8 and r12 four inputs each; s0 and s1 two terms, s4 to s6 scales.
    ///
    /// # Safety
    /// `fours` is not 0 and each map has as many; unaligned word loads do not trap, and the FPU rounds to nearest even
    /// (so the target is out of reset, and Rust forbids to change it); it has the DSP extension.
    #[unsafe(naked)]
    unsafe extern "C" fn kernel(
        lhs: *const i8,
        rhs: *const i8,
        codes: *mut i8,
        fours: usize,
        constants: *const Constants,
    ) {
        core::arch::naked_asm!(
            // Naked functions are assembled without the target's FPU, which has single precision at least.
            ".fpu fpv4-sp-d16",
            "push {{r4, r5, r6, r7, r8, lr}}",
            "ldr r4, [sp, #24]",
            "vldmia r4!, {{s4, s5, s6}}",
            "ldm r4, {{r5, r6, r7}}",
            "1:",
            "ldr r8, [r0], #4",
            "ldr r12, [r1], #4",
            ".irp bits, 0, 8, 16, 24",
            "sxtab r4, r5, r8, ror #\\bits",
            "sxtab lr, r6, r12, ror #\\bits",
            "vmov s0, s1, r4, lr",
            "vcvt.f32.s32 s0, s0",
            "vcvt.f32.s32 s1, s1",
            "vmul.f32 s0, s0, s4",
            "vmul.f32 s1, s1, s5",
            "vadd.f32 s0, s0, s1",
            "vdiv.f32 s0, s0, s6",
            // Saturates to i32, NaN to 0.
            "vcvtr.s32.f32 s0, s0",
            "vmov r4, s0",
            "qadd r4, r4, r7",
            "ssat r4, #8, r4",
            "strb r4, [r2], #1",
            ".endr",
            "subs r3, r3, #1",
            "bne 1b",
            "pop {{r4, r5, r6, r7, r8, pc}}",
        )
    }
}
