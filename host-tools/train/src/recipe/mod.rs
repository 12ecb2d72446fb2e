//! A network as data: what `model.toml` says. Layers, input, training options, and what it was trained on.

mod builtin;
mod class_weights;
mod construction;
mod file;
mod input;
mod layers;
mod normalization;
mod pseudo_labels;
mod start;
mod training;

pub use builtin::BUILT_IN;
pub use class_weights::{ClassWeightRule, ClassWeights};
pub use input::Input;
pub use layers::{Activation, Layer, Padding};
pub(crate) use normalization::Levels;
pub use pseudo_labels::{Labelling, PseudoLabels};
pub use start::Start;
pub use training::{Loss, Optimizer, Schedule, Training};

use serde::{Deserialize, Serialize};

/// All that is needed to train a network again: `model.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Name of the network, e.g. `seed-cnn`.
    pub name: String,
    /// Tool and version that wrote the file; empty in one written by hand.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub producer: String,
    /// The tensor the network starts from.
    pub input: Input,
    /// In execution order; the last one gives one logit a class.
    pub layers: Vec<Layer>,
    /// How it learns.
    #[serde(default)]
    pub training: Training,
    /// The trained network whose weights it begins with; absent for a random start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    /// Where pictures came from that it learned without labels of their own; absent if there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pseudo_labels: Option<PseudoLabels>,
    /// What it was trained on; absent in one written by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataOrigin>,
}

/// The pictures a network was trained on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataOrigin {
    /// The data set's name.
    pub name: String,
    /// SHA-256 over shapes, labels and pixels of training and test pictures, in hexadecimal.
    pub digest: String,
    /// Class names in the order of the logits.
    pub classes: Vec<String>,
}
