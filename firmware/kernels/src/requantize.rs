//! The one place where rounding is defined: from an i32 accumulator to an int8 activation.
//!
//! Two forms. [`FixedPoint`] is integer only and costs two or three instructions on ARMv7E-M; the
//! compiler selects it where it has proved, per channel, that its 255 thresholds are those of the
//! f32 form. [`Float`] is that f32 form, ONNX's own definition, exact for any scale.

use crate::intrin::{float_codes, mixed_codes, smmlar, ssat8};
use crate::map::Map;

/// Scales accumulators of channel `0..c` to int8.
pub trait Requantize: Copy {
    /// The int8 activation of accumulator `acc` in `channel`; a channel out of range gives
    /// the zero point.
    fn requantize(&self, acc: i32, channel: usize) -> i8;

    /// The scale of each channel.
    fn scales(&self) -> Scales<'_>;

    /// What real 0 becomes.
    fn zero_point(&self) -> i8;

    /// Smallest and largest output.
    fn range(&self) -> [i8; 2];

    /// The codes of neighbouring channels from `channel` on, of accumulators `sums + biases`, up to the
    /// shortest slice.
    #[inline(always)]
    fn requantize_channels(&self, channel: usize, sums: &[i32], biases: &[i32], codes: &Map) {
        for (lane, ((code, sum), bias)) in codes.iter().zip(sums).zip(biases).enumerate() {
            code.set(self.requantize(sum.wrapping_add(*bias), channel + lane));
        }
    }
}

/// Which arithmetic takes an accumulator to its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// That of [`FixedPoint`].
    Fixed,
    /// That of [`Float`].
    Float,
}

/// The scales of a requantization, one a channel, as kernels in assembly read them.
#[derive(Clone, Copy, Debug)]
pub enum Scales<'a> {
    /// Multipliers of [`FixedPoint`].
    Fixed(&'a [i32]),
    /// Factors of [`Float`].
    Float(&'a [f32]),
    /// Scales of [`Mixed`].
    Mixed(&'a [i32]),
}

impl Scales<'_> {
    /// Number of channels.
    #[inline(always)]
    pub fn len(&self) -> usize {
        match self {
            Self::Fixed(scales) | Self::Mixed(scales) => scales.len(),
            Self::Float(factors) => factors.len(),
        }
    }

    /// Whether there is no channel.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The arithmetic of a channel.
    #[inline(always)]
    pub fn form(&self, channel: usize) -> Form {
        match self {
            Self::Fixed(_) => Form::Fixed,
            Self::Float(_) => Form::Float,
            Self::Mixed(scales) if scales.get(channel).is_some_and(|scale| *scale < 0) => {
                Form::Float
            }
            Self::Mixed(_) => Form::Fixed,
        }
    }

    /// The bits of a channel's multiplier or factor; 0, which is no scale, out of range.
    #[inline(always)]
    pub fn bits(&self, channel: usize) -> u32 {
        match self {
            Self::Fixed(multipliers) => multipliers.get(channel).map_or(0, |scale| *scale as u32),
            Self::Float(factors) => factors.get(channel).map_or(0, |scale| scale.to_bits()),
            Self::Mixed(scales) => {
                scales.get(channel).map_or(0, |scale| *scale as u32 & !Mixed::FLOAT)
            }
        }
    }
}

/// The code of `sum` by a scale of this form with these bits.
#[inline(always)]
pub(crate) fn scaled(sum: i32, form: Form, bits: u32, zero_point: i8) -> i8 {
    match form {
        Form::Fixed => fixed_point(sum, bits as i32, zero_point),
        Form::Float => float(sum, f32::from_bits(bits), zero_point),
    }
}

/// The requantization of one channel, before any clamp.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scaling {
    /// Of which form its scale is.
    pub form: Form,
    /// The bits of its scale.
    pub bits: u32,
    /// What real 0 becomes.
    pub zero_point: i8,
}

impl Scaling {
    /// That of `channel`.
    #[inline(always)]
    pub fn of(requantize: &impl Requantize, channel: usize) -> Self {
        let scales = requantize.scales();
        let (form, bits) = (scales.form(channel), scales.bits(channel));
        Self { form, bits, zero_point: requantize.zero_point() }
    }

    /// The code of accumulator `acc`.
    #[inline(always)]
    #[cfg(not(all(native_dsp, native_fpu)))]
    pub fn code(self, acc: i32) -> i8 {
        scaled(acc, self.form, self.bits, self.zero_point)
    }
}

/// Clamps `codes` to `[min, max]`.
#[inline(always)]
pub(crate) fn clamp_codes(codes: &Map, [min, max]: [i8; 2]) {
    if min > i8::MIN || max < i8::MAX {
        codes.iter().for_each(|code| code.set(clamp(code.get(), min, max)));
    }
}

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

/// Integer requantization where a multiplier was found, floating-point in the other channels: nearly all channels of
/// a model whose scales somebody else chose have one, and nearly all such models a channel that has none.
#[derive(Clone, Copy, Debug)]
pub struct Mixed<'a> {
    /// One scale a channel: a multiplier of [`FixedPoint`], or, where negative, the bits of a factor of [`Float`] with
    /// [`Mixed::FLOAT`] set. Channels 2n and 2n + 1 have scales of one form.
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
const fn clamp(value: i8, min: i8, max: i8) -> i8 {
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
        for acc in -100_000..100_000 {
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
