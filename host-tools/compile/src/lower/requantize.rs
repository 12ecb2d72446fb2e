//! From accumulator to output: which form, with which factors.

use super::Site;
use crate::call::{Factors, Requantize};
use crate::error::CompileError;
use thumbnet_graph::requantization::{direct_factor, fixed_multiplier};
use thumbnet_graph::staircase::Staircase;
use thumbnet_kernels::requantize::{fixed_point, float};

/// The requantization of a group whose channels have these weight scales.
///
/// Fixed point if in every channel its 255 thresholds are those of the f32 form, which is ONNX's
/// definition: then both are the same function of all 2^32 accumulators. Else the f32 form itself.
///
/// # Errors
/// If the scales are so far apart that their ratio is no finite f32.
pub(super) fn requantize(
    site: &Site<'_>,
    weight_scales: &[f32],
) -> Result<Requantize, CompileError> {
    let input_scale = site.format(site.input()).scale;
    let output = site.format(site.output());
    let factors: Vec<f32> = weight_scales
        .iter()
        .map(|weight_scale| direct_factor(input_scale, *weight_scale, output.scale))
        .collect();
    if factors.iter().any(|factor| !factor.is_finite()) {
        return site.unsupported(
            "the input's scale times a weight scale over the output's scale overflows f32",
            "quantize the model again with scales of its real ranges",
        );
    }
    let fixed =
        factors.iter().map(|factor| proved_multiplier(*factor, output.zero_point)).collect();
    Ok(Requantize {
        factors: match fixed {
            Some(multipliers) => Factors::Fixed(multipliers),
            None => Factors::Float(factors),
        },
        zero_point: output.zero_point,
        min: site.min(),
        max: i8::MAX,
    })
}

/// The fixed-point multiplier that gives the staircase of `factor`, if there is one.
fn proved_multiplier(factor: f32, zero_point: i8) -> Option<i32> {
    let multiplier = fixed_multiplier(factor)?;
    let onnx = Staircase::of(|acc| float(acc, factor, zero_point), factor.into(), zero_point);
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
