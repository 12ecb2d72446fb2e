//! From gradients to steps, by burn's own optimizers with the trainer's constants.

use burn_core::tensor::Tensor;
use burn_optim::decay::WeightDecayConfig;
use burn_optim::momentum::{Momentum, MomentumConfig, MomentumState};
use burn_optim::{Adam, AdamConfig, AdamState, AdamW, AdamWConfig, AdamWState};
use burn_optim::{AdaptiveMomentumState, Optimizer as _};
use thumbnet_train::{Optimizer, Training};

/// Decay of Adam's first and second moments, and its guard against division by 0.
const ADAM: (f32, f32, f32) = (0.9, 0.999, 1e-7);
/// Of `sgd`.
const MOMENTUM: f64 = 0.9;

/// How parameters move. Biases, scales and offsets do not decay.
pub(crate) enum Rule {
    Adam { weights: Adam, others: Adam },
    AdamW { weights: AdamW, others: AdamW },
    Momentum { momentum: Momentum, decay: f64 },
}

/// What an optimizer remembers of a parameter.
#[derive(Clone, Debug, Default)]
pub(crate) enum Memory<const D: usize> {
    #[default]
    Nothing,
    Moments(Box<AdaptiveMoments<D>>),
    /// The last step along the gradients, momentum included.
    Velocity(Box<Tensor<D>>),
}

/// Adam's.
#[derive(Clone, Debug)]
pub(crate) struct AdaptiveMoments<const D: usize> {
    pub steps: usize,
    pub first: Tensor<D>,
    pub second: Tensor<D>,
}

impl Rule {
    pub fn new(training: &Training) -> Self {
        let decay = training.weight_decay as f32;
        let (first, second, epsilon) = ADAM;
        match training.optimizer {
            Optimizer::Adam => {
                let config = AdamConfig::new().with_beta_1(first).with_beta_2(second);
                let config = config.with_epsilon(epsilon);
                let decaying =
                    config.clone().with_weight_decay(Some(WeightDecayConfig::new(decay)));
                Self::Adam { weights: decaying.build(), others: config.build() }
            }
            Optimizer::AdamW => {
                let config = AdamWConfig::new().with_beta_1(first).with_beta_2(second);
                let config = config.with_epsilon(epsilon).with_weight_decay(0.0);
                let decaying = config.clone().with_weight_decay(decay);
                Self::AdamW { weights: decaying.build(), others: config.build() }
            }
            Optimizer::Sgd | Optimizer::Gd => {
                let config = MomentumConfig::new().with_momentum(MOMENTUM).with_dampening(0.0);
                let momentum = Momentum::new(&config);
                Self::Momentum { momentum, decay: training.weight_decay }
            }
        }
    }

    /// How many numbers are remembered of each weight.
    pub fn moments(&self) -> usize {
        match self {
            Self::Adam { .. } | Self::AdamW { .. } => 2,
            Self::Momentum { .. } => 1,
        }
    }

    /// The values after a step against their gradient. `decays` says whether they shrink where the recipe lets them.
    pub fn step<const D: usize>(
        &self,
        rate: f64,
        decays: bool,
        values: Tensor<D>,
        gradient: Tensor<D>,
        memory: &mut Memory<D>,
    ) -> Tensor<D> {
        match self {
            Self::Adam { weights, others } => {
                let state = memory.adaptive().map(AdamState::new);
                let rule = if decays { weights } else { others };
                let (values, state) = rule.step(rate, values, gradient, state);
                *memory = Memory::of(state.map(|state| state.momentum));
                values
            }
            Self::AdamW { weights, others } => {
                let state = memory.adaptive().map(AdamWState::new);
                let rule = if decays { weights } else { others };
                let (values, state) = rule.step(rate, values, gradient, state);
                *memory = Memory::of(state.map(|state| state.momentum));
                values
            }
            Self::Momentum { momentum, decay } => {
                let state = memory.velocity().map(MomentumState::new);
                // The rate is that of each gradient's own step, also where it is remembered.
                let (velocity, _) = momentum.transform(gradient * rate, state);
                *memory = Memory::Velocity(Box::new(velocity.clone()));
                let keep = if decays { 1.0 - rate * decay } else { 1.0 };
                values * keep - velocity
            }
        }
    }

    /// What is remembered after so many steps, from the moments in the trainer's order; nothing before the first step.
    pub fn remember<const D: usize>(&self, moments: Vec<Tensor<D>>, steps: u64) -> Memory<D> {
        let mut moments = moments.into_iter();
        match (self, moments.next(), moments.next()) {
            (Self::Momentum { .. }, Some(step), None) => Memory::Velocity(Box::new(-step)),
            (Self::Adam { .. } | Self::AdamW { .. }, Some(first), Some(second)) => {
                Memory::Moments(Box::new(AdaptiveMoments { steps: steps as usize, first, second }))
            }
            _ => Memory::Nothing,
        }
    }
}

impl<const D: usize> Memory<D> {
    /// The moments in the trainer's order. Its velocity is added, burn's taken away.
    pub fn moments(&self) -> Vec<Tensor<D>> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Moments(moments) => vec![moments.first.clone(), moments.second.clone()],
            Self::Velocity(velocity) => vec![-(**velocity).clone()],
        }
    }

    fn of(state: Option<AdaptiveMomentumState<D>>) -> Self {
        state.map_or(Self::Nothing, |state| {
            let AdaptiveMomentumState { time, moment_1, moment_2, .. } = state;
            let (first, second) = (moment_1, moment_2);
            Self::Moments(Box::new(AdaptiveMoments { steps: time, first, second }))
        })
    }

    fn adaptive(&mut self) -> Option<AdaptiveMomentumState<D>> {
        let Self::Moments(moments) = std::mem::take(self) else { return None };
        Some(AdaptiveMomentumState::new(moments.steps, moments.first, moments.second))
    }

    fn velocity(&mut self) -> Option<Tensor<D>> {
        let Self::Velocity(velocity) = std::mem::take(self) else { return None };
        Some(*velocity)
    }
}
