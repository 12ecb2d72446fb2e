//! What quantization did to each layer, as reports show it.

use crate::report::{self, thousands};
use comfy_table::Table;
use serde::Serialize;
use thumbnet_quantize::LayerReport;

/// One layer.
#[derive(Serialize)]
pub(crate) struct Layer {
    pub(crate) node: String,
    op: &'static str,
    /// Signal over quantization noise, in decibels.
    pub(crate) sqnr_db: f64,
    /// Largest relative growth of a weight scale in the search for equal thresholds.
    scale_growth: f64,
    /// Most scales that a channel tried.
    tries: u32,
    /// Largest magnitude that an accumulator can reach.
    accumulator_bound: i64,
}

impl From<LayerReport> for Layer {
    fn from(layer: LayerReport) -> Self {
        let LayerReport { node, op, sqnr_db, scale_growth, tries, accumulator_bound } = layer;
        Self { node, op, sqnr_db, scale_growth, tries, accumulator_bound }
    }
}

/// One row a layer.
pub(crate) fn table(layers: &[Layer]) -> Table {
    let rows = layers.iter().map(|layer| {
        vec![
            layer.node.clone(),
            layer.op.to_owned(),
            format!("{:.1}", layer.sqnr_db),
            format!("{:.1e}", layer.scale_growth),
            layer.tries.to_string(),
            thousands(layer.accumulator_bound.unsigned_abs()),
        ]
    });
    let headers = ["layer", "op", "SQNR (dB)", "scale growth", "tries", "largest accumulator"];
    report::table(&headers, &[2, 3, 4, 5], rows.collect())
}
