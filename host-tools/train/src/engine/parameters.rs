//! Weights and biases of a stage, and how they begin.

use super::layer::Sizes;
use super::real::Real;
use crate::plan::{Plan, StageKind};
use thumbnet_data::Random;

/// Weights and bias of one stage, or numbers that belong to them one by one; both empty for a pool.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parameters<T> {
    /// `[kh, kw, ic, oc]` of a convolution, `[inputs, units]` of a dense layer.
    pub weights: Vec<T>,
    /// `[oc]`.
    pub bias: Vec<T>,
}

impl<T: Real> Parameters<T> {
    pub fn zeros(sizes: &Sizes) -> Self {
        Self { weights: vec![T::ZERO; sizes.weights], bias: vec![T::ZERO; sizes.bias] }
    }

    pub fn fill_with_zeros(&mut self) {
        self.weights.fill(T::ZERO);
        self.bias.fill(T::ZERO);
    }
}

/// The stream of [`Random`] that weights come from; an epoch's order comes from the stream of its number.
const WEIGHTS_STREAM: u64 = 0;

/// Glorot's uniform start: weights within `± sqrt(6 / (inputs + outputs))` of a tap's sums, biases 0.
pub(crate) fn glorot_uniform<T: Real>(
    plan: &Plan,
    sizes: &[Sizes],
    seed: u64,
) -> Vec<Parameters<T>> {
    let mut random = Random::new(seed, WEIGHTS_STREAM);
    let mut parameters = Vec::with_capacity(sizes.len());
    for (stage, sizes) in plan.stages.iter().zip(sizes) {
        let mut start = Parameters::zeros(sizes);
        let (inputs, outputs) = match &stage.kind {
            StageKind::Conv2d { window, filters, .. } => {
                (window.taps() * stage.input.c, window.taps() * filters)
            }
            StageKind::Dense { units, .. } => (stage.input.len(), *units),
            _ => (0, 0),
        };
        let limit = (6.0 / (inputs + outputs).max(1) as f64).sqrt();
        for weight in &mut start.weights {
            *weight = T::from_f64(random.between(-limit, limit));
        }
        parameters.push(start);
    }
    parameters
}
