//! A plan's parameters as burn's tensors.

use crate::layout::{output_channels_first, output_channels_last};
use burn_core as burn; // what derived code calls it
use burn_core::module::{Module, Param};
use burn_core::tensor::{Device, Element, ExecutionError, Tensor, TensorData};
use std::sync::Arc;
use thumbnet_train::{Parameters, Plan, Stage, StageKind};

/// A network on a device of burn.
#[derive(Module, Debug)]
pub struct Network {
    pub(crate) stages: Vec<StageParameters>,
    #[module(skip)]
    pub(crate) plan: Arc<Plan>,
}

/// What a stage has learned. Weights have four dimensions whatever the stage: `[oc, c, kh, kw]` of a convolution,
/// `[1, 1, inputs, units]` of a dense layer, `[1, c, 1, 1]` of a normalization (its scales).
#[derive(Module, Debug)]
pub(crate) struct StageParameters {
    pub weights: Option<Param<Tensor<4>>>,
    pub bias: Option<Param<Tensor<1>>>,
    /// Mean and variance of a normalization's inputs, averaged over batches.
    pub running: Vec<Param<Tensor<1>>>,
    /// Whether it stays as it is.
    #[module(skip)]
    pub frozen: bool,
}

/// Gradients of a loss by a network's parameters.
pub type Gradients = burn_core::tensor::Gradients;

impl Network {
    /// The network with these parameters on a device that knows gradients, in floats of type `T`. The first `frozen` stages
    /// stay as they are: no gradient reaches them, and what normalizes over batches uses its running averages.
    ///
    /// # Panics
    /// If the parameters are not the plan's, or the device knows no gradients.
    pub fn new<T: Element>(
        plan: Arc<Plan>,
        parameters: &[Parameters<T>],
        frozen: usize,
        device: &Device,
    ) -> Self {
        let stages = plan.stages.iter().zip(parameters).enumerate();
        let stages = stages
            .map(|(index, (stage, parameters))| {
                StageParameters::new(stage, parameters, index < frozen, device)
            })
            .collect();
        Self { stages, plan }
    }

    /// What it consists of now, in the trainer's order.
    ///
    /// # Errors
    /// If the device fails to give its values.
    pub fn parameters<T: Element>(&self) -> Result<Vec<Parameters<T>>, ExecutionError> {
        let stages = self.plan.stages.iter().zip(&self.stages);
        stages.map(|(stage, parameters)| parameters.values(stage)).collect()
    }

    /// A loss's gradients by its parameters, in the trainer's order; no numbers where nothing learns.
    ///
    /// # Errors
    /// If the device fails to give its values.
    pub fn gradients<T: Element>(
        &self,
        gradients: &mut Gradients,
    ) -> Result<Vec<Parameters<T>>, ExecutionError> {
        let of_stage = |(stage, own): (&Stage, StageTensors)| own.values(stage);
        self.plan.stages.iter().zip(self.take_gradients(gradients)).map(of_stage).collect()
    }

    /// The same as tensors.
    pub(crate) fn take_gradients(&self, gradients: &mut Gradients) -> Vec<StageTensors> {
        let mut of_stage = |own: &StageParameters| StageTensors {
            weights: own.weights.as_ref().and_then(|weights| weights.grad_remove(gradients)),
            bias: own.bias.as_ref().and_then(|bias| bias.grad_remove(gradients)),
        };
        self.stages.iter().map(&mut of_stage).collect()
    }
}

/// Numbers that belong to a stage's weights and bias one by one, where it has them.
#[derive(Clone, Debug)]
pub(crate) struct StageTensors {
    pub weights: Option<Tensor<4>>,
    pub bias: Option<Tensor<1>>,
}

