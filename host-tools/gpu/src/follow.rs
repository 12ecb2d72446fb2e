//! What goes along with a stage's parameters from step to step: the optimizer's memory and the moving averages.

use crate::network::{StageParameters, StageTensors};
use crate::rule::{Memory, Rule};
use burn_core::module::Param;
use burn_core::tensor::{ExecutionError, Tensor};
use thumbnet_train::{Parameters, Stage, StageKind};

/// Share of a new batch in the running averages of a normalization.
const RUNNING_SHARE: f64 = 0.05;

/// Of one stage.
pub(crate) struct Following {
    weights: Follower<4>,
    bias: Follower<1>,
    /// Whether the weights shrink where the recipe lets them: scales do not.
    decays: bool,
}

/// Of one parameter.
struct Follower<const D: usize> {
    memory: Memory<D>,
    average: Option<Tensor<D>>,
}

/// A step's rates.
pub(crate) struct Rates {
    pub learning_rate: f64,
    pub average_share: Option<f64>,
}

impl Following {
    /// From the moments in the trainer's order, after so many steps.
    pub fn new(
        stage: &Stage,
        rule: &Rule,
        moments: &[StageTensors],
        steps: u64,
        average: Option<StageTensors>,
    ) -> Self {
        let weights = moments.iter().filter_map(|moment| moment.weights.clone()).collect();
        let bias = moments.iter().filter_map(|moment| moment.bias.clone()).collect();
        let (average_weights, average_bias) =
            average.map_or((None, None), |average| (average.weights, average.bias));
        let decays = matches!(
            stage.kind,
            StageKind::Conv2d { .. } | StageKind::DepthwiseConv2d { .. } | StageKind::Dense { .. }
        );
        Self {
            weights: Follower { memory: rule.remember(weights, steps), average: average_weights },
            bias: Follower { memory: rule.remember(bias, steps), average: average_bias },
            decays,
        }
    }

    /// Moves a stage's parameters against their gradients; a frozen stage has none, and its average is what it is.
    pub fn step(
        &mut self,
        rule: &Rule,
        rates: &Rates,
        own: &mut StageParameters,
        gradients: StageTensors,
    ) {
        let decays = self.decays;
        self.weights.step(rule, rates, decays, &mut own.weights, gradients.weights);
        self.bias.step(rule, rates, false, &mut own.bias, gradients.bias);
    }

    /// The averages in the trainer's order, if there are any.
    pub fn average(&self, stage: &Stage) -> Result<Option<Parameters<f32>>, ExecutionError> {
        let has_parameters = stage_has_parameters(stage);
        if has_parameters && self.weights.average.is_none() {
            return Ok(None);
        }
        let tensors =
            StageTensors { weights: self.weights.average.clone(), bias: self.bias.average.clone() };
        tensors.values(stage).map(Some)
    }

    /// One of the optimizer's moments in the trainer's order; zeros where it remembers nothing.
    pub fn moment(
        &self,
        stage: &Stage,
        order: usize,
        parameters: &Parameters<f32>,
    ) -> Result<Parameters<f32>, ExecutionError> {
        let tensors = StageTensors {
            weights: self.weights.memory.moments().into_iter().nth(order),
            bias: self.bias.memory.moments().into_iter().nth(order),
        };
        let mut moment = tensors.values(stage)?;
        moment.weights.resize(parameters.weights.len(), 0.0);
        moment.bias.resize(parameters.bias.len(), 0.0);
        Ok(moment)
    }
}

impl<const D: usize> Follower<D> {
    fn step(
        &mut self,
        rule: &Rule,
        rates: &Rates,
        decays: bool,
        parameter: &mut Option<Param<Tensor<D>>>,
        gradient: Option<Tensor<D>>,
    ) {
        let Some(now) = parameter.take() else { return };
        let before = now.val().inner();
        if rates.average_share.is_some() && self.average.is_none() {
            self.average = Some(before.clone());
        }
        let Some(gradient) = gradient else {
            *parameter = Some(now);
            return;
        };
        let rate = rates.learning_rate;
        let after = rule.step(rate, decays, before, gradient, &mut self.memory);
        if let (Some(share), Some(average)) = (rates.average_share, self.average.take()) {
            self.average = Some(average.clone() + (after.clone() - average) * share);
        }
        *parameter = Some(now.map(|_| Tensor::from_inner(after).require_grad()));
    }
}

impl StageParameters {
    /// Moves a normalization's running averages towards a batch's mean and variance.
    pub fn follow(&mut self, statistics: [Tensor<1>; 2]) {
        let running = std::mem::take(&mut self.running);
        let follow = |(average, of_batch): (Param<Tensor<1>>, Tensor<1>)| {
            average.map(|average| {
                let average = average.inner();
                let after = average.clone() + (of_batch.inner() - average) * RUNNING_SHARE;
                Tensor::from_inner(after).set_require_grad(false)
            })
        };
        self.running = running.into_iter().zip(statistics).map(follow).collect();
    }
}

fn stage_has_parameters(stage: &Stage) -> bool {
    matches!(
        stage.kind,
        StageKind::Conv2d { .. }
            | StageKind::DepthwiseConv2d { .. }
            | StageKind::Dense { .. }
            | StageKind::BatchNorm { .. }
    )
}
