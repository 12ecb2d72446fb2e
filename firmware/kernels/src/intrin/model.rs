//! What the instructions do, in plain Rust. The emulated target compares both.

/// Model of [`smlad`](super::smlad).
#[inline(always)]
pub const fn smlad(a: u32, b: u32, acc: i32) -> i32 {
    let low = (a as i16 as i32) * (b as i16 as i32);
    let high = ((a >> 16) as i16 as i32) * ((b >> 16) as i16 as i32);
    acc.wrapping_add(low).wrapping_add(high)
}

/// Model of [`sxtb16`](super::sxtb16).
#[inline(always)]
pub const fn sxtb16(word: u32) -> u32 {
    let low = word as i8 as i16 as u16;
    let high = (word >> 16) as i8 as i16 as u16;
    (high as u32) << 16 | low as u32
}

/// Model of [`sxtb16_ror8`](super::sxtb16_ror8).
#[inline(always)]
pub const fn sxtb16_ror8(word: u32) -> u32 {
    sxtb16(word.rotate_right(8))
}

/// Model of [`smmlar`](super::smmlar).
#[inline(always)]
pub const fn smmlar(a: i32, b: i32, acc: i32) -> i32 {
    if cfg!(native_short_products) {
        return smmlar_of_short_products(a, b, acc);
    }
    // |a * b| <= 2^62 and |acc << 32| <= 2^63: only the sum can wrap.
    let sum = ((acc as i64) << 32).wrapping_add(a as i64 * b as i64).wrapping_add(1 << 31);
    (sum >> 32) as i32
}

/// The same by products of at most 32 bits, for cores that have no longer ones: 17 instructions there, where a call
/// for a product of 64 bits takes 50.
///
/// With `a = a1 * 2^16 + a0` and `b` likewise, `a0` and `b0` not negative:
///
/// ```text
/// a * b + 2^31 = (a1 * b1 << 32) + (a1 * b0 + a0 * b1 + 2^15 << 16) + a0 * b0
/// ```
///
/// Only whole multiples of 2^16 of the last product matter: with them, the middle sum is at most 33 bits long, so
/// its halves are added apart.
#[inline(always)]
const fn smmlar_of_short_products(a: i32, b: i32, acc: i32) -> i32 {
    let [a1, a0] = [a >> 16, a & 0xffff];
    let [b1, b0] = [b >> 16, b & 0xffff];
    let low = (a0 as u32 * b0 as u32) >> 16;
    // A product of a signed and an unsigned half is at most 2^31 - 2^16 - 2^15 + 1: adding a half does not wrap.
    let middle = a1 * b0 + low as i32;
    let other = a0 * b1 + (middle & 0xffff);
    let rounded = ((other >> 15) + 1) >> 1;
    acc.wrapping_add(a1 * b1).wrapping_add(middle >> 16).wrapping_add(rounded)
}

/// Model of [`ssat8`](super::ssat8).
#[inline(always)]
pub const fn ssat8(value: i32) -> i8 {
    if value < -128 {
        -128
    } else if value > 127 {
        127
    } else {
        value as i8
    }
}

/// Sums of the halfwords, wrapping (Arm ARM, SADD16).
#[inline(always)]
pub const fn sadd16(a: u32, b: u32) -> u32 {
    let low = (a as u16).wrapping_add(b as u16);
    let high = ((a >> 16) as u16).wrapping_add((b >> 16) as u16);
    (high as u32) << 16 | low as u32
}

/// Differences of the halfwords, wrapping (Arm ARM, SSUB16).
#[inline(always)]
pub const fn ssub16(a: u32, b: u32) -> u32 {
    let low = (a as u16).wrapping_sub(b as u16);
    let high = ((a >> 16) as u16).wrapping_sub((b >> 16) as u16);
    (high as u32) << 16 | low as u32
}

/// `a * b + c`, rounded once (Arm ARM, VFMA.F32): IEEE's fusedMultiplyAdd. `core` has none.
///
/// The product is exact in f64. Their sum is rounded there to odd, so that the second rounding, to f32, finds
/// on which side of a tie the exact sum lies.
pub const fn fma(a: f32, b: f32, c: f32) -> f32 {
    let (product, addend) = (a as f64 * b as f64, c as f64);
    let sum = product + addend;
    // What the sum lost, exactly (Knuth's TwoSum).
    let of_addend = sum - product;
    let lost = (product - (sum - of_addend)) + (addend - of_addend);
    let bits = sum.to_bits();
    if lost == 0.0 || !lost.is_finite() || bits & 1 == 1 {
        return sum as f32;
    }
    // `sum` is not 0: then it would be exact.
    let outwards = (lost > 0.0) == (sum > 0.0);
    f64::from_bits(if outwards { bits + 1 } else { bits - 1 }) as f32
}

