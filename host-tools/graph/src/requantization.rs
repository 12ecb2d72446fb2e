//! What each engine computes from an accumulator: the formulas that an export has to unite.
//!
//! All take the int32 accumulator with the bias in it. onnxruntime's own form is
//! [`thumbnet_kernels::requantize::float`] with [`direct_factor`]; tract uses the same with
//! [`reciprocal_factor`] or another order of operations ([`factor_bounds`]) once it has optimized a
//! network, and [`exact`] with the same factors where a convolution has one scale for all channels;
//! a device computes [`thumbnet_kernels::requantize::fixed_point`] with [`fixed_multiplier`].
//!
//! Source: NUMERICS.md sections 1 to 3.

use crate::staircase::Staircase;

/// `f32(f32(x_scale * w_scale) / y_scale)`: the factor of onnxruntime, and of tract as loaded.
pub fn direct_factor(x_scale: f32, w_scale: f32, y_scale: f32) -> f32 {
    x_scale * w_scale / y_scale
}

/// `f32(f32(x_scale * w_scale) * f32(1 / y_scale))`: the factor of tract after optimization, at
/// times one unit in the last place off [`direct_factor`]; the same when `y_scale` is a power of
/// two.
pub fn reciprocal_factor(x_scale: f32, w_scale: f32, y_scale: f32) -> f32 {
    x_scale * w_scale * (1.0 / y_scale)
}

/// The smallest and the largest factor that an engine may get from three scales: over all orders in
/// which two products, or a product and a division, can be done, with a division or a reciprocal.
///
/// tract's optimizer moves constants about and ends at another order in one network than in the
/// next. Requantization with a fixed accumulator is monotone in the factor too, so if both bounds
/// give one function, every order between them gives it.
pub fn factor_bounds(x_scale: f32, w_scale: f32, y_scale: f32) -> [f32; 2] {
    let reciprocal = 1.0 / y_scale;
    let orders = [
        direct_factor(x_scale, w_scale, y_scale),
        reciprocal_factor(x_scale, w_scale, y_scale),
        x_scale * (w_scale / y_scale),
        x_scale * (w_scale * reciprocal),
        w_scale * (x_scale / y_scale),
        w_scale * (x_scale * reciprocal),
    ];
    let least = orders.into_iter().fold(f32::INFINITY, f32::min);
    let largest = orders.into_iter().fold(0.0, f32::max);
    [least, largest]
}

/// `round(factor * 2^32)`, the multiplier of the device's integer form; `None` unless
/// `0 <= factor < 0.5` and the multiplier fits 31 bits.
pub fn fixed_multiplier(factor: f32) -> Option<i32> {
    let multiplier = (f64::from(factor) * 4_294_967_296.0).round();
    (0.0..=f64::from(i32::MAX)).contains(&multiplier).then_some(multiplier as i32)
}

/// The multiplier of the device's integer form that gives these steps for all 2^32 accumulators, if there is one;
/// among several the nearest to [`fixed_multiplier`] of `factor`.
///
/// A step at accumulator `t` to a level `n` above the zero point says
/// `t * multiplier + 2^31 >= n * 2^32 > (t - 1) * multiplier + 2^31`: two linear bounds, so all steps leave an interval.
pub fn multiplier_of(steps: &Staircase, factor: f32, zero_point: i8) -> Option<i32> {
    let wanted = i64::from(fixed_multiplier(factor)?);
    let (mut least, mut largest) = (0, i64::from(i32::MAX));
    for level in i8::MIN + 1..=i8::MAX {
        let height = ((i64::from(level) - i64::from(zero_point)) << 32) - (1 << 31);
        let step = steps.threshold(level);
        // No step: the last accumulator stays below.
        let below = step.map_or(Some(i32::MAX), |step| step.checked_sub(1));
        if let Some(step) = step.map(i64::from) {
            match step {
                1.. => least = least.max(-(-height).div_euclid(step)),
                0 if height > 0 => return None,
                0 => {}
                _ => largest = largest.min((-height).div_euclid(-step)),
            }
        }
        if let Some(below) = below.map(i64::from) {
            let height = height - 1;
            match below {
                1.. => largest = largest.min(height.div_euclid(below)),
                0 if height < 0 => return None,
                0 => {}
                _ => least = least.max(-height.div_euclid(-below)),
            }
        }
    }
    (least <= largest).then(|| wanted.clamp(least, largest) as i32)
}

/// `saturate8(rne(acc * factor) + zero_point)` with the exact product: all 24 bits of the factor's
/// mantissa times `acc` in 64 bits, rounded once, half to even. `factor` is finite and not
/// negative.
pub fn exact(acc: i32, factor: f32, zero_point: i8) -> i8 {
    let bits = factor.to_bits();
    let (field, fraction) = ((bits >> 23) & 0xff, i64::from(bits & 0x007f_ffff));
    // factor = mantissa * 2^-shift; subnormals have no hidden bit.
    let (mantissa, shift) =
        if field == 0 { (fraction, 149) } else { (fraction | 1 << 23, 150 - field as i32) };
    let product = i64::from(acc) * mantissa;
    let rounded = match shift {
        // A factor of 2^23 and more saturates for every accumulator but 0.
        ..=0 => product.signum() << 32,
        // |product| < 2^55, so the value is less than one half.
        56.. => 0,
        _ => shift_right_half_even(product, shift),
    };
    (rounded + i64::from(zero_point)).clamp(i64::from(i8::MIN), i64::from(i8::MAX)) as i8
}

