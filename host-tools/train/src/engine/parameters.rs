//! Weights and biases of a stage, and how they begin.

use super::layer::Sizes;
use super::real::Real;
use crate::plan::{Plan, StageKind};
use thumbnet_data::Random;

/// Weights and bias of one stage, or numbers that belong to them one by one; both empty for a pool.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters<T> {
    /// `[kh, kw, ic / groups, oc]` of a convolution, `[kh, kw, c]` of a depthwise one, `[inputs, units]` of a dense layer, `[c]` of a normalization (its scale).
    pub weights: Vec<T>,
    /// `[oc]`; empty if a normalization follows.
    pub bias: Vec<T>,
    /// Mean and variance `[2, c]` of a normalization's inputs, averaged over batches: never learned, so empty in
    /// gradients and moments.
    pub running: Vec<T>,
}

impl<T: Copy + Default> Parameters<T> {
    /// Room for what belongs to learned numbers one by one.
    pub(crate) fn zeros(sizes: &Sizes) -> Self {
        let zeros = |len| vec![T::default(); len];
        Self { weights: zeros(sizes.weights), bias: zeros(sizes.bias), running: Vec::new() }
    }

    pub(crate) fn fill_with_zeros(&mut self) {
        self.weights.fill(T::default());
        self.bias.fill(T::default());
    }
}

/// The parameters of the network to be evaluated and kept: the averages, if there are any.
pub(crate) fn averaged<T: Clone>(
    now: &[Parameters<T>],
    average: Option<Vec<&Parameters<T>>>,
) -> Vec<Parameters<T>> {
    let Some(average) = average else { return now.to_vec() };
    // What follows batches is an average already.
    let stages = average.into_iter().zip(now);
    stages
        .map(|(average, now)| Parameters { running: now.running.clone(), ..average.clone() })
        .collect()
}

/// The stream of [`Random`] that weights come from; an epoch's order comes from the stream of its number.
const WEIGHTS_STREAM: u64 = 0;

/// Glorot's uniform start: weights within `± sqrt(6 / (inputs + outputs))` of a tap's sums, biases 0. A normalization
/// begins with scale 1, as if its inputs had mean 0 and variance 1.
pub(crate) fn start<T: Real>(plan: &Plan, sizes: &[Sizes], seed: u64) -> Vec<Parameters<T>> {
    let mut random = Random::new(seed, WEIGHTS_STREAM);
    let mut parameters = Vec::with_capacity(sizes.len());
    for (stage, sizes) in plan.stages.iter().zip(sizes) {
        let mut start = Parameters::zeros(sizes);
        let (inputs, outputs) = match &stage.kind {
            StageKind::Conv2d { window, filters, groups, .. } => {
                (window.taps() * stage.input.c / groups, window.taps() * filters / groups)
            }
            StageKind::DepthwiseConv2d { window, .. } => (window.taps(), window.taps()),
            StageKind::Dense { units, .. } => (stage.input.len(), *units),
            StageKind::BatchNorm { .. } => {
                start.weights.fill(T::from_f64(1.0));
                let channels = stage.input.c;
                start.running = vec![T::ZERO; 2 * channels];
                start.running[channels..].fill(T::from_f64(1.0));
                parameters.push(start);
                continue;
            }
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
