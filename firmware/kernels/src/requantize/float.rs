//! Requantization in f32, as ONNX defines it.

use super::rounding::clamp;
use super::{Requantize, Scales, clamp_codes, float};
use crate::intrin::float_codes;
use crate::map::Map;

/// Floating-point requantization: `clamp(rne(f32(acc) * factor) + zero_point, min, max)`, the formula
/// of ONNX QLinearConv as onnxruntime computes it.
#[derive(Clone, Copy, Debug)]
pub struct Float<'a> {
    /// One factor a channel: `f32(f32(x_scale * w_scale) / y_scale)`, finite and not negative.
    pub factors: &'a [f32],
    /// What real 0 becomes.
    pub zero_point: i8,
    /// Smallest output.
    pub min: i8,
    /// Largest output.
    pub max: i8,
}

impl Requantize for Float<'_> {
    #[inline(always)]
    fn requantize(&self, acc: i32, channel: usize) -> i8 {
        let factor = self.factors.get(channel).copied().unwrap_or(0.0);
        clamp(float(acc, factor, self.zero_point), self.min, self.max)
    }

    #[inline(always)]
    fn scales(&self) -> Scales<'_> {
        Scales::Float(self.factors)
    }

    #[inline(always)]
    fn zero_point(&self) -> i8 {
        self.zero_point
    }

    #[inline(always)]
    fn range(&self) -> [i8; 2] {
        [self.min, self.max]
    }

    #[inline(always)]
    fn requantize_channels(&self, channel: usize, sums: &[i32], biases: &[i32], codes: &Map) {
        let factors = self.factors.get(channel..).unwrap_or_default();
        float_codes(sums, biases, factors, self.zero_point, codes);
        clamp_codes(codes, self.range());
    }
}
