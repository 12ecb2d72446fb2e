//! Weights and optimizer state as safetensors: named f32 arrays that other tools can read.
//!
//! `conv1.weights` is `[oc, kh, kw, ic]`, `dense1.weights` `[units, inputs]`, biases `[oc]`; in a checkpoint
//! `conv1.weights.first_moment` and so on follow.

use crate::engine::Parameters;
use crate::export::{output_channels_first, output_channels_last};
use crate::plan::{Plan, StageKind};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;

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
            let Some(ParameterShape { name, weights, channels }) = shape else { continue };
            let values = output_channels_first(&parameters.weights, channels);
            self.arrays.push((format!("{name}.weights{suffix}"), weights, bytes(&values)));
            let bias = bytes(&parameters.bias);
            self.arrays.push((format!("{name}.bias{suffix}"), vec![channels], bias));
        }
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
            let Some(ParameterShape { name, weights, channels }) = shape else {
                return Ok(Parameters { weights: Vec::new(), bias: Vec::new() });
            };
            let weights = self.array(&format!("{name}.weights{suffix}"), &weights)?;
            let bias = self.array(&format!("{name}.bias{suffix}"), &[channels])?;
            Ok(Parameters { weights: output_channels_last(&weights, channels), bias })
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

struct ParameterShape {
    name: String,
    weights: Vec<usize>,
    channels: usize,
}

/// What the parameters of each stage are called and how large they are; `None` for those without.
fn parameter_shapes(plan: &Plan) -> impl Iterator<Item = Option<ParameterShape>> {
    plan.stages.iter().map(|stage| match &stage.kind {
        StageKind::Conv2d { name, window, filters, .. } => {
            let [kh, kw] = window.kernel;
            let weights = vec![*filters, kh, kw, stage.input.c];
            Some(ParameterShape { name: name.clone(), weights, channels: *filters })
        }
        StageKind::Dense { name, units, .. } => {
            let weights = vec![*units, stage.input.len()];
            Some(ParameterShape { name: name.clone(), weights, channels: *units })
        }
        StageKind::MaxPool2d(_) | StageKind::AveragePool2d(_) | StageKind::Relu { .. } => None,
    })
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
