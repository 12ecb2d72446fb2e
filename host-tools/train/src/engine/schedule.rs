//! The learning rate of each step.

use crate::recipe::{Schedule, Training};
use std::f64::consts::PI;

/// The one-cycle schedule starts at the peak divided by this …
const ONE_CYCLE_START: f64 = 25.0;
/// … and ends at that start divided by this.
const ONE_CYCLE_END: f64 = 10_000.0;

/// The learning rate of step `step` (from 0) where an epoch has `steps_per_epoch`.
pub(crate) fn learning_rate(training: &Training, step: u64, steps_per_epoch: u64) -> f64 {
    let peak = training.learning_rate;
    let steps = steps_per_epoch * training.epochs as u64;
    match training.schedule {
        Schedule::Constant => peak,
        Schedule::Step { epochs, factor } => {
            let changes = step / (steps_per_epoch * epochs as u64);
            peak * libm::pow(factor, changes as f64)
        }
        Schedule::Cosine => cosine(peak, 0.0, step as f64 / steps as f64),
        Schedule::OneCycle { warm_up } => {
            let start = peak / ONE_CYCLE_START;
            // The last step has the end's rate, unless it is the only one.
            let progress = step as f64 / (steps.max(2) - 1) as f64;
            if progress < warm_up {
                cosine(start, peak, progress / warm_up)
            } else {
                cosine(peak, start / ONE_CYCLE_END, (progress - warm_up) / (1.0 - warm_up))
            }
        }
    }
}

/// Half a cosine wave from one value (progress 0) to another (1).
fn cosine(from: f64, to: f64, progress: f64) -> f64 {
    to + (from - to) * (1.0 + libm::cos(PI * progress)) / 2.0
}

#[cfg(test)]
mod tests {
    use super::learning_rate;
    use crate::recipe::{Schedule, Training};

    /// The expected values are by hand; a few roundings of f64 lie between.
    const TOLERANCE: f64 = 1e-15;

    fn assert_rates(schedule: Schedule, epochs: usize, expected: &[(u64, f64)]) {
        let training = Training { schedule, epochs, learning_rate: 1.0, ..Training::default() };
        for &(step, expected) in expected {
            let rate = learning_rate(&training, step, 7);
            assert!((rate - expected).abs() < TOLERANCE, "{schedule:?}, step {step}: {rate}");
        }
    }

    #[test]
    fn a_constant_rate_stays() {
        assert_rates(Schedule::Constant, 2, &[(0, 1.0), (13, 1.0)]);
    }

    #[test]
    fn steps_fall_after_whole_epochs() {
        let schedule = Schedule::Step { epochs: 2, factor: 0.5 };
        assert_rates(schedule, 5, &[(0, 1.0), (13, 1.0), (14, 0.5), (27, 0.5), (28, 0.25)]);
    }

    #[test]
    fn a_cosine_falls_to_nothing() {
        // A third and two thirds of the half wave: cos 60° and cos 120°.
        assert_rates(Schedule::Cosine, 3, &[(0, 1.0), (7, 0.75), (14, 0.25), (21, 0.0)]);
    }

    #[test]
    fn one_cycle_goes_up_and_down() {
        // 21 steps: up over a quarter of the 20 between the first and the last, from 0.04; down to 0.000004.
        let schedule = Schedule::OneCycle { warm_up: 0.25 };
        let expected = [(0, 0.04), (5, 1.0), (10, 0.750001), (20, 0.000004)];
        assert_rates(schedule, 3, &expected);
        let up = 0.04 + 0.96 * (1.0 - (0.4 * std::f64::consts::PI).cos()) / 2.0;
        assert_rates(schedule, 3, &[(2, up)]);
    }

    #[test]
    fn a_single_step_has_a_rate() {
        let training = Training { epochs: 1, ..Training::default() };
        assert!(learning_rate(&training, 0, 1) > 0.0);
    }
}