#[cfg(test)]
mod tests {
    use super::{
        fma, sadd16, smlad, smmlar, smmlar_of_short_products, ssat8, ssub16, sxtb16, sxtb16_ror8,
    };

    #[test]
    fn smlad_multiplies_signed_halfwords() {
        assert_eq!(smlad(0x0002_0003, 0x0005_0007, 100), 100 + 10 + 21);
        assert_eq!(smlad(0xffff_8000, 0x7fff_8000, 0), -0x7fff + 0x4000_0000);
        assert_eq!(smlad(0x8000_8000, 0x8000_8000, 0), i32::MIN, "the only sum that wraps alone");
    }

    #[test]
    fn sxtb16_extends_every_second_byte() {
        assert_eq!(sxtb16(0x11_80_22_7f), 0xff80_007f);
        assert_eq!(sxtb16_ror8(0x80_11_ff_22), 0xff80_ffff);
    }

    #[test]
    fn halfwords_are_added_apart() {
        assert_eq!(sadd16(0x7fff_ffff, 0x0001_0001), 0x8000_0000);
        assert_eq!(ssub16(0x8000_0000, 0x0001_0001), 0x7fff_ffff);
    }

    #[test]
    fn smmlar_rounds_half_up() {
        assert_eq!(smmlar(1 << 16, 1 << 15, 3), 4);
        assert_eq!(smmlar(-(1 << 16), 1 << 15, 3), 3);
        assert_eq!(smmlar(i32::MIN, i32::MIN, -128), (1 << 30) - 128);
    }

    #[test]
    fn short_products_give_the_same() {
        let edges = [
            i32::MIN,
            i32::MIN + 1,
            -65_537,
            -65_536,
            -32_769,
            -32_768,
            -1,
            0,
            1,
            32_767,
            32_768,
            65_535,
            65_536,
            i32::MAX - 1,
            i32::MAX,
        ];
        for a in edges {
            for b in edges {
                for acc in [-128, 0, 127] {
                    assert_eq!(
                        smmlar_of_short_products(a, b, acc),
                        smmlar(a, b, acc),
                        "{a} {b} {acc}"
                    );
                }
            }
        }
        let mut state = 1_u64;
        // Miri takes its time.
        for _ in 0..if cfg!(miri) { 100 } else { 100_000 } {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (a, b) = ((state >> 32) as i32, state as i32);
            assert_eq!(smmlar_of_short_products(a, b, 5), smmlar(a, b, 5), "{a} {b}");
        }
    }

    #[test]
    fn fma_rounds_once() {
        // 1 + 2^-12 squared is 1 + 2^-11 + 2^-24: a tie that the addend decides.
        let x = 1.0 + 1.0 / 4096.0;
        let (low, high) = (1.0 + 1.0 / 2048.0, f32::from_bits(0x3f80_1001));
        assert_eq!(fma(x, x, 0.0), low);
        assert_eq!(fma(x, x, f32::from_bits(1)), high);
        assert_eq!(fma(x, x, -f32::from_bits(1)), low);
        assert_eq!(fma(x, -x, -f32::from_bits(1)), -high);
        assert_eq!(fma(3.0, 5.0, -15.0), 0.0);
        assert_eq!(fma(f32::MAX, 2.0, 0.0), f32::INFINITY);
        assert!(fma(f32::INFINITY, 0.0, 1.0).is_nan());
        // The standard library's, where the product and the sum do and do not cancel.
        let mut bits = 1_u32;
        let mut next = || {
            bits ^= bits << 13;
            bits ^= bits >> 17;
            bits ^= bits << 5;
            f32::from_bits((bits & 0x807f_ffff) | (((bits >> 3) & 0x0700_0000) + 0x3c00_0000))
        };
        // Miri takes its time.
        for _ in 0..if cfg!(miri) { 100 } else { 100_000 } {
            let (a, b, c) = (next(), next(), next());
            assert_eq!(fma(a, b, c), std::primitive::f32::mul_add(a, b, c), "{a:?} {b:?} {c:?}");
        }
    }

    #[test]
    fn ssat8_saturates() {
        for (value, code) in [(-129, -128), (-128, -128), (127, 127), (128, 127), (i32::MIN, -128)]
        {
            assert_eq!(ssat8(value), code);
        }
    }
}
