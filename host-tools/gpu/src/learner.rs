//! A network that learns on a device of burn.

use crate::follow::{Following, Rates};
use crate::forward::Dropouts;
use crate::loss::loss;
use crate::network::{Network, StageTensors, tensor, values};
use crate::rule::Rule;
use burn_core::tensor::{Device, ExecutionError, Tensor};
use std::sync::Arc;
use thumbnet_train::{Batch, DeviceStart, Learner, Loss, State, StepRates, TrainError};

/// A network, and what follows its parameters from step to step.
pub(crate) struct BurnLearner {
    /// What the device is called.
    name: String,
    device: Device,
    network: Network,
    following: Vec<Following>,
    rule: Rule,
    loss: Loss,
    clip_norm: Option<f64>,
    steps: u64,
}

/// A batch's logits and gradients.
struct Lesson {
    logits: Tensor<2>,
    gradients: Vec<StageTensors>,
    statistics: Vec<Option<[Tensor<1>; 2]>>,
}

impl BurnLearner {
    /// `device` knows gradients.
    pub fn new(name: String, device: Device, start: DeviceStart<'_>) -> Self {
        let DeviceStart { plan, training, state, steps, frozen } = start;
        let rule = Rule::new(training);
        let network = Network::new(Arc::new(plan.clone()), &state.parameters, frozen, &device);
        let plain = device.clone().inner();
        let stages = plan.stages.iter().enumerate();
        let following = stages
            .map(|(index, stage)| {
                let moments = state.moments.iter();
                let moments =
                    moments.map(|moments| StageTensors::new(stage, &moments[index], &plain));
                let average = state.average.as_ref();
                let average =
                    average.map(|average| StageTensors::new(stage, &average[index], &plain));
                let moments: Vec<StageTensors> = moments.collect();
                Following::new(stage, &rule, &moments, steps, average)
            })
            .collect();
        let (loss, clip_norm) = (training.loss, training.clip_norm);
        device.seed(training.seed.wrapping_add(steps));
        Self { name, device, network, following, rule, loss, clip_norm, steps }
    }

    /// Forward and back.
    fn lesson(&self, batch: &Batch) -> Lesson {
        let (pictures, input) = (batch.pictures, self.network.plan.input);
        let classes = self.network.plan.classes;
        let shape = [pictures, input.h, input.w, input.c];
        let pixels: Tensor<4> = tensor(batch.pixels.clone(), shape, &self.device);
        let targets = tensor(batch.targets.clone(), [pictures, classes], &self.device);
        let counts = tensor(batch.counts.clone(), [pictures], &self.device);
        let outcome = self.network.forward(pixels.permute([0, 3, 1, 2]), Dropouts::Drawn);
        let loss = loss(self.loss, outcome.logits(), targets, counts);
        let gradients = self.network.take_gradients(&mut loss.backward());
        let logits = outcome.logits().inner();
        Lesson { logits, gradients, statistics: outcome.statistics }
    }

    fn failed(&self, error: &ExecutionError) -> TrainError {
        let problem = format!("it failed in step {} ({error})", self.steps + 1);
        TrainError::Device { device: self.name.clone(), problem }
    }

    fn read_state(&self) -> Result<State, ExecutionError> {
        let stages = || self.network.plan.stages.iter().zip(&self.following);
        let average = stages().map(|(stage, following)| following.average(stage));
        let average: Option<Vec<_>> = average.collect::<Result<_, _>>()?;
        let parameters = self.network.parameters()?;
        let count = if self.steps == 0 { 0 } else { self.rule.moments() };
        let mut moments = Vec::new();
        for order in 0..count {
            let of_stage = stages().zip(&parameters);
            let of_stage = of_stage
                .map(|((stage, following), parameters)| following.moment(stage, order, parameters));
            moments.push(of_stage.collect::<Result<_, _>>()?);
        }
        Ok(State { parameters, average, moments })
    }
}

impl Learner for BurnLearner {
    fn learn(&mut self, batch: &Batch, step: &StepRates) -> Result<Vec<f32>, TrainError> {
        let Lesson { logits, mut gradients, statistics } = self.lesson(batch);
        if let Some(longest) = self.clip_norm {
            shorten(&mut gradients, longest);
        }
        let rates = Rates { learning_rate: step.learning_rate, average_share: step.average_share };
        let stages = self.network.stages.iter_mut().zip(&mut self.following);
        for ((own, following), (gradients, statistics)) in
            stages.zip(gradients.into_iter().zip(statistics))
        {
            following.step(&self.rule, &rates, own, gradients);
            if let Some(statistics) = statistics {
                own.follow(statistics);
            }
        }
        let logits = values(logits).map_err(|error| self.failed(&error))?;
        self.steps += 1;
        Ok(logits)
    }

    fn state(&mut self) -> Result<State, TrainError> {
        self.read_state().map_err(|error| self.failed(&error))
    }
}

/// Makes the gradient, over all parameters at once, no longer than this.
fn shorten(gradients: &mut [StageTensors], longest: f64) {
    let squares = |tensors: &StageTensors| {
        let weights = tensors.weights.clone().map(|weights| weights.square().sum());
        let bias = tensors.bias.clone().map(|bias| bias.square().sum());
        weights.into_iter().chain(bias)
    };
    let Some(sum) = gradients.iter().flat_map(squares).reduce(|a, b| a + b) else { return };
    // A gradient of length 0 has a scale without end, which is cut to 1.
    let scale = (sum.sqrt().recip() * longest).clamp_max(1.0);
    for tensors in gradients {
        tensors.weights = tensors.weights.take().map(|weights| weights * scale.clone().unsqueeze());
        tensors.bias = tensors.bias.take().map(|bias| bias * scale.clone());
    }
}
