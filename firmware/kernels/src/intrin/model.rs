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
    // |a * b| <= 2^62 and |acc << 32| <= 2^63: only the sum can wrap.
    let sum = ((acc as i64) << 32).wrapping_add(a as i64 * b as i64).wrapping_add(1 << 31);
    (sum >> 32) as i32
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

#[cfg(test)]
mod tests {
    use super::{sadd16, smlad, smmlar, ssat8, ssub16, sxtb16, sxtb16_ror8};

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
    fn ssat8_saturates() {
        for (value, code) in [(-129, -128), (-128, -128), (127, 127), (128, 127), (i32::MIN, -128)]
        {
            assert_eq!(ssat8(value), code);
        }
    }
}
