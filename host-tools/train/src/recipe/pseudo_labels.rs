//! What a recipe says about pictures whose labels are another network's word.

use serde::{Deserialize, Serialize};

/// Where such pictures came from: `[pseudo_labels]` in the model.toml that training writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Table")]
pub struct PseudoLabels {
    /// The folder of pictures without labels.
    pub source: String,
    /// How they were labelled.
    #[serde(flatten)]
    pub how: Labelling,
    /// Training pictures with labels of their own; they come first, and only they may be held out.
    pub labelled: usize,
    /// SHA-256 of the data set without the pictures that were labelled, in hexadecimal.
    pub digest: String,
}

/// How pictures without labels get them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Labelling {
    /// How likely a class must be, 0 to 1.
    pub threshold: f64,
    /// How many of the pictures that look most like one have a say in its label; 0 for none.
    pub neighbours: usize,
}

/// The table as it is written: serde cannot both flatten a part and refuse fields that do not exist.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    source: String,
    threshold: f64,
    #[serde(default)]
    neighbours: usize,
    labelled: usize,
    digest: String,
}

impl From<Table> for PseudoLabels {
    fn from(table: Table) -> Self {
        let Table { source, threshold, neighbours, labelled, digest } = table;
        Self { source, how: Labelling { threshold, neighbours }, labelled, digest }
    }
}
