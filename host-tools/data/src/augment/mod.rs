//! Pictures changed a little, each time otherwise: more to learn from where there are few.
//!
//! Everything is drawn from a seeded generator, so one seed gives the same pictures on every run. Sizes stay,
//! and so does the range of bytes.

mod area;
mod tone;
mod warp;

use crate::random::Random;
use serde::{Deserialize, Serialize};
use thumbnet_kernels::geometry::Shape;
use warp::Warp;

/// How far pictures may be changed; all zero and `false` for not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augmentation {
    /// Largest shift in each direction, as a share of the side, up to 0.5.
    pub shift: f32,
    /// Largest rotation to either side, in degrees, up to 180.
    pub rotate: f32,
    /// Largest change of scale, as a share: 0.1 for 0.9 to 1.1 times; up to 0.5.
    pub zoom: f32,
    /// Largest share of the sides that is cut away, at a random place; what is left fills the picture. Up to 0.9.
    pub crop: f32,
    /// Whether half of the pictures are mirrored left to right.
    pub flip: bool,
    /// Largest change of brightness, as a share of the full range, up to 1.
    pub brightness: f32,
    /// Largest change of contrast around middle grey, as a share, up to 1.
    pub contrast: f32,
    /// Standard deviation of the noise on each byte, as a share of the full range, up to 1.
    pub noise: f32,
    /// Share of the pictures that are blurred by the weights 1 2 1 both ways.
    pub blur: f32,
    /// Side of a square that is painted over with the picture's mean, as a share of the shorter side.
    pub cutout: f32,
    /// Pictures are mixed with others, their labels too; the share of the other is drawn from the distribution
    /// Beta(`mixup`, `mixup`). Up to 1: evenly from none to all.
    pub mixup: f32,
}

/// A field of an [`Augmentation`] out of its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{field}: {value} is not between 0 and {largest}; {usual} is a usual one")]
pub struct OutOfRange {
    /// Its name.
    pub field: &'static str,
    /// What it is.
    pub value: f32,
    /// What it may be.
    pub largest: f32,
    /// What to try.
    pub usual: f32,
}

impl Augmentation {
    /// Whether it changes nothing.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Checks every field's range.
    ///
    /// # Errors
    /// [`OutOfRange`] for the first field outside.
    pub fn check(&self) -> Result<(), OutOfRange> {
        let fields = [
            ("shift", self.shift, 0.5, 0.1),
            ("rotate", self.rotate, 180.0, 10.0),
            ("zoom", self.zoom, 0.5, 0.1),
            ("crop", self.crop, 0.9, 0.2),
            ("brightness", self.brightness, 1.0, 0.1),
            ("contrast", self.contrast, 1.0, 0.2),
            ("noise", self.noise, 1.0, 0.03),
            ("blur", self.blur, 1.0, 0.1),
            ("cutout", self.cutout, 1.0, 0.3),
            ("mixup", self.mixup, 1.0, 0.2),
        ];
        for (field, value, largest, usual) in fields {
            if !(0.0..=largest).contains(&value) {
                return Err(OutOfRange { field, value, largest, usual });
            }
        }
        Ok(())
    }

    /// Changes one picture, `[h, w, c]`; mixing is not part of it.
    ///
    /// # Panics
    /// If `picture` is not as long as `shape`.
    pub fn apply(&self, picture: &mut [u8], shape: Shape, random: &mut Random) {
        assert_eq!(picture.len(), shape.len(), "the length of a picture of {shape:?}");
        // Every number is drawn whether it is needed or not, so that one option does not change the others.
        let mut warp = Warp {
            shift: [0, 1].map(|_| self.shift * random.signed()),
            degrees: self.rotate * random.signed(),
            zoom: 1.0 + self.zoom * random.signed(),
            flip: random.signed() < 0.0 && self.flip,
        };
        let [gain, offset] =
            [1.0 + self.contrast * random.signed(), self.brightness * random.signed()];
        let blurred = random.between(0.0, 1.0) < f64::from(self.blur);
        let place = [0, 1].map(|_| random.between(0.0, 1.0) as f32);
        // Drawn only where it is asked for: other recipes give the pictures that they always gave.
        if self.crop > 0.0 {
            warp.crop(self.crop * random.between(0.0, 1.0) as f32, || random.signed());
        }
        if warp.changes() {
            warp.apply(picture, shape);
        }
        if blurred {
            area::blur(picture, shape);
        }
        if gain != 1.0 || offset != 0.0 {
            tone::scale(picture, gain, offset);
        }
        if self.cutout > 0.0 {
            area::cut_out(picture, shape, self.cutout, place);
        }
        if self.noise > 0.0 {
            tone::add_noise(picture, self.noise, random);
        }
    }

    /// The share of this picture when another is mixed in, from a half to 1; 1 without mixing.
    pub fn own_share(&self, random: &mut Random) -> f64 {
        if self.mixup <= 0.0 {
            return 1.0;
        }
        let share = random.beta(f64::from(self.mixup));
        share.max(1.0 - share)
    }
}

/// `share` of `picture` and the rest of `other`, rounded.
pub fn mix(picture: &mut [u8], other: &[u8], share: f64) {
    for (byte, other) in picture.iter_mut().zip(other) {
        let mixed = share * f64::from(*byte) + (1.0 - share) * f64::from(*other);
        *byte = (mixed + 0.5) as u8; // between two bytes, so it saturates nowhere
    }
}

#[cfg(test)]
mod tests;
