//! The arithmetic itself: each form of rounding as a function of one number.

/// From a real number of steps to a code: `clamp(rne(steps + addend) + offset, min, max)`.
///
/// QuantizeLinear adds the zero point after it rounds, as `offset`; some of onnxruntime's quantized operators
/// add it before, as `addend`, and then ties fall elsewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rounding {
    /// Added, in f32, before it is rounded.
    pub addend: f32,
    /// Added afterwards: -128 to 127.
    pub offset: i16,
    /// Smallest output; -128 unless an activation function clamps above it.
    pub min: i8,
    /// Largest output; 127 unless an activation function clamps below it.
    pub max: i8,
}

impl Rounding {
    /// The code of `steps`; NaN gives some code within the bounds.
    #[inline(always)]
    pub fn code(&self, steps: f32) -> i8 {
        let rounded = round_half_even(steps + self.addend).wrapping_add(i32::from(self.offset));
        rounded.min(i32::from(self.max)).max(i32::from(self.min)) as i8
    }
}

/// `saturate8((acc * multiplier + (zero_point << 32) + 2^31) >> 32)`: rounds half up.
#[inline(always)]
pub const fn fixed_point(acc: i32, multiplier: i32, zero_point: i8) -> i8 {
    let product = acc as i64 * multiplier as i64 + ((zero_point as i64) << 32) + (1 << 31);
    saturate((product >> 32) as i32)
}

/// `saturate8(rne(f32(acc) * factor) + zero_point)`: rounds half to even.
#[inline(always)]
pub const fn float(acc: i32, factor: f32, zero_point: i8) -> i8 {
    saturate(round_half_even(acc as f32 * factor) + zero_point as i32)
}

/// `value` rounded half to even, clamped to `[-1024, 1024]` (beyond every int8 after the zero point);
/// NaN gives 0 as an unspecified but defined result.
///
/// Adding `1.5 * 2^23` leaves no bit for a fraction, so the addition itself rounds half to even and the
/// integer stands in the low mantissa bits. No library call, no FPU rounding instruction.
#[inline(always)]
pub const fn round_half_even(value: f32) -> i32 {
    const MAGIC: f32 = 12_582_912.0; // 1.5 * 2^23
    let value = if value > 1024.0 {
        1024.0
    } else if value < -1024.0 {
        -1024.0
    } else if value.is_nan() {
        0.0
    } else {
        value
    };
    (value + MAGIC).to_bits() as i32 - MAGIC.to_bits() as i32
}

const fn saturate(value: i32) -> i8 {
    if value < -128 {
        -128
    } else if value > 127 {
        127
    } else {
        value as i8
    }
}

#[inline(always)]
pub(super) const fn clamp(value: i8, min: i8, max: i8) -> i8 {
    if value < min {
        min
    } else if value > max {
        max
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::{fixed_point, float, round_half_even};

    #[test]
    fn half_goes_to_even() {
        for (value, rounded) in
            [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (-2.5, -2), (0.499_999_97, 0)]
        {
            assert_eq!(round_half_even(value), rounded, "{value}");
        }
    }

    #[test]
    fn large_values_saturate_and_nan_is_zero() {
        assert_eq!(round_half_even(1e30), 1024);
        assert_eq!(round_half_even(f32::NEG_INFINITY), -1024);
        assert_eq!(round_half_even(f32::NAN), 0);
    }

    #[test]
    fn fixed_point_agrees_with_float_where_the_factor_has_no_ties() {
        let factor = 0.003_173_f32;
        let multiplier = (f64::from(factor) * 4_294_967_296.0).round() as i32;
        // Miri takes its time.
        let reach = if cfg!(miri) { 100 } else { 100_000 };
        for acc in -reach..reach {
            assert_eq!(fixed_point(acc, multiplier, -128), float(acc, factor, -128), "{acc}");
        }
    }

    #[test]
    fn extreme_accumulators_saturate() {
        assert_eq!(fixed_point(i32::MAX, i32::MAX, 127), 127);
        assert_eq!(fixed_point(i32::MIN, i32::MAX, -128), -128);
        assert_eq!(float(i32::MIN, 1.0, 127), -128);
    }
}
