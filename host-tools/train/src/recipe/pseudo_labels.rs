//! What a recipe says about pictures whose labels are another network's word.

use serde::{Deserialize, Serialize};

/// Where such pictures came from: `[pseudo_labels]` in the model.toml that training writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PseudoLabels {
    /// The folder of pictures without labels.
    pub source: String,
    /// How confident the network had to be, 0 to 1.
    pub threshold: f64,
    /// Training pictures with labels of their own; they come first, and only they may be held out.
    pub labelled: usize,
    /// SHA-256 of the data set without the pictures that were labelled, in hexadecimal.
    pub digest: String,
}
