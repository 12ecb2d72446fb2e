//! The network as its int8 export has it, in floats: weights and biases of the export's codes, every map rounded to the
//! export's levels.

use crate::engine::{EPSILON, Levels};
use crate::error::TrainError;
use crate::export::output_channels_last;
use crate::network::Network;
use crate::plan::{Plan, Stage, StageKind};
use std::collections::HashMap;
use thumbnet_data::{Dataset, Pictures};
use thumbnet_graph::FloatWeights;
use thumbnet_graph::onnx::Form;
use thumbnet_quantize::quantize;

/// Pictures that ranges of activations are taken from: more change nothing that can be measured.
pub const CALIBRATION_PICTURES: usize = 500;

/// The export's weights by the name of their node.
type Weights<'a> = HashMap<&'a str, &'a FloatWeights>;

/// A network whose predictions are those of its int8 export but for the rounding of floats.
#[derive(Clone, Debug)]
pub struct Rounded {
    network: Network,
    levels: Vec<Option<Levels<f32>>>,
}

impl Rounded {
    /// The network as the exporter would write it, with ranges from the data's training pictures.
    ///
    /// # Errors
    /// [`TrainError::Quantization`] if the exporter cannot write it.
    pub fn new(network: &Network, dataset: &Dataset) -> Result<Self, TrainError> {
        let calibration = dataset.train.subset(CALIBRATION_PICTURES);
        let graph = network.to_graph();
        let quantized = quantize(&graph, &calibration.pixels(), Form::QLinear)
            .map_err(|error| TrainError::Quantization { problem: error.to_string() })?;
        let names = graph.tensors.iter().map(|tensor| tensor.name.as_str());
        let levels = names.zip(&quantized.meaning.levels).collect();
        let weights = quantized.meaning.weights.iter();
        let weights = weights.map(|(name, weights)| (name.as_str(), weights)).collect();
        let levels = levels_of(&network.plan, &levels, &weights);
        let mut network = network.clone();
        network.fold();
        network.take_weights(&weights);
        Ok(Self { network, levels })
    }

    /// The logits of each picture, `[n, classes]`.
    pub fn predict_pictures(&self, pictures: &Pictures) -> Vec<f32> {
        self.network.predict_pictures_rounded(pictures, &self.levels)
    }

    /// What every stage's outputs are rounded to.
    pub(crate) fn levels(&self) -> &[Option<Levels<f32>>] {
        &self.levels
    }
}

impl Network {
    /// Makes every normalization part of the convolution before it: what is left of it is the offset.
    pub(crate) fn fold(&mut self) {
        for index in 0..self.plan.stages.len() {
            let Stage { kind: StageKind::BatchNorm { .. }, inputs, .. } = &self.plan.stages[index]
            else {
                continue;
            };
            let maker = inputs[0] - 1;
            let (before, after) = self.parameters.split_at_mut(index);
            let (kernel, norm) = (&mut before[maker], &mut after[0]);
            let channels = norm.bias.len();
            let (mean, variance) = norm.running.split_at(channels);
            let factors: Vec<f64> = norm.weights.iter().zip(variance).map(norm_factor).collect();
            for (at, weight) in kernel.weights.iter_mut().enumerate() {
                *weight = (f64::from(*weight) * factors[at % channels]) as f32;
            }
            let offsets = norm.bias.iter_mut().zip(mean).zip(&factors);
            for ((bias, &mean), factor) in offsets {
                *bias = (f64::from(*bias) - f64::from(mean) * factor) as f32;
            }
            norm.weights.fill(1.0);
            norm.running[..channels].fill(0.0);
            norm.running[channels..].fill((1.0 - EPSILON) as f32);
        }
    }

    /// Replaces kernels and biases by those of the export.
    fn take_weights(&mut self, weights: &Weights<'_>) {
        for (stage, parameters) in self.plan.stages.iter().zip(&mut self.parameters) {
            let (name, kernel, biased) = match &stage.kind {
                StageKind::Conv2d { name, biased, .. }
                | StageKind::DepthwiseConv2d { name, biased, .. } => (name, true, *biased),
                StageKind::Dense { name, .. } => (name, true, true),
                StageKind::BatchNorm { name, .. } => (name, false, true),
                _ => continue,
            };
            let exported = weights[name.as_str()];
            if kernel {
                parameters.weights = output_channels_last(&exported.values, exported.bias.len());
            }
            if biased {
                parameters.bias.clone_from(&exported.bias);
            }
        }
    }
}

/// What a normalization multiplies its channel by.
pub(crate) fn norm_factor((&scale, &variance): (&f32, &f32)) -> f64 {
    f64::from(scale) / (f64::from(variance) + EPSILON).sqrt()
}

/// The levels of each stage's outputs; `None` where no codes stand for them.
fn levels_of(
    plan: &Plan,
    levels: &HashMap<&str, &thumbnet_quantize::Levels>,
    weights: &Weights<'_>,
) -> Vec<Option<Levels<f32>>> {
    let of = |name: &str| {
        let levels = levels.get(name)?;
        Some(Levels::new(levels.step, levels.zero_point))
    };
    let activated = |name: &str, relu: bool| {
        if relu { of(&format!("{name}_relu")) } else { of(name) }
    };
    let stage = |stage: &Stage| match &stage.kind {
        StageKind::Conv2d { pool: Some(pool), .. } => of(&pool.name),
        // The normalization that follows makes what has codes.
        StageKind::Conv2d { biased: false, .. }
        | StageKind::DepthwiseConv2d { biased: false, .. } => None,
        StageKind::Conv2d { name, relu, .. }
        | StageKind::DepthwiseConv2d { name, relu, .. }
        | StageKind::BatchNorm { name, relu }
        | StageKind::Dense { name, relu, .. } => activated(name, *relu),
        StageKind::Add { name, relu } => activated(name, *relu).map(Levels::of_sums),
        StageKind::MaxPool2d(pool) => of(&pool.name),
        StageKind::AveragePool2d(pool) => {
            let gain: f32 = weights[pool.name.as_str()].values[..pool.window.taps()].iter().sum();
            of(&pool.name).map(|levels| levels.after(f64::from(gain)))
        }
        StageKind::Relu { name } | StageKind::Concat { name, .. } => of(name),
        StageKind::Dropout { .. } => None,
    };
    plan.stages.iter().map(stage).collect()
}
