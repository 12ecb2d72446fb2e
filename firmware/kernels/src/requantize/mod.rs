//! The one place where rounding is defined: from an i32 accumulator to an int8 activation.
//!
//! Two forms. [`FixedPoint`] is integer only and costs two or three instructions on ARMv7E-M; the
//! compiler selects it where it has proved, per channel, that its 255 thresholds are those of the
//! f32 form. [`Float`] is that f32 form, ONNX's own definition, exact for any scale. [`Mixed`] has a form a channel.

mod fixed_point;
mod float;
mod mixed;
mod rounding;
mod scales;

pub use fixed_point::FixedPoint;
pub use float::Float;
pub use mixed::Mixed;
pub use rounding::{Rounding, fixed_point, float, round_half_even};
pub use scales::{Form, Scales};
pub(crate) use scales::{Scaling, scaled};

use crate::map::Map;
use rounding::clamp;

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

/// Clamps `codes` to `[min, max]`.
#[inline(always)]
pub(crate) fn clamp_codes(codes: &Map, [min, max]: [i8; 2]) {
    if min > i8::MIN || max < i8::MAX {
        codes.iter().for_each(|code| code.set(clamp(code.get(), min, max)));
    }
}
