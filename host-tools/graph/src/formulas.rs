//! Activation functions in f32, as onnxruntime 1.32 computes them on x86-64.
//!
//! Sigmoid and Tanh are its rational functions with fused multiply-adds, bit for bit; the functions
//! made of exponentials are rounded from f64 and may differ from it in the last bit, which a table of
//! codes has not been seen to show.

/// `x` times a polynomial of `x * x` over another one, highest power first, for `x` within `limit`.
fn rational(x: f32, limit: f32, numerator: &[f32], denominator: &[f32]) -> f32 {
    let x = x.clamp(-limit, limit);
    let square = x * x;
    let polynomial = |coefficients: &[f32]| {
        let sum = |sum: f32, coefficient: &f32| sum.mul_add(square, *coefficient);
        coefficients.iter().copied().reduce(|total, next| sum(total, &next)).unwrap_or(0.0)
    };
    polynomial(numerator) * x / polynomial(denominator)
}

/// `1 / (1 + exp(-x))`.
pub(crate) fn sigmoid(x: f32) -> f32 {
    const NUMERATOR: [f32; 5] =
        [4.370_31e-11, 1.156_273_2e-7, 6.085_749e-5, 8.513_771e-3, 2.482_879_5e-1];
    const DENOMINATOR: [f32; 6] = [
        6.102_473_7e-13,
        5.761_021_4e-9,
        6.291_068e-6,
        1.701_988_2e-3,
        1.168_176_5e-1,
        9.931_519e-1,
    ];
    (rational(x, 18.0, &NUMERATOR, &DENOMINATOR) + 0.5).clamp(0.0, 1.0)
}

/// The hyperbolic tangent.
pub(crate) fn tanh(x: f32) -> f32 {
    const NUMERATOR: [f32; 7] = [
        -2.760_768_4e-16,
        2.000_188e-13,
        -8.604_672e-11,
        5.122_297_3e-8,
        1.485_722_35e-5,
        6.372_619_5e-4,
        4.893_524_6e-3,
    ];
    const DENOMINATOR: [f32; 4] = [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_7e-3, 4.893_525e-3];
    rational(x, 9.0, &NUMERATOR, &DENOMINATOR)
}

/// `min(max(alpha * x + beta, 0), 1)`.
pub(crate) fn hard_sigmoid(x: f32, alpha: f32, beta: f32) -> f32 {
    (alpha * x + beta).clamp(0.0, 1.0)
}

/// `ln(1 + exp(x))`.
pub(crate) fn softplus(x: f32) -> f32 {
    softplus_f64(f64::from(x)) as f32
}

fn softplus_f64(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// `x * tanh(softplus(x))`.
pub(crate) fn mish(x: f32) -> f32 {
    let x = f64::from(x);
    (x * softplus_f64(x).tanh()) as f32
}

/// `x` above 0, `alpha * (exp(x / width) - 1)` below.
pub(crate) fn elu(x: f32, alpha: f32, width: f32) -> f32 {
    if x > 0.0 {
        return x;
    }
    (f64::from(alpha) * (f64::from(x) / f64::from(width)).exp_m1()) as f32
}

/// The error function.
pub(crate) fn erf(x: f32) -> f32 {
    erf_f64(f64::from(x)) as f32
}

/// `x` times the distribution of the normal law, or the approximation of it by a tanh.
pub(crate) fn gelu(x: f32, approximate: bool) -> f32 {
    let x = f64::from(x);
    let inner = if approximate {
        let scale = (2.0 / std::f64::consts::PI).sqrt();
        (scale * (x + 0.044_715 * x * x * x)).tanh()
    } else {
        erf_f64(x * std::f64::consts::FRAC_1_SQRT_2)
    };
    (0.5 * x * (1.0 + inner)) as f32
}

/// By its power series near 0, by the continued fraction of the complement elsewhere; within 1e-12.
fn erf_f64(x: f64) -> f64 {
    let square = x * x;
    if square < 9.0 {
        let mut power = x;
        let mut sum = 0.0;
        for n in 0..60 {
            let n = f64::from(n);
            sum += power / (2.0 * n + 1.0);
            power *= -square / (n + 1.0);
        }
        return sum * std::f64::consts::FRAC_2_SQRT_PI;
    }
    let fraction = (1..60).rev().fold(0.0, |rest, n| f64::from(n) / 2.0 / (x.abs() + rest));
    let complement =
        (-square).exp() / (x.abs() + fraction) * std::f64::consts::FRAC_2_SQRT_PI / 2.0;
    (1.0 - complement).copysign(x)
}

/// `x` to the power of `exponent`; small whole powers are products.
pub(crate) fn power(x: f32, exponent: f32) -> f32 {
    if exponent == 2.0 {
        x * x
    } else if exponent == 3.0 {
        x * x * x
    } else {
        x.powf(exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::{elu, erf, gelu, mish, sigmoid, softplus, tanh};

    #[test]
    fn approximations_are_close_to_what_they_approximate() {
        for step in -400..=400 {
            let x = step as f32 / 20.0;
            let exact = f64::from(x);
            assert!((f64::from(sigmoid(x)) - 1.0 / (1.0 + (-exact).exp())).abs() < 2e-7, "{x}");
            assert!((f64::from(tanh(x)) - exact.tanh()).abs() < 3e-7, "{x}");
            let tail = (f64::from(softplus(x)) - (1.0 + exact.exp()).ln()).abs();
            assert!(tail < 2e-6, "{x}: {tail}");
        }
    }

    #[test]
    fn functions_have_known_values() {
        // Abramowitz and Stegun, table 7.1.
        for (x, value) in [(0.5, 0.520_499_9), (1.0, 0.842_700_8), (2.0, 0.995_322_3), (3.5, 1.0)] {
            assert!((erf(x) - value).abs() < 1e-6 && erf(-x) == -erf(x), "{x}");
        }
        assert!((gelu(1.0, false) - 0.841_344_7).abs() < 1e-6);
        assert!((gelu(1.0, true) - 0.841_192).abs() < 1e-6);
        assert!((mish(1.0) - 0.865_098_4).abs() < 1e-6);
        assert!((elu(-1.0, 1.0, 1.0) + 0.632_120_55).abs() < 1e-6);
        assert_eq!(elu(2.0, 1.0, 1.0), 2.0);
    }
}
