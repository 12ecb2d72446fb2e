//! Weights to begin with: those of a network that has learned something else.

use super::{Layer, Recipe};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A trained network, all of whose layers but the last dense one are taken: `[start]` in a model.toml.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Its folder.
    pub folder: PathBuf,
    /// Whether what is taken stays as it is, and only what follows learns.
    #[serde(default)]
    pub freeze: bool,
    /// SHA-256 of its `weights.safetensors`, in hexadecimal. Training writes it; where it is said before, the weights must
    /// be those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
}

impl Recipe {
    /// The recipe for other pictures than it was trained on: the last dense layer gives one logit a class, however many
    /// those have.
    pub fn for_other_classes(mut self) -> Self {
        self.producer.clear();
        (self.data, self.start, self.pseudo_labels) = (None, None, None);
        let last = self.layers.iter_mut().rev().find_map(|layer| match layer {
            Layer::Dense { units, .. } => Some(units),
            _ => None,
        });
        if let Some(units) = last {
            *units = None;
        }
        self
    }
}
