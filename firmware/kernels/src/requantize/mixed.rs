//! Requantization in integers where that is exact, in f32 in the other channels.

use super::rounding::clamp;
use super::{Requantize, Scales, clamp_codes, scaled};
use crate::intrin::mixed_codes;
use crate::map::Map;

/// Integer requantization where a multiplier was found, floating-point in the other channels: nearly all channels of
/// a model whose scales somebody else chose have one, and nearly all such models a channel that has none.
#[derive(Clone, Copy, Debug)]
pub struct Mixed<'a> {
    /// One scale a channel: a multiplier of [`FixedPoint`](super::FixedPoint), or, where negative, the bits of a
    /// factor of [`Float`](super::Float) with [`Mixed::FLOAT`] set. Channels 2n and 2n + 1 have scales of one form.
    pub scales: &'a [i32],
    /// What real 0 becomes.
    pub zero_point: i8,
    /// Smallest output.
    pub min: i8,
    /// Largest output.
    pub max: i8,
}

impl Mixed<'_> {
    /// The bit that tells a factor from a multiplier: the sign of both, which are never negative.
    pub const FLOAT: u32 = 1 << 31;
}

impl Requantize for Mixed<'_> {
    #[inline(always)]
    fn requantize(&self, acc: i32, channel: usize) -> i8 {
        let scales = self.scales();
        let code = scaled(acc, scales.form(channel), scales.bits(channel), self.zero_point);
        clamp(code, self.min, self.max)
    }

    #[inline(always)]
    fn scales(&self) -> Scales<'_> {
        Scales::Mixed(self.scales)
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
        let scales = self.scales.get(channel..).unwrap_or_default();
        mixed_codes(sums, biases, scales, self.zero_point, codes);
        clamp_codes(codes, self.range());
    }
}
