//! From accumulator to output: which form, with which factors.

use super::Site;
use crate::call::{Factors, Requantize};
use crate::error::CompileError;
use thumbnet_graph::requantization::{direct_factor, multiplier_of};
use thumbnet_graph::staircase::Staircase;
use thumbnet_kernels::requantize::{Mixed, fixed_point, float};

/// The requantization of a group whose channels have these weight scales.
///
/// Fixed point in every channel whose 255 thresholds some multiplier gives as the f32 form does, which is ONNX's
/// definition: then both are the same function of all 2^32 accumulators. Else the f32 form itself.
///
/// # Errors
/// If the scales are so far apart that their ratio is no finite f32.
pub(super) fn requantize(
    site: &Site<'_>,
    weight_scales: &[f32],
) -> Result<Requantize, CompileError> {
    let input_scale = site.format(site.input()).scale;
    let output_scale = site.format(site.output()).scale;
    let factor = |weight_scale: &f32| direct_factor(input_scale, *weight_scale, output_scale);
    from_factors(site, weight_scales.iter().map(factor).collect())
}

/// The requantization of a group whose accumulators become steps of the output by these factors.
///
/// # Errors
/// If one is no finite f32.
pub(super) fn from_factors(site: &Site<'_>, factors: Vec<f32>) -> Result<Requantize, CompileError> {
    let output = site.format(site.output());
    if factors.iter().any(|factor| !factor.is_finite()) {
        return site.unsupported(
            "the input's scale times a weight scale over the output's scale overflows f32",
            "quantize the model again with scales of its real ranges",
        );
    }
    let multipliers: Vec<Option<i32>> =
        factors.iter().map(|factor| proved_multiplier(*factor, output.zero_point)).collect();
    Ok(Requantize {
        factors: in_their_forms(factors, &multipliers),
        zero_point: output.zero_point,
        min: site.min(),
        max: site.max(),
    })
}

/// The factors as multipliers where there are any, pair by pair of channels.
fn in_their_forms(factors: Vec<f32>, multipliers: &[Option<i32>]) -> Factors {
    if let Some(multipliers) = multipliers.iter().copied().collect() {
        return Factors::Fixed(multipliers);
    }
    let as_float = |factor: &f32| (factor.to_bits() | Mixed::FLOAT) as i32;
    let pairs = factors.chunks(2).zip(multipliers.chunks(2));
    let mut scales = Vec::with_capacity(factors.len());
    for (factors, multipliers) in pairs {
        match multipliers.iter().copied().collect::<Option<Vec<i32>>>() {
            Some(multipliers) => scales.extend(multipliers),
            None => scales.extend(factors.iter().map(as_float)),
        }
    }
    if scales.iter().all(|scale| *scale < 0) {
        return Factors::Float(factors);
    }
    Factors::Mixed(scales)
}

/// The fixed-point multiplier that gives the staircase of `factor`, if there is one.
fn proved_multiplier(factor: f32, zero_point: i8) -> Option<i32> {
    let onnx = Staircase::of(|acc| float(acc, factor, zero_point), factor.into(), zero_point);
    let multiplier = multiplier_of(&onnx, factor, zero_point)?;
    onnx.matches(|acc| fixed_point(acc, multiplier, zero_point)).then_some(multiplier)
}

#[cfg(test)]
mod tests {
    use super::proved_multiplier;

    #[test]
    fn ties_and_large_factors_stay_float() {
        assert_eq!(proved_multiplier(0.25, 0), None);
        assert_eq!(proved_multiplier(0.5, 0), None);
        let multiplier = (f64::from(0.003_173_f32) * 4_294_967_296.0).round() as i32;
        assert_eq!(proved_multiplier(0.003_173, -128), Some(multiplier));
    }
}
