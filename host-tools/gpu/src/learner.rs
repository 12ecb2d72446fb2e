//! A network that learns on a device of burn.

use crate::follow::{Following, Rates};
use crate::network::{Network, StageTensors, values};
use crate::rule::Rule;
use crate::teach::{Lesson, Teacher};
use burn_core::tensor::{Device, ExecutionError};
use std::sync::Arc;
use thumbnet_train::{Batch, DeviceStart, Learner, State, StepRates, TrainError};

/// A network, and what follows its parameters from step to step.
pub(crate) struct BurnLearner {
    /// What the device is called.
    name: String,
    teacher: Teacher,
    network: Network,
    following: Vec<Following>,
    rule: Rule,
    clip_norm: Option<f64>,
    steps: u64,
}

impl BurnLearner {
    /// The devices know gradients; the first of them has the network.
    pub fn new(name: String, devices: &[Device], start: DeviceStart<'_>) -> Self {
        let device = &devices[0];
        let DeviceStart { plan, training, state, steps, frozen } = start;
        let rule = Rule::new(training);
        let network = Network::new(Arc::new(plan.clone()), &state.parameters, frozen, device);
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
        let clip_norm = training.clip_norm;
        for (number, device) in devices.iter().enumerate() {
            device.seed(training.seed.wrapping_add(steps).wrapping_add((number as u64) << 32));
        }
        let teacher = Teacher::new(devices, training.loss);
        Self { name, teacher, network, following, rule, clip_norm, steps }
    }

    fn failed(&self, error: impl std::fmt::Display) -> TrainError {
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
        let Lesson { logits, mut gradients, statistics } =
            self.teacher.teach(&self.network, batch).map_err(|problem| self.failed(problem))?;
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
        let logits = values(logits).map_err(|error| self.failed(error))?;
        self.steps += 1;
        Ok(logits)
    }

    fn state(&mut self) -> Result<State, TrainError> {
        self.read_state().map_err(|error| self.failed(error))
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
