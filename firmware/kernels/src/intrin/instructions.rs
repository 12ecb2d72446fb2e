//! One instruction a function.

#[cfg(any(not(native_dsp), not(native_fpu)))]
use super::model;
#[cfg(native_dsp)]
use core::arch::asm;

/// `acc + lo(a) * lo(b) + hi(a) * hi(b)` on signed halfwords, wrapping (Arm ARM, SMLAD).
#[inline(always)]
pub fn smlad(a: u32, b: u32, acc: i32) -> i32 {
    #[cfg(not(native_dsp))]
    return model::smlad(a, b, acc);
    #[cfg(native_dsp)]
    {
        let sum;
        // SAFETY: registers only; build.rs sets `native_dsp` only for targets with the DSP extension.
        // `preserves_flags` is left out on purpose: SMLAD may set APSR.Q.
        unsafe {
            asm!("smlad {sum}, {a}, {b}, {acc}", sum = lateout(reg) sum, a = in(reg) a,
                b = in(reg) b, acc = in(reg) acc, options(pure, nomem, nostack));
        }
        sum
    }
}

/// Bytes 0 and 2, sign-extended to halfwords (Arm ARM, SXTB16).
#[inline(always)]
pub fn sxtb16(word: u32) -> u32 {
    #[cfg(not(native_dsp))]
    return model::sxtb16(word);
    #[cfg(native_dsp)]
    {
        let halfwords;
        // SAFETY: registers only, no flags; `native_dsp` as above.
        unsafe {
            asm!("sxtb16 {out}, {word}", out = lateout(reg) halfwords, word = in(reg) word,
                options(pure, nomem, nostack, preserves_flags));
        }
        halfwords
    }
}

/// Bytes 1 and 3, sign-extended to halfwords (Arm ARM, SXTB16 with rotation by 8).
#[inline(always)]
pub fn sxtb16_ror8(word: u32) -> u32 {
    #[cfg(not(native_dsp))]
    return model::sxtb16_ror8(word);
    #[cfg(native_dsp)]
    {
        let halfwords;
        // SAFETY: registers only, no flags; `native_dsp` as above.
        unsafe {
            asm!("sxtb16 {out}, {word}, ror #8", out = lateout(reg) halfwords, word = in(reg) word,
                options(pure, nomem, nostack, preserves_flags));
        }
        halfwords
    }
}

/// `((acc << 32) + a * b + 2^31) >> 32`, wrapping (Arm ARM, SMMLAR).
#[inline(always)]
pub fn smmlar(a: i32, b: i32, acc: i32) -> i32 {
    #[cfg(not(native_dsp))]
    return model::smmlar(a, b, acc);
    #[cfg(native_dsp)]
    {
        let high;
        // SAFETY: registers only, no flags; `native_dsp` as above.
        unsafe {
            asm!("smmlar {out}, {a}, {b}, {acc}", out = lateout(reg) high, a = in(reg) a,
                b = in(reg) b, acc = in(reg) acc, options(pure, nomem, nostack, preserves_flags));
        }
        high
    }
}

/// `value` saturated to int8 (Arm ARM, SSAT).
#[inline(always)]
pub fn ssat8(value: i32) -> i8 {
    #[cfg(not(native_dsp))]
    return model::ssat8(value);
    #[cfg(native_dsp)]
    {
        let saturated: i32;
        // SAFETY: registers only; `native_dsp` as above.
        // `preserves_flags` is left out on purpose: SSAT may set APSR.Q.
        unsafe {
            asm!("ssat {out}, #8, {value}", out = lateout(reg) saturated, value = in(reg) value,
                options(pure, nomem, nostack));
        }
        saturated as i8
    }
}

/// `acc` plus bytes 0 and 2, sign-extended to halfwords, each wrapping (Arm ARM, SXTAB16).
#[inline(always)]
pub fn sxtab16(acc: u32, word: u32) -> u32 {
    #[cfg(not(native_dsp))]
    return model::sadd16(acc, model::sxtb16(word));
    #[cfg(native_dsp)]
    {
        let sums;
        // SAFETY: registers only, no flags; `native_dsp` as above.
        unsafe {
            asm!("sxtab16 {out}, {acc}, {word}", out = lateout(reg) sums, acc = in(reg) acc,
                word = in(reg) word, options(pure, nomem, nostack, preserves_flags));
        }
        sums
    }
}

/// `acc` plus bytes 1 and 3, sign-extended to halfwords, each wrapping (Arm ARM, SXTAB16 with rotation by 8).
#[inline(always)]
pub fn sxtab16_ror8(acc: u32, word: u32) -> u32 {
    #[cfg(not(native_dsp))]
    return model::sadd16(acc, model::sxtb16_ror8(word));
    #[cfg(native_dsp)]
    {
        let sums;
        // SAFETY: registers only, no flags; `native_dsp` as above.
        unsafe {
            asm!("sxtab16 {out}, {acc}, {word}, ror #8", out = lateout(reg) sums,
                acc = in(reg) acc, word = in(reg) word,
                options(pure, nomem, nostack, preserves_flags));
        }
        sums
    }
}

/// `a * b + c`, rounded once (Arm ARM, VFMA.F32).
#[inline(always)]
pub fn fma(a: f32, b: f32, c: f32) -> f32 {
    #[cfg(not(native_fpu))]
    return model::fma(a, b, c);
    #[cfg(native_fpu)]
    {
        // SAFETY: registers only; build.rs sets `native_fpu` only for targets with an FPU that has it.
        unsafe { vfma(c, a, b) }
    }
}

/// A function, because rustc gives no FPU registers to `asm!` on this target.
///
/// # Safety
/// The target has an FPU and passes floats in its registers.
#[cfg(native_fpu)]
#[unsafe(naked)]
unsafe extern "C" fn vfma(sum: f32, a: f32, b: f32) -> f32 {
    core::arch::naked_asm!(
        // Naked functions are assembled without the target's FPU, which has single precision at least.
        ".fpu fpv4-sp-d16",
        "vfma.f32 s0, s1, s2",
        "bx lr",
    )
}
