//! What a batch is learned from: pictures as they are, or changed at random.

use super::layer::Noise;
use super::loss::{Criterion, Target};
use thumbnet_data::augment::{Augmentation, mix};
use thumbnet_data::{Pictures, Random};

/// Pictures to learn from, and what is to be made small.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lesson<'a> {
    pub pictures: &'a Pictures,
    /// Those that may be learned from.
    pub learned: &'a [u32],
    pub criterion: Criterion,
    /// What a picture of each class counts; empty if all count 1.
    pub class_weights: &'a [f64],
    /// How pictures are changed; `None` for not at all.
    pub changes: Option<Changes>,
    /// Where layers' chance comes from, an epoch.
    pub noise: Noise,
}

/// Changes of one epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Changes {
    pub augmentation: Augmentation,
    pub seed: u64,
    /// From 1.
    pub epoch: u64,
}

impl Lesson<'_> {
    /// Where layers' chance comes from for a chunk that begins with this picture.
    pub fn noise(&self, first: u32) -> Noise {
        Noise { seed: spread(self.noise.seed, first), ..self.noise }
    }

    /// Writes the bytes of picture `index` as it is to be learned; returns what it shows.
    pub fn picture(&self, index: u32, bytes: &mut Vec<u8>) -> Target {
        let label = self.pictures.labels[index as usize];
        bytes.clear();
        bytes.extend_from_slice(&self.pictures.picture(index as usize));
        let target = match self.changes {
            None => Target::only(label),
            Some(changes) => self.change(&changes, index, bytes),
        };
        let weight = |label: usize| self.class_weights.get(label).copied().unwrap_or(1.0);
        let Target { label, other, share, .. } = target;
        Target { weight: share * weight(label) + (1.0 - share) * weight(other), ..target }
    }

    fn change(&self, changes: &Changes, index: u32, bytes: &mut [u8]) -> Target {
        let Changes { augmentation, .. } = changes;
        let shape = self.pictures.shape;
        let random = &mut changes.random(index);
        augmentation.apply(bytes, shape, random);
        let label = self.pictures.labels[index as usize];
        let share = augmentation.own_share(random);
        if share >= 1.0 {
            return Target::only(label);
        }
        let other = self.learned[random.below(self.learned.len())] as usize;
        let mut other_bytes = self.pictures.picture(other).into_owned();
        augmentation.apply(&mut other_bytes, shape, random);
        mix(bytes, &other_bytes, share);
        Target { label, other: self.pictures.labels[other], share, weight: 1.0 }
    }
}

impl Changes {
    /// The generator of one picture in one epoch: the same whichever thread asks, and none that orders pictures,
    /// whose streams are epochs without the shift.
    fn random(&self, index: u32) -> Random {
        Random::new(spread(self.seed, index), self.epoch << 32)
    }
}

impl Noise {
    /// The noise of an epoch, from 1: of streams that neither an order nor changes of pictures use.
    pub fn of_epoch(seed: u64, epoch: u64) -> Self {
        Self { seed, stream: epoch << 32 | 1 << 31 }
    }

    /// The same for one of the stages.
    pub fn of_stage(self, stage: usize) -> Self {
        Self { stream: self.stream + stage as u64, ..self }
    }
}

/// A seed for each picture.
fn spread(seed: u64, index: u32) -> u64 {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15; // 2^64 divided by the golden ratio: neighbours lie far apart
    seed ^ (u64::from(index) + 1).wrapping_mul(SPREAD)
}
