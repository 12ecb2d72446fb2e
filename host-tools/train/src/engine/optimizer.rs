//! From gradients to steps.

use super::elementwise::vectorized;
use super::real::Real;
use crate::recipe::{Optimizer, Training};

/// Adam's decay of the first and second moments and its guard against division by 0, as in Keras.
const ADAM: Adam = Adam { first: 0.9, second: 0.999, epsilon: 1e-7 };
/// Momentum of `sgd`.
const MOMENTUM: f64 = 0.9;

struct Adam {
    first: f64,
    second: f64,
    epsilon: f64,
}

/// One step's constants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    optimizer: Optimizer,
    pub learning_rate: f64,
    /// What the optimizer makes of it.
    rate: f64,
    /// Share of each weight that is taken away: learning rate times weight decay. 0 for `adam`.
    decay: f64,
    /// What `adam` adds to the gradient of each weight, as a share of it. 0 for the others.
    pull: f64,
    /// Longest gradient, over all parameters at once.
    clip_norm: Option<f64>,
    /// What the gradient is multiplied by.
    gradient_scale: f64,
    /// How much of the way to the new weights their average goes, if there is one.
    pub average_share: Option<f64>,
}

/// A block of one parameter with what the optimizer remembers of it.
pub(crate) struct Block<'a, T> {
    pub values: &'a mut [T],
    pub gradient: &'a [T],
    /// Adam's first moment; momentum's velocity.
    pub first: &'a mut [T],
    /// Adam's second moment.
    pub second: &'a mut [T],
}

/// How many numbers an optimizer remembers of each weight.
pub(crate) fn moments(optimizer: Optimizer) -> usize {
    match optimizer {
        Optimizer::Adam | Optimizer::AdamW => 2,
        Optimizer::Sgd => 1,
        Optimizer::Gd => 0,
    }
}

impl Step {
    /// The step after `done` others at a learning rate.
    pub fn new(training: &Training, learning_rate: f64, done: u64) -> Self {
        let optimizer = training.optimizer;
        let rate = match optimizer {
            // Undoes the moments' bias towards their start at 0.
            Optimizer::Adam | Optimizer::AdamW => {
                let count = (done + 1) as f64;
                let first = 1.0 - libm::pow(ADAM.first, count);
                let second = 1.0 - libm::pow(ADAM.second, count);
                learning_rate * second.sqrt() / first
            }
            Optimizer::Sgd | Optimizer::Gd => learning_rate,
        };
        let [decay, pull] = match optimizer {
            Optimizer::Adam => [0.0, training.weight_decay],
            _ => [learning_rate * training.weight_decay, 0.0],
        };
        let average_share = training.average.map(|keep| 1.0 - average_keep(keep, done));
        let clip_norm = training.clip_norm;
        Self {
            optimizer,
            learning_rate,
            rate,
            decay,
            pull,
            clip_norm,
            gradient_scale: 1.0,
            average_share,
        }
    }

    /// Whether the length of the gradient matters.
    pub fn clips(&self) -> bool {
        self.clip_norm.is_some()
    }

    /// The step for a gradient of this length: shortened to `clip_norm` where it is longer.
    pub fn clipped(self, norm: f64) -> Self {
        let scale = self.clip_norm.map_or(1.0, |longest| (longest / norm).min(1.0));
        Self { gradient_scale: scale, ..self }
    }

    /// Moves a block's values against its gradient. `decays` says whether they shrink as well: weights
    /// do, biases do not.
    pub fn apply<T: Real>(&self, block: Block<'_, T>, decays: bool) {
        let [decay, pull] = if decays { [self.decay, self.pull] } else { [0.0, 0.0] };
        let rates = Rates {
            rate: T::from_f64(self.rate),
            keep: T::from_f64(1.0 - decay),
            pull: T::from_f64(pull),
            scale: T::from_f64(self.gradient_scale),
        };
        match self.optimizer {
            Optimizer::Adam | Optimizer::AdamW => adam(block, rates),
            Optimizer::Sgd => momentum(block, rates),
            Optimizer::Gd => plain(block, rates),
        }
    }
}

/// The decay of the average after `done` steps: smaller at first, so that the random start is soon forgotten.
fn average_keep(keep: f64, done: u64) -> f64 {
    let done = done as f64;
    keep.min((1.0 + done) / (10.0 + done))
}

/// A step's constants as the parameters' numbers.
#[derive(Clone, Copy)]
struct Rates<T> {
    rate: T,
    /// What is left of each value.
    keep: T,
    pull: T,
    /// Of the gradient.
    scale: T,
}

fn adam<T: Real>(block: Block<'_, T>, rates: Rates<T>) {
    let first_share = T::from_f64(1.0 - ADAM.first);
    let second_share = T::from_f64(1.0 - ADAM.second);
    let epsilon = T::from_f64(ADAM.epsilon);
    let Rates { rate, keep, pull, scale } = rates;
    let Block { values, gradient, first, second } = block;
    vectorized(
        #[inline(always)]
        || {
            let moments = first.iter_mut().zip(second.iter_mut());
            for ((value, &gradient), (first, second)) in
                values.iter_mut().zip(gradient).zip(moments)
            {
                let gradient = gradient * scale + *value * pull;
                *first += (gradient - *first) * first_share;
                *second += (gradient * gradient - *second) * second_share;
                *value = *value * keep - rate * *first / (second.sqrt() + epsilon);
            }
        },
    );
}

