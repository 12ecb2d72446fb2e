//! Weights and optimizer state as safetensors: named f32 arrays that other tools can read.
//!
//! `conv1.weights` is `[oc, kh, kw, ic / groups]` (`[c, kh, kw, 1]` where each channel is on its own), `dense1.weights`
//! `[units, inputs]`, biases `[oc]`. A batch normalization has `conv1_norm.weights` (scales) and `conv1_norm.bias`
//! (offsets), `[c]`, and `conv1_norm.running`, mean and variance `[2, c]`. In a checkpoint `conv1.weights.first_moment`
//! and so on follow.

use crate::engine::Parameters;
use crate::export::{output_channels_first, output_channels_last};
use crate::plan::{Plan, StageKind};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;
use std::fmt;

/// The one key of the files' metadata: a JSON text. (Several keys would be written in any order.)
const METADATA_KEY: &str = "thumbnet";

/// Arrays to be written to a file.
#[derive(Default)]
pub(crate) struct Tensors {
    arrays: Vec<(String, Vec<usize>, Vec<u8>)>,
}

impl Tensors {
    /// Adds the weights and biases of all stages, or what belongs to them, under names that end in `suffix`.
    pub fn add(&mut self, plan: &Plan, parameters: &[&Parameters<f32>], suffix: &str) {
        for (shape, parameters) in parameter_shapes(plan).zip(parameters) {
            let Some(shape) = shape else { continue };
            let values = output_channels_first(&parameters.weights, shape.channels);
            self.push(&shape, "weights", suffix, &values);
            if shape.biased {
                self.push(&shape, "bias", suffix, &parameters.bias);
            }
            if !parameters.running.is_empty() {
                self.push(&shape, "running", suffix, &parameters.running);
            }
        }
    }

    fn push(&mut self, shape: &ParameterShape, what: &str, suffix: &str, values: &[f32]) {
        let name = format!("{}.{what}{suffix}", shape.name);
        self.arrays.push((name, shape.of(what), bytes(values)));
    }

    /// The file's bytes, with a JSON text as metadata.
    pub fn to_bytes(&self, metadata: String) -> Vec<u8> {
        let views = self.arrays.iter().map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes)
                .expect("as many bytes as the shape says");
            (name, view)
        });
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), metadata)]);
        safetensors::serialize(views, Some(metadata)).expect("the arrays are whole")
    }
}

/// A file of arrays that has been read, not yet trusted.
pub(crate) struct ReadTensors<'a> {
    tensors: SafeTensors<'a>,
    /// The JSON text, empty if there is none.
    pub metadata: String,
}

impl<'a> ReadTensors<'a> {
    pub fn new(bytes: &'a [u8]) -> Result<Self, String> {
        let problem = |error| format!("not a safetensors file ({error})");
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(problem)?;
        let metadata = header.metadata().as_ref().and_then(|all| all.get(METADATA_KEY)).cloned();
        let tensors = SafeTensors::deserialize(bytes).map_err(problem)?;
        Ok(Self { tensors, metadata: metadata.unwrap_or_default() })
    }

    /// The weights and biases of all stages, or what belongs to them.
    pub fn parameters(&self, plan: &Plan, suffix: &str) -> Result<Vec<Parameters<f32>>, String> {
        let stage = |shape: Option<ParameterShape>| {
            let mut parameters =
                Parameters { weights: Vec::new(), bias: Vec::new(), running: Vec::new() };
            let Some(shape) = shape else { return Ok(parameters) };
            let array =
                |what| self.array(&format!("{}.{what}{suffix}", shape.name), &shape.of(what));
            parameters.weights = output_channels_last(&array("weights")?, shape.channels);
            if shape.biased {
                parameters.bias = array("bias")?;
            }
            if shape.normalizes && suffix.is_empty() {
                parameters.running = array("running")?;
            }
            Ok(parameters)
        };
        parameter_shapes(plan).map(stage).collect()
    }

    fn array(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let view = self.tensors.tensor(name).map_err(|_| format!("there is no array `{name}`"))?;
        if view.dtype() != Dtype::F32 || view.shape() != shape {
            let (dtype, found) = (view.dtype(), view.shape());
            return Err(format!(
                "`{name}` is {dtype:?} {found:?}, but the recipe beside it needs F32 {shape:?}"
            ));
        }
        let (values, _) = view.data().as_chunks::<4>();
        let values: Vec<f32> = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        if values.iter().all(|value| value.is_finite()) {
            Ok(values)
        } else {
            Err(format!("`{name}` holds values that are not finite numbers"))
        }
    }
}

/// What the parameters of a stage are called, and their shapes.
#[derive(Debug, PartialEq)]
pub(crate) struct ParameterShape {
    name: String,
    weights: Vec<usize>,
    channels: usize,
    biased: bool,
    normalizes: bool,
}

/// `conv2 of 64x3x3x32 weights`.
impl fmt::Display for ParameterShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> = self.weights.iter().map(usize::to_string).collect();
        let bias = if self.biased { "" } else { " without bias" };
        write!(f, "{} of {} weights{bias}", self.name, sizes.join("x"))
    }
}

impl ParameterShape {
    fn of(&self, what: &str) -> Vec<usize> {
        match what {
            "weights" => self.weights.clone(),
            "bias" => vec![self.channels],
            _ => vec![2, self.channels],
        }
    }
}

/// The parameters of each stage; `None` for those without.
pub(crate) fn parameter_shapes(plan: &Plan) -> impl Iterator<Item = Option<ParameterShape>> {
    plan.stages.iter().map(|stage| {
        let (name, weights, biased) = match &stage.kind {
            StageKind::Conv2d { name, window, filters, groups, biased, .. } => {
                let [kh, kw] = window.kernel;
                (name.clone(), vec![*filters, kh, kw, stage.input.c / groups], *biased)
            }
            StageKind::DepthwiseConv2d { name, window, biased, .. } => {
                let [kh, kw] = window.kernel;
                (name.clone(), vec![stage.input.c, kh, kw, 1], *biased)
            }
            StageKind::BatchNorm { name, .. } => {
                (format!("{name}_norm"), vec![stage.input.c], true)
            }
            StageKind::Dense { name, units, .. } => {
                (name.clone(), vec![*units, stage.input.len()], true)
            }
            StageKind::MaxPool2d(_)
            | StageKind::AveragePool2d(_)
            | StageKind::Relu { .. }
            | StageKind::Dropout { .. }
            | StageKind::Add { .. }
            | StageKind::Concat { .. } => return None,
        };
        let normalizes = matches!(stage.kind, StageKind::BatchNorm { .. });
        Some(ParameterShape { name, channels: weights[0], weights, biased, normalizes })
    })
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
