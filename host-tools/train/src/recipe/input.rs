//! The tensor a network starts from, and how pictures become it: `[input]` in a recipe.

use super::Recipe;
use super::normalization::{is_no_mean, is_no_std, no_mean, no_std, one_number};
use serde::{Deserialize, Serialize};
use thumbnet_data::{Fit, InputSpec, Preprocessing, Resize, Turn};
use thumbnet_graph::Shape;

/// The tensor a network starts from, and how pictures become it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// `[h, w, c]`, `c` 1 (grey) or 3 (RGB).
    pub shape: [usize; 3],
    /// How a picture of another size meets the input.
    #[serde(default = "stretch", with = "FitName")]
    pub fit: Fit,
    /// How pixels become those of another size.
    #[serde(default, with = "ResizeName", skip_serializing_if = "is_usual")]
    pub resize: Resize,
    /// How far the picture is turned clockwise in the end, in degrees: 0, 90, 180 or 270.
    #[serde(default, with = "turn", skip_serializing_if = "is_usual")]
    pub turn: Turn,
    /// Whether `byte` becomes `255 - byte` (dark strokes on light paper).
    #[serde(default)]
    pub invert: bool,
    /// What is subtracted from `byte / 255`: from 0 to 1, one number for all channels, taken to the nearest 255th.
    #[serde(
        default = "no_mean",
        skip_serializing_if = "is_no_mean",
        deserialize_with = "one_number"
    )]
    pub mean: f64,
    /// What that is divided by: from 0.01 to 1, one number for all channels.
    #[serde(
        default = "no_std",
        skip_serializing_if = "is_no_std",
        deserialize_with = "one_number"
    )]
    pub std: f64,
}

/// The names of [`Fit`].
#[derive(Serialize, Deserialize)]
#[serde(remote = "Fit", rename_all = "kebab-case")]
enum FitName {
    Stretch,
    Crop,
    Pad,
}

/// The names of [`Resize`].
#[derive(Serialize, Deserialize)]
#[serde(remote = "Resize", rename_all = "kebab-case")]
enum ResizeName {
    Area,
    Bilinear,
    Nearest,
}

/// A [`Turn`] as its degrees.
mod turn {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use thumbnet_data::Turn;

    pub(super) fn serialize<S: Serializer>(turn: &Turn, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u16(turn.name().parse().expect("degrees"))
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Turn, D::Error> {
        let degrees = i64::deserialize(from)?.to_string();
        let found = Turn::ALL.into_iter().find(|turn| turn.name() == degrees);
        found.ok_or_else(|| D::Error::custom(format!("{degrees} is none of 0, 90, 180 and 270")))
    }
}

fn stretch() -> Fit {
    Fit::Stretch
}

fn is_usual<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Input {
    /// How pictures become it.
    pub const fn preprocessing(&self) -> Preprocessing {
        let Self { fit, resize, invert, turn, .. } = *self;
        Preprocessing { fit, resize, invert, turn }
    }

    /// From now on pictures become it like this.
    pub const fn set_preprocessing(&mut self, how: Preprocessing) {
        let Preprocessing { fit, resize, invert, turn } = how;
        (self.fit, self.resize, self.invert, self.turn) = (fit, resize, invert, turn);
    }
}

impl Recipe {
    /// What pictures must be turned into for this network.
    pub fn input_spec(&self) -> InputSpec {
        let [h, w, c] = self.input.shape;
        InputSpec::new(Shape::new(h, w, c), self.input.preprocessing())
    }
}
