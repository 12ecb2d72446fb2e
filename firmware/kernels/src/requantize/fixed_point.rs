//! Requantization in integers.

use super::rounding::clamp;
use super::{Requantize, Scales};
use crate::intrin::{smmlar, ssat8};
use crate::map::Map;

/// Integer requantization: `clamp((acc * multiplier + (zero_point << 32) + 2^31) >> 32, min, max)`.
///
/// Source: NUMERICS.md section 3. `multiplier = round(M * 2^32)` of the real factor `M < 0.5`.
#[derive(Clone, Copy, Debug)]
pub struct FixedPoint<'a> {
    /// One multiplier a channel, `0..2^31`.
    pub multipliers: &'a [i32],
    /// What real 0 becomes.
    pub zero_point: i8,
    /// Smallest output; -128 unless an activation function clamps above it.
    pub min: i8,
    /// Largest output; 127 unless an activation function clamps below it.
    pub max: i8,
}

impl Requantize for FixedPoint<'_> {
    #[inline(always)]
    fn requantize(&self, acc: i32, channel: usize) -> i8 {
        let multiplier = self.multipliers.get(channel).copied().unwrap_or(0);
        // SMMLAR and SSAT where the core has them, else their models; `fixed_point` says the same.
        let code = ssat8(smmlar(acc, multiplier, i32::from(self.zero_point)));
        clamp(code, self.min, self.max)
    }

    #[inline(always)]
    fn scales(&self) -> Scales<'_> {
        Scales::Fixed(self.multipliers)
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
        let multipliers = self.multipliers.get(channel..).unwrap_or_default();
        let zero_point = i32::from(self.zero_point);
        let [min, max] = [i32::from(self.min), i32::from(self.max)];
        if self.min == i8::MIN && self.max == i8::MAX {
            scale(sums, biases, multipliers, codes, |sum, multiplier| {
                ssat8(smmlar(sum, multiplier, zero_point))
            });
        } else {
            scale(sums, biases, multipliers, codes, |sum, multiplier| {
                smmlar(sum, multiplier, zero_point).min(max).max(min) as i8
            });
        }
    }
}

/// `code(sum + bias, multiplier)` of each channel, by fours so that the loop unrolls.
#[inline(always)]
fn scale(
    sums: &[i32],
    biases: &[i32],
    multipliers: &[i32],
    codes: &Map,
    code: impl Fn(i32, i32) -> i8,
) {
    let len = codes.len().min(sums.len()).min(biases.len()).min(multipliers.len());
    let (Some(sums), Some(biases), Some(multipliers), Some(codes)) =
        (sums.get(..len), biases.get(..len), multipliers.get(..len), codes.get(..len))
    else {
        return;
    };
    let [sums, biases, multipliers] = [sums, biases, multipliers].map(<[i32]>::as_chunks::<4>);
    let (fours, tail) = codes.as_chunks::<4>();
    for (((codes, sums), biases), multipliers) in
        fours.iter().zip(sums.0).zip(biases.0).zip(multipliers.0)
    {
        for (((to, sum), bias), multiplier) in codes.iter().zip(sums).zip(biases).zip(multipliers) {
            to.set(code(sum.wrapping_add(*bias), *multiplier));
        }
    }
    for (((to, sum), bias), multiplier) in tail.iter().zip(sums.1).zip(biases.1).zip(multipliers.1)
    {
        to.set(code(sum.wrapping_add(*bias), *multiplier));
    }
}
