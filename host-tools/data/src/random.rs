//! Random numbers whose sequence never changes: PCG with conversions of our own.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

/// A seeded generator.
#[derive(Clone, Debug)]
pub struct Random(Pcg64);

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

    /// Uniform in `[-1, 1)`.
    pub fn signed(&mut self) -> f32 {
        self.between(-1.0, 1.0) as f32
    }

    /// Of mean 0 and standard deviation 1 (Box and Muller's method).
    pub fn normal(&mut self) -> f64 {
        let [radius, turn] = [1.0 - self.between(0.0, 1.0), self.between(0.0, 1.0)];
        libm::sqrt(-2.0 * libm::log(radius)) * libm::cos(std::f64::consts::TAU * turn)
    }

    /// From the distribution Beta(`alpha`, `alpha`), `alpha` in (0, 1] (Jöhnk's method).
    pub fn beta(&mut self, alpha: f64) -> f64 {
        loop {
            let [a, b] = [0, 1].map(|_| libm::pow(self.between(0.0, 1.0), 1.0 / alpha));
            if (f64::MIN_POSITIVE..=1.0).contains(&(a + b)) {
                return a / (a + b);
            }
        }
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

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn the_sequence_never_changes() {
        let mut random = Random::new(1, 0);
        let numbers: Vec<usize> = (0..6).map(|_| random.below(1000)).collect();
        assert_eq!(numbers, [442, 27, 684, 639, 223, 959]);
    }

    #[test]
    fn numbers_stay_in_their_range_and_fill_it() {
        let mut random = Random::new(3, 1);
        let mut counts = [0; 5];
        (0..1000).for_each(|_| counts[random.below(5)] += 1);
        assert!(counts.iter().all(|count| (150..250).contains(count)), "{counts:?}");
        let values: Vec<f64> = (0..1000).map(|_| random.between(-2.0, 2.0)).collect();
        assert!(values.iter().all(|value| (-2.0..2.0).contains(value)));
        assert!(values.iter().any(|value| *value < -1.9) && values.iter().any(|v| *v > 1.9));
    }

    #[test]
    fn distributions_have_their_mean_and_spread() {
        let mut random = Random::new(5, 1);
        let spread = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let squares = values.iter().map(|value| (value - mean) * (value - mean));
            [mean, squares.sum::<f64>() / values.len() as f64]
        };
        let normal: Vec<f64> = (0..10_000).map(|_| random.normal()).collect();
        let [mean, variance] = spread(&normal);
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
        for alpha in [0.2, 1.0] {
            let shares: Vec<f64> = (0..10_000).map(|_| random.beta(alpha)).collect();
            assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
            let [mean, variance] = spread(&shares);
            let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0)); // of Beta(alpha, alpha)
            assert!((mean - 0.5).abs() < 0.02 && (variance - expected).abs() < 0.01, "{variance}");
        }
    }

    #[test]
    fn a_shuffle_keeps_every_item_once() {
        let mut items: Vec<u32> = (0..100).collect();
        Random::new(1, 1).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<u32>>());
        let other = items.clone();
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<u32>>());
        let mut again: Vec<u32> = (0..100).collect();
        Random::new(1, 2).shuffle(&mut again);
        assert_ne!(again, other, "another epoch, another order");
    }
}
