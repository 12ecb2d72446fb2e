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
    rate: f64,
    /// Learning rate times weight decay.
    decay: f64,
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
        Optimizer::Adam => 2,
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
            Optimizer::Adam => {
                let count = (done + 1) as f64;
                let first = 1.0 - libm::pow(ADAM.first, count);
                let second = 1.0 - libm::pow(ADAM.second, count);
                learning_rate * second.sqrt() / first
            }
            Optimizer::Sgd | Optimizer::Gd => learning_rate,
        };
        Self { optimizer, rate, decay: learning_rate * training.weight_decay }
    }

    /// Moves a block's values against its gradient. `decays` says whether they shrink as well: weights
    /// do, biases do not.
    pub fn apply<T: Real>(&self, block: Block<'_, T>, decays: bool) {
        let keep = T::from_f64(1.0 - if decays { self.decay } else { 0.0 });
        let rate = T::from_f64(self.rate);
        match self.optimizer {
            Optimizer::Adam => adam(block, rate, keep),
            Optimizer::Sgd => momentum(block, rate, keep),
            Optimizer::Gd => plain(block, rate, keep),
        }
    }
}

fn adam<T: Real>(block: Block<'_, T>, rate: T, keep: T) {
    let first_share = T::from_f64(1.0 - ADAM.first);
    let second_share = T::from_f64(1.0 - ADAM.second);
    let epsilon = T::from_f64(ADAM.epsilon);
    let Block { values, gradient, first, second } = block;
    vectorized(
        #[inline(always)]
        || {
            let moments = first.iter_mut().zip(second.iter_mut());
            for ((value, &gradient), (first, second)) in
                values.iter_mut().zip(gradient).zip(moments)
            {
                *first += (gradient - *first) * first_share;
                *second += (gradient * gradient - *second) * second_share;
                *value = *value * keep - rate * *first / (second.sqrt() + epsilon);
            }
        },
    );
}

fn momentum<T: Real>(block: Block<'_, T>, rate: T, keep: T) {
    let momentum = T::from_f64(MOMENTUM);
    let Block { values, gradient, first: velocity, .. } = block;
    for ((value, &gradient), velocity) in values.iter_mut().zip(gradient).zip(velocity) {
        *velocity = *velocity * momentum - gradient * rate;
        *value = *value * keep + *velocity;
    }
}

fn plain<T: Real>(block: Block<'_, T>, rate: T, keep: T) {
    for (value, &gradient) in block.values.iter_mut().zip(block.gradient) {
        *value = *value * keep - gradient * rate;
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, Step};
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
        assert_path(&path(Optimizer::Adam, 0.5, &[0.5, -0.25]), &expected);
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
