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
