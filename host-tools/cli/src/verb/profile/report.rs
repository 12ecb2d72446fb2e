//! What was measured: for machines, and as tables for people.

use crate::report::{table, thousands};
use serde::Serialize;
use thumbnet_compile::LayerRow;

/// The document of `--json`.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) total: Total,
    pub(super) layers: Vec<Layer>,
}

/// Costs of one inference and of the network alone, without console and log.
#[derive(Serialize)]
pub(super) struct Total {
    /// Executed in one inference.
    pub(super) instructions: u64,
    /// Of the bare image: start-up code, kernels, weights.
    pub(super) flash_bytes: u64,
    /// Activations and scratch.
    pub(super) ram_bytes: usize,
    /// Most stack in use in the bare image, measured by painting.
    pub(super) stack_bytes: usize,
}

/// What one layer costs.
#[derive(Serialize)]
pub(super) struct Layer {
    pub(super) instructions: u64,
    pub(super) instructions_per_mac: Option<f64>,
    pub(super) scratch_bytes: usize,
    #[serde(flatten)]
    pub(super) row: LayerRow,
}

/// Costs of the whole firmware, for people only.
pub(super) struct Firmware {
    /// The image with console and log.
    pub(super) flash_bytes: u64,
    /// Statics in all, the arena included.
    pub(super) static_ram_bytes: u64,
    /// Most stack in use, by painting.
    pub(super) stack_bytes: usize,
    /// Weights, biases and factors.
    pub(super) weight_bytes: usize,
}

impl Report {
    /// The table of layers, and the totals below.
    pub(super) fn print(&self, firmware: &Firmware) {
        let headers = [
            "layer",
            "op",
            "kernel",
            "MACs",
            "instructions",
            "per MAC",
            "flash (B)",
            "scratch (B)",
        ];
        let rows = self.layers.iter().map(Layer::cells).collect();
        println!("{}", table(&headers, &[3, 4, 5, 6, 7], rows));
        let total = &self.total;
        let macs: u64 = self.layers.iter().map(|layer| layer.row.macs).sum();
        println!();
        println!("instructions  {} for {} MACs", thousands(total.instructions), thousands(macs));
        println!(
            "flash         {} B, of which weights {} B; {} B with console and log",
            thousands(total.flash_bytes),
            thousands(firmware.weight_bytes),
            thousands(firmware.flash_bytes)
        );
        println!(
            "RAM           {} B of activations and scratch; {} B of statics with console and log",
            thousands(total.ram_bytes),
            thousands(firmware.static_ram_bytes)
        );
        println!(
            "stack         {} B of the inference; {} B with console and log",
            thousands(total.stack_bytes),
            thousands(firmware.stack_bytes)
        );
    }
}

impl Layer {
    fn cells(&self) -> Vec<String> {
        let per_mac = self.instructions_per_mac;
        vec![
            self.row.name.clone(),
            self.row.op.clone(),
            self.row.kernel.to_owned(),
            thousands(self.row.macs),
            thousands(self.instructions),
            per_mac.map_or("-".to_owned(), |value| format!("{value:.2}")),
            thousands(self.row.weight_bytes),
            thousands(self.scratch_bytes),
        ]
    }
}
