//! What is suspicious about a data set before anything is learned: blank pictures, duplicates, leakage, imbalance.

mod duplicates;
mod exclude;

pub use duplicates::{NEAR, Pair, duplicates};
pub use exclude::{Exclusion, identities, lines};

use crate::{Dataset, Pictures};
use std::borrow::Cow;

/// Which part of a data set a picture is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// To learn from.
    Train,
    /// To judge by.
    Test,
}

/// One picture of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// Its part.
    pub part: Part,
    /// Its index there.
    pub index: usize,
}

impl Part {
    /// Both, training pictures first.
    pub const BOTH: [Self; 2] = [Self::Train, Self::Test];

    /// The pictures of this part.
    pub fn of(self, dataset: &Dataset) -> &Pictures {
        match self {
            Self::Train => &dataset.train,
            Self::Test => &dataset.test,
        }
    }

    /// `training` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Test => "test",
        }
    }
}

impl At {
    /// Its bytes.
    pub fn picture(self, dataset: &Dataset) -> Cow<'_, [u8]> {
        self.part.of(dataset).picture(self.index)
    }

    /// Its label.
    pub fn label(self, dataset: &Dataset) -> usize {
        self.part.of(dataset).labels[self.index]
    }
}

/// All pictures, training first.
pub fn all(dataset: &Dataset) -> Vec<At> {
    let part = |part: Part| (0..part.of(dataset).len()).map(move |index| At { part, index });
    Part::BOTH.into_iter().flat_map(part).collect()
}

/// A picture whose bytes lie closer together than this shows nothing.
const BLANK_RANGE: u8 = 8;

/// Pictures that show nothing: one tone all over.
pub fn blanks(dataset: &Dataset) -> Vec<At> {
    let is_blank = |at: &At| {
        let picture = at.picture(dataset);
        let bytes = picture.iter();
        let darkest = bytes.clone().min().copied().unwrap_or(0);
        bytes.max().is_none_or(|brightest| brightest - darkest < BLANK_RANGE)
    };
    all(dataset).into_iter().filter(is_blank).collect()
}

/// A class with this many times fewer training pictures than the largest is worth a word.
const IMBALANCE: usize = 3;

/// Classes with few training pictures beside the largest class, each with its count.
pub fn scarce_classes(dataset: &Dataset) -> Vec<(usize, usize)> {
    let counts = dataset.train.class_counts(dataset.classes.len());
    let most = counts.iter().max().copied().unwrap_or(0);
    counts.into_iter().enumerate().filter(|(_, count)| count * IMBALANCE < most).collect()
}

#[cfg(test)]
mod tests;