impl StageTensors {
    pub fn new<T: Element>(stage: &Stage, parameters: &Parameters<T>, device: &Device) -> Self {
        let Parameters { weights, bias, .. } = parameters;
        let weights = weight_shape(stage).map(|shape| {
            let weights = match taps_and_filters(stage) {
                Some((taps, filters)) => output_channels_first(weights, taps, filters),
                None => weights.clone(),
            };
            tensor(weights, shape, device)
        });
        let bias = (!bias.is_empty()).then(|| tensor(bias.clone(), [bias.len()], device));
        Self { weights, bias }
    }

    /// In the trainer's order.
    pub fn values<T: Element>(self, stage: &Stage) -> Result<Parameters<T>, ExecutionError> {
        let weights = self.weights.map(|weights| {
            let weights = values(weights)?;
            Ok::<_, ExecutionError>(match taps_and_filters(stage) {
                Some((taps, filters)) => output_channels_last(&weights, taps, filters),
                None => weights,
            })
        });
        Ok(Parameters {
            weights: weights.transpose()?.unwrap_or_default(),
            bias: self.bias.map(values).transpose()?.unwrap_or_default(),
            running: Vec::new(),
        })
    }
}

impl StageParameters {
    fn new<T: Element>(
        stage: &Stage,
        parameters: &Parameters<T>,
        frozen: bool,
        device: &Device,
    ) -> Self {
        let StageTensors { weights, bias } = StageTensors::new(stage, parameters, device);
        let running = &parameters.running;
        let halves = running.chunks_exact((running.len() / 2).max(1));
        let running = halves
            .map(|half| parameter(tensor(half.to_vec(), [half.len()], device), true))
            .collect();
        Self {
            weights: weights.map(|weights| parameter(weights, frozen)),
            bias: bias.map(|bias| parameter(bias, frozen)),
            running,
            frozen,
        }
    }

    /// Without what gradients need.
    pub fn tensors(&self) -> StageTensors {
        StageTensors {
            weights: self.weights.as_ref().map(|weights| weights.val().inner()),
            bias: self.bias.as_ref().map(|bias| bias.val().inner()),
        }
    }

    fn values<T: Element>(&self, stage: &Stage) -> Result<Parameters<T>, ExecutionError> {
        let mut parameters = self.tensors().values(stage)?;
        for half in &self.running {
            parameters.running.extend(values::<T, 1>(half.val())?);
        }
        Ok(parameters)
    }
}

fn parameter<const D: usize>(values: Tensor<D>, frozen: bool) -> Param<Tensor<D>> {
    Param::from_tensor(values).set_require_grad(!frozen)
}

/// A tensor of floats of type `T`.
pub(crate) fn tensor<T: Element, const D: usize>(
    values: Vec<T>,
    shape: [usize; D],
    device: &Device,
) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), (device, T::dtype()))
}

/// A tensor's numbers, in its order.
pub(crate) fn values<T: Element, const D: usize>(
    tensor: Tensor<D>,
) -> Result<Vec<T>, ExecutionError> {
    Ok(tensor.try_into_data()?.try_to_vec().expect("the tensor was made of this type"))
}

/// Of a stage with weights.
fn weight_shape(stage: &Stage) -> Option<[usize; 4]> {
    match &stage.kind {
        StageKind::Conv2d { window, filters, groups, .. } => {
            Some([*filters, stage.input.c / groups, window.kernel[0], window.kernel[1]])
        }
        StageKind::DepthwiseConv2d { window, .. } => {
            Some([stage.input.c, 1, window.kernel[0], window.kernel[1]])
        }
        StageKind::Dense { units, .. } => Some([1, 1, stage.input.len(), *units]),
        StageKind::BatchNorm { .. } => Some([1, stage.input.c, 1, 1]),
        _ => None,
    }
}

/// Of a convolution, whose weights have another order here.
fn taps_and_filters(stage: &Stage) -> Option<(usize, usize)> {
    match &stage.kind {
        StageKind::Conv2d { window, filters, .. } => Some((window.taps(), *filters)),
        StageKind::DepthwiseConv2d { window, .. } => Some((window.taps(), stage.input.c)),
        _ => None,
    }
}