/// `value / 2^shift` rounded half to even; `shift` is 1 to 62.
fn shift_right_half_even(value: i64, shift: i32) -> i64 {
    let floor = value >> shift;
    let remainder = value - (floor << shift);
    let half = 1i64 << (shift - 1);
    floor + i64::from(remainder > half || (remainder == half && floor & 1 == 1))
}

#[cfg(test)]
mod tests {
    use super::{
        direct_factor, exact, factor_bounds, fixed_multiplier, multiplier_of, reciprocal_factor,
    };
    use crate::staircase::Staircase;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
    use thumbnet_kernels::requantize::{fixed_point, float};

    proptest! {
        #[test]
        fn exact_agrees_with_f64_where_f64_is_exact(
            acc in -(1i32 << 24)..(1 << 24),
            factor in 1e-9..0.5f32,
            zero_point in any::<i8>(),
        ) {
            // 24 by 24 bits fit the 53 of a double.
            let real = (f64::from(acc) * f64::from(factor)).round_ties_even();
            let wanted = (real + f64::from(zero_point)).clamp(-128.0, 127.0) as i8;
            prop_assert_eq!(exact(acc, factor, zero_point), wanted);
        }

        #[test]
        fn exact_never_decreases(acc in any::<i32>(), factor in 0.0..2.0f32) {
            prop_assert_eq!(exact(acc, factor, 0).max(exact(acc.saturating_add(1), factor, 0)),
                exact(acc.saturating_add(1), factor, 0));
        }
    }

    #[test]
    fn exact_knows_the_ends() {
        assert_eq!(exact(i32::MAX, f32::MAX, 0), 127);
        assert_eq!(exact(i32::MIN, 8_388_608.0, 127), -128);
        assert_eq!(exact(1, 8_388_608.0, 0), 127);
        assert_eq!(exact(0, f32::MAX, 7), 7);
        assert_eq!(exact(i32::MAX, f32::from_bits(1), -3), -3);
        assert_eq!(exact(i32::MAX, 2f32.powi(-32), 0), 0);
        assert_eq!(exact(i32::MIN, 2f32.powi(-32), 0), 0); // -0.5 is a tie, 0 is even
        assert_eq!(exact(i32::MIN, 3.0 * 2f32.powi(-32), 0), -2); // -1.5 too
        assert_eq!(exact(5, 0.0, 1), 1);
    }

    proptest! {
        #[test]
        fn a_multiplier_found_gives_the_steps_and_one_that_does_is_found(
            factor in 1e-7..0.5f32,
            zero_point in any::<i8>(),
            offset in -3i32..=3,
        ) {
            let steps = |f: &dyn Fn(i32) -> i8| Staircase::of(f, factor.into(), zero_point);
            let onnx = steps(&|acc| float(acc, factor, zero_point));
            if let Some(multiplier) = multiplier_of(&onnx, factor, zero_point) {
                prop_assert!(onnx.matches(|acc| fixed_point(acc, multiplier, zero_point)));
            }
            let multiplier = (fixed_multiplier(factor).unwrap_or(0) + offset).max(0);
            let fixed = steps(&|acc| fixed_point(acc, multiplier, zero_point));
            let found = multiplier_of(&fixed, factor, zero_point).expect("this one");
            prop_assert!(fixed.matches(|acc| fixed_point(acc, found, zero_point)));
        }
    }

    #[test]
    fn multipliers_stop_below_one_half() {
        assert_eq!(fixed_multiplier(0.0), Some(0));
        assert_eq!(fixed_multiplier(0.25), Some(1 << 30));
        assert_eq!(fixed_multiplier(0.499_999_97), Some(2_147_483_520));
        assert_eq!(fixed_multiplier(0.5), None);
        assert_eq!(fixed_multiplier(-0.1), None);
        assert_eq!(fixed_multiplier(f32::NAN), None);
    }

    #[test]
    fn bounds_hold_an_order_that_neither_named_factor_is() {
        // Scales of a network in which tract 0.23.9, optimized, gave one more than both named
        // factors: 31308 * factor is just below 183.5, and in f32 a factor one step larger makes it
        // 183.5.
        let [x, w, y] = [0x3b79_ceec, 0x3bd0_f7ad, 0x3b87_e6d6].map(f32::from_bits);
        for factor in [direct_factor(x, w, y), reciprocal_factor(x, w, y)] {
            assert_eq!(float(31308, factor, -128), 55);
        }
        let [least, largest] = factor_bounds(x, w, y);
        assert_eq!(float(31308, least, -128), 55);
        assert_eq!(float(31308, largest, -128), 56);
        assert_eq!(factor_bounds(0.5, 0.03, 0.25), [0.06, 0.06]);
    }

    #[test]
    fn the_reciprocal_is_at_times_another_factor() {
        let (x, y) = (1.0 / 255.0, 0.037_f32);
        let differs = |w: f32| direct_factor(x, w, y) != reciprocal_factor(x, w, y);
        assert!((1..100).any(|w| differs(w as f32 * 1e-4)));
        assert!((1..100).all(|w| {
            let w = w as f32 * 1e-4;
            direct_factor(x, w, 0.0625) == reciprocal_factor(x, w, 0.0625)
        }));
    }
}
