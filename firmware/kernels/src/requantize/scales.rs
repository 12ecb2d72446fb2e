//! The scales of a requantization as data: what kernels in assembly take.

use super::{Mixed, Requantize, fixed_point, float};

/// Which arithmetic takes an accumulator to its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// That of [`FixedPoint`](super::FixedPoint).
    Fixed,
    /// That of [`Float`](super::Float).
    Float,
}

/// The scales of a requantization, one a channel, as kernels in assembly read them.
#[derive(Clone, Copy, Debug)]
pub enum Scales<'a> {
    /// Multipliers of [`FixedPoint`](super::FixedPoint).
    Fixed(&'a [i32]),
    /// Factors of [`Float`](super::Float).
    Float(&'a [f32]),
    /// Scales of [`Mixed`](super::Mixed).
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
