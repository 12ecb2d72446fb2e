//! What pixels are before the first layer: `(byte / 255 - mean) / std`, one mean and one deviation for all channels.
//!
//! On a device a byte becomes a code by subtracting 128 and nothing else. A mean that is a whole number of 255ths is the
//! byte that stands for 0, so it is that code of the int8 input; the deviation becomes a part of the first weights. Both
//! cost nothing and are exact. A mean for each channel would be neither.

use super::Input;
use crate::error::TrainError;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use std::fmt;

/// How bytes become the values that a network learns from: `(byte - zero_byte) / (255 * std)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Levels {
    /// The byte that is 0.
    pub zero_byte: u8,
    pub std: f64,
}

impl Levels {
    /// `byte / 255`.
    pub const PLAIN: Self = Self { zero_byte: 0, std: 1.0 };

    pub fn value(&self, byte: u8) -> f64 {
        (f64::from(byte) - f64::from(self.zero_byte)) / (255.0 * self.std)
    }
}

impl Input {
    /// The mean to the nearest 255th, which is what is subtracted.
    pub(crate) fn levels(&self) -> Result<Levels, TrainError> {
        let Self { mean, std, .. } = *self;
        if !(0.0..=1.0).contains(&mean) {
            let problem = format!("{mean} is not between 0 and 1: bytes are divided by 255 first");
            return Err(TrainError::Field { field: "input.mean", problem });
        }
        if !(SMALLEST_STD..=1.0).contains(&std) {
            let problem = format!(
                "{std} is not between {SMALLEST_STD} and 1: bytes are divided by 255 first"
            );
            return Err(TrainError::Field { field: "input.std", problem });
        }
        Ok(Levels { zero_byte: (mean * 255.0).round() as u8, std })
    }
}

/// Pictures vary by more than a byte.
const SMALLEST_STD: f64 = 0.01;

pub(super) fn no_mean() -> f64 {
    0.0
}

pub(super) fn no_std() -> f64 {
    1.0
}

pub(super) fn is_no_mean(mean: &f64) -> bool {
    *mean == no_mean()
}

pub(super) fn is_no_std(std: &f64) -> bool {
    *std == no_std()
}

/// A number, or a list of equal ones: what other tools write for each channel.
pub(super) fn one_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    deserializer.deserialize_any(OneNumber)
}

struct OneNumber;

impl<'de> Visitor<'de> for OneNumber {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one number for all channels")
    }

    fn visit_f64<E>(self, number: f64) -> Result<f64, E> {
        Ok(number)
    }

    fn visit_i64<E>(self, number: i64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<f64, A::Error> {
        let mut numbers: Vec<f64> = Vec::new();
        while let Some(number) = list.next_element()? {
            numbers.push(number);
        }
        match &numbers[..] {
            [first, rest @ ..] if rest.iter().all(|number| number == first) => Ok(*first),
            [] => Err(A::Error::custom("an empty list: write one number for all channels")),
            _ => {
                let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
                Err(A::Error::custom(format!(
                    "{numbers:?} has a number for each channel, but a device subtracts the same from every byte: write \
                     one for all, {mean:.3}"
                )))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::recipe::Recipe;

    fn recipe(fields: &str) -> Result<Recipe, String> {
        let text = format!("name = 'x'\nlayers = []\n[input]\nshape = [2, 2, 3]\n{fields}");
        toml::from_str(&text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn values_are_those_of_the_nearest_byte() {
        let input = recipe("mean = 0.449\nstd = [0.226, 0.226, 0.226]").expect("it is right").input;
        let levels = input.levels().expect("in range");
        assert_eq!((levels.zero_byte, levels.std), (114, 0.226));
        assert_eq!(levels.value(114), 0.0);
        assert!((levels.value(255) - (1.0 - 114.0 / 255.0) / 0.226).abs() < 1e-12);
        let plain = recipe("").expect("it is right").input.levels().expect("in range");
        assert!((0..=255).all(|byte| plain.value(byte) == f64::from(byte) / 255.0));
    }

    #[test]
    fn a_number_for_each_channel_is_refused_with_what_to_write() {
        let message = recipe("mean = [0.485, 0.456, 0.406]").expect_err("three means");
        assert!(message.contains("write one for all, 0.449"), "{message}");
        for (fields, word) in
            [("mean = 1.5", "input.mean"), ("std = 0", "input.std"), ("std = nan", "input.std")]
        {
            let input = recipe(fields).expect("it is TOML").input;
            let message = input.levels().expect_err("out of range").to_string();
            assert!(message.contains(word), "{message}");
        }
    }
}
