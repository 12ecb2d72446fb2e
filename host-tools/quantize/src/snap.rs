//! Chooses the scale of one channel's weights so that every engine computes the same bytes.
//!
//! A weight scale may be any value from `max|w| / 127` upward. For the operator form it is raised
//! by single f32 steps until all staircases coincide: the f32 formula and the exact product, each
//! with every factor that an order of operations can give, and the device's integer form. For the
//! QDQ form it gets so few mantissa bits that every f32 before the rounding is exact. Source:
//! NUMERICS.md section 2.

use thumbnet_graph::Quantization;
use thumbnet_graph::requantization::{direct_factor, exact, factor_bounds, fixed_multiplier};
use thumbnet_graph::staircase::Staircase;
use thumbnet_kernels::requantize::{fixed_point, float};

/// A scale may grow by this part in the search: costs resolution, so no more than can be noticed.
pub(crate) const LARGEST_GROWTH: f64 = 0.01;

/// A scale that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Snapped {
    pub scale: f32,
    /// Scales tried, this one included.
    pub tries: u32,
}

/// The smallest weight scale from `minimum` upward with which all forms agree on all
/// accumulators, or `None` if there is none within [`LARGEST_GROWTH`].
pub(crate) fn snap(minimum: f32, x_scale: f32, y: Quantization) -> Option<Snapped> {
    let limit = f64::from(minimum) * (1.0 + LARGEST_GROWTH);
    let mut scale = minimum;
    let mut tries = 0;
    while f64::from(scale) <= limit {
        tries += 1;
        if agrees(x_scale, scale, y) {
            return Some(Snapped { scale, tries });
        }
        scale = scale.next_up();
    }
    None
}

/// Whether onnxruntime, tract and the device compute the same function of the accumulator, in
/// whatever order they combine the scales.
pub(crate) fn agrees(x_scale: f32, w_scale: f32, y: Quantization) -> bool {
    let zero_point = y.zero_point;
    let factor = direct_factor(x_scale, w_scale, y.scale);
    let [least, largest] = factor_bounds(x_scale, w_scale, y.scale);
    let Some(multiplier) = fixed_multiplier(factor) else { return false };
    let reference = |acc| float(acc, factor, zero_point);
    let integer = |acc| fixed_point(acc, multiplier, zero_point);
    // A factor between two that agree agrees as well, so these stand for all.
    let float_least = |acc| float(acc, least, zero_point);
    let float_largest = |acc| float(acc, largest, zero_point);
    let exact_least = |acc| exact(acc, least, zero_point);
    let exact_largest = |acc| exact(acc, largest, zero_point);
    let equal_at = |acc| {
        let code = reference(acc);
        integer(acc) == code
            && float_least(acc) == code
            && float_largest(acc) == code
            && exact_least(acc) == code
            && exact_largest(acc) == code
    };
    if !near_thresholds(factor, zero_point).all(equal_at) {
        return false;
    }
    let staircase = Staircase::of(reference, f64::from(factor), zero_point);
    staircase.matches(integer)
        && staircase.matches(float_least)
        && staircase.matches(float_largest)
        && staircase.matches(exact_least)
        && staircase.matches(exact_largest)
}

/// Accumulators on both sides of where each threshold is about, those farthest from 0 first: there
/// a wrong scale shows soonest, and most scales are wrong.
fn near_thresholds(factor: f32, zero_point: i8) -> impl Iterator<Item = i32> {
    (-127..=127).flat_map(move |level| {
        let level = if zero_point > 0 { level } else { -level };
        let crossing = (f64::from(level) - 0.5 - f64::from(zero_point)) / f64::from(factor);
        let threshold = crossing.ceil() as i32;
        [threshold, threshold.saturating_sub(1)]
    })
}

/// The smallest weight scale from `minimum` upward that has few enough mantissa bits for
/// `magnitude`, the largest sum of absolute values in an accumulator, which depends on the scale:
/// their product has to stay below 2^24. `None` if even a power of two 256 times as large does not
/// do.
pub(crate) fn shorten(minimum: f32, magnitude: impl Fn(f32) -> i64) -> Option<Snapped> {
    let rounded = (1..=24).rev().map(|bits| round_up(minimum, bits));
    let doubled = (1..=8).map(|doublings: i32| round_up(minimum, 1) * (doublings as f32).exp2());
    let mut tries = 0;
    rounded.chain(doubled).find_map(|scale| {
        tries += 1;
        let product = magnitude(scale).saturating_mul(odd_mantissa(scale));
        (product < 1 << 24).then_some(Snapped { scale, tries })
    })
}

/// `value`, positive and normal, rounded up to `bits` mantissa bits, 1 to 24.
fn round_up(value: f32, bits: u32) -> f32 {
    let dropped = (1u32 << (24 - bits)) - 1;
    f32::from_bits((value.to_bits() + dropped) & !dropped)
}

/// The mantissa of a normal number without its trailing zeros.
fn odd_mantissa(value: f32) -> i64 {
    let mantissa = i64::from(value.to_bits() & 0x007f_ffff | 0x0080_0000);
    mantissa >> mantissa.trailing_zeros()
}

#[cfg(test)]
mod tests {
    use super::{LARGEST_GROWTH, agrees, odd_mantissa, round_up, shorten, snap};
    use thumbnet_graph::Quantization;

    #[test]
    fn snaps_every_factor_from_2_to_the_minus_14_to_almost_one_half() {
        let y = Quantization { scale: 0.037_123, zero_point: -128 };
        for step in 0..52 {
            let factor = 0.44 * 2f64.powf(-f64::from(step) / 4.0);
            let x_scale = 1.0 / 255.0;
            let minimum = (factor * f64::from(y.scale) / f64::from(x_scale)) as f32;
            let snapped = snap(minimum, x_scale, y).expect("solvable");
            assert!(agrees(x_scale, snapped.scale, y));
            assert!(f64::from(snapped.scale / minimum) <= 1.0 + LARGEST_GROWTH);
        }
    }

    #[test]
    fn factors_without_an_integer_form_are_refused() {
        let y = Quantization { scale: 1.0, zero_point: 0 };
        assert_eq!(snap(0.6, 1.0, y), None);
        assert_eq!(snap(1e-8, 1.0, y), None);
    }

    #[test]
    fn shortening_keeps_the_product_below_2_to_the_24() {
        let snapped = shorten(0.012_345, |_| 1 << 20).unwrap();
        assert!(odd_mantissa(snapped.scale) < 16);
        assert!(snapped.scale >= 0.012_345 && snapped.scale < 0.012_345 * 17.0 / 16.0);
        // One bit only, and the sum shrinks as the scale grows.
        let snapped = shorten(1.1, |scale| (20_000_000.0 / scale) as i64).unwrap();
        assert_eq!(snapped.scale, 2.0);
        assert_eq!(shorten(1.0, |_| 1 << 24), None);
    }

    #[test]
    fn rounding_up_carries_into_the_exponent() {
        assert_eq!(round_up(1.0, 1), 1.0);
        assert_eq!(round_up(1.01, 1), 2.0);
        assert_eq!(round_up(1.76, 2), 2.0);
        assert_eq!(round_up(1.3, 2), 1.5);
        assert_eq!(odd_mantissa(1.5), 3);
        assert_eq!(odd_mantissa(0.25), 1);
    }
}