fn momentum<T: Real>(block: Block<'_, T>, Rates { rate, keep, scale, .. }: Rates<T>) {
    let momentum = T::from_f64(MOMENTUM);
    let Block { values, gradient, first: velocity, .. } = block;
    for ((value, &gradient), velocity) in values.iter_mut().zip(gradient).zip(velocity) {
        *velocity = *velocity * momentum - gradient * scale * rate;
        *value = *value * keep + *velocity;
    }
}

fn plain<T: Real>(block: Block<'_, T>, Rates { rate, keep, scale, .. }: Rates<T>) {
    for (value, &gradient) in block.values.iter_mut().zip(block.gradient) {
        *value = *value * keep - gradient * scale * rate;
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, Step, average_keep};
    use crate::recipe::{Optimizer, Training};

    /// The expected values were computed with 40 decimal digits; f64 rounds each of a few operations.
    const TOLERANCE: f64 = 1e-14;

    /// The values of one parameter that begins at 1, after each of these gradients at rate 0.1.
    fn path(optimizer: Optimizer, weight_decay: f64, gradients: &[f64]) -> Vec<f64> {
        let training = Training { optimizer, weight_decay, ..Training::default() };
        let [mut value, mut first, mut second] = [[1.0], [0.0], [0.0]];
        let step = |(done, &gradient): (usize, &f64)| {
            let block = Block {
                values: &mut value,
                gradient: &[gradient],
                first: &mut first,
                second: &mut second,
            };
            Step::new(&training, 0.1, done as u64).apply(block, true);
            value[0]
        };
        gradients.iter().enumerate().map(step).collect()
    }

    fn assert_path(path: &[f64], expected: &[f64]) {
        assert_eq!(path.len(), expected.len());
        for (value, expected) in path.iter().zip(expected) {
            assert!((value - expected).abs() < TOLERANCE, "{path:?}");
        }
    }

    #[test]
    fn adam_takes_the_steps_of_its_formula() {
        let expected = [0.900_000_632_451_532_1, 0.873_367_079_207_921_7, 0.839_324_352_481_928_3];
        assert_path(&path(Optimizer::Adam, 0.0, &[0.5, -0.25, 0.125]), &expected);
    }

    #[test]
    fn weight_decay_shrinks_weights_apart_from_the_moments() {
        let expected = [0.850_000_632_451_532, 0.780_867_047_585_345_1];
        assert_path(&path(Optimizer::AdamW, 0.5, &[0.5, -0.25]), &expected);
    }

    #[test]
    fn adam_takes_weight_decay_for_a_part_of_the_gradient() {
        // As gradients of 0.5 + 0.5 * 1 and -0.25 + 0.5 * 0.900….
        let expected = [0.900_000_316_226_766, 0.819_696_458_416_401_6];
        assert_path(&path(Optimizer::Adam, 0.5, &[0.5, -0.25]), &expected);
    }

    #[test]
    fn a_gradient_longer_than_the_limit_is_shortened() {
        let training =
            Training { optimizer: Optimizer::Gd, clip_norm: Some(2.0), ..Training::default() };
        let moved = |norm: f64| {
            let mut value = [1.0];
            let block =
                Block { values: &mut value, gradient: &[0.5], first: &mut [], second: &mut [] };
            let step = Step::new(&training, 1.0, 0);
            assert!(step.clips());
            step.clipped(norm).apply(block, true);
            value[0]
        };
        assert_eq!([moved(1.0), moved(2.0), moved(8.0)], [0.5, 0.5, 0.875]);
        assert_eq!(moved(0.0), 0.5);
    }

    #[test]
    fn an_average_forgets_the_start_faster_than_later_weights() {
        let shares = [0, 1, 90, 100_000].map(|done| average_keep(0.999, done));
        assert_eq!(shares, [0.1, 2.0 / 11.0, 0.91, 0.999]);
    }

    #[test]
    fn sgd_keeps_nine_tenths_of_its_velocity() {
        // 1 - 0.05; - (0.045 - 0.025); - (0.018 + 0.0125).
        assert_path(&path(Optimizer::Sgd, 0.0, &[0.5, -0.25, 0.125]), &[0.95, 0.93, 0.8995]);
    }

    #[test]
    fn gd_goes_down_the_gradient() {
        assert_path(&path(Optimizer::Gd, 0.0, &[0.5, -0.25]), &[0.95, 0.975]);
        assert_path(&path(Optimizer::Gd, 0.5, &[0.5]), &[0.9]);
    }

    #[test]
    fn biases_do_not_decay() {
        let training =
            Training { optimizer: Optimizer::Gd, weight_decay: 0.5, ..Training::default() };
        let mut value = [1.0];
        let block = Block { values: &mut value, gradient: &[0.0], first: &mut [], second: &mut [] };
        Step::new(&training, 0.1, 0).apply(block, false);
        assert_eq!(value, [1.0]);
    }
}
