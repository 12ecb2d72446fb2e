//! Random numbers whose sequence never changes: PCG with conversions of our own.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

/// A seeded generator.
pub(crate) struct Random(Pcg64);

impl Random {
    /// The generator of `seed`; each `stream` is a sequence of its own.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(Pcg64::new(u128::from(seed), u128::from(stream)))
    }

    /// Uniform in `[low, high)`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        // The upper 53 bits fill an f64's mantissa.
        let unit = (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        low + unit * (high - low)
    }

    /// Uniform in `0..bound`: the upper half of `bound` times 64 random bits, whose bias of `bound / 2^64`
    /// nobody can see.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.0.next_u64()) * bound as u128) >> 64) as usize
    }

    /// Fisher and Yates' shuffle.
    pub fn shuffle(&mut self, items: &mut [u32]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
