//! `thumbnet profile`: what the real firmware costs, measured in the emulator.

use crate::input_shape::InputShapeOption;
use crate::model_file;
use crate::outcome::Outcome;
use crate::report::{print_json, table, thousands};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use thumbnet_compile::{Board, LayerRow, Program, Summary, fit};
use thumbnet_simulate::{boards, elf, qemu};

const EXAMPLES: &str = "\
Examples:
  thumbnet profile models/fashion/model.onnx
  thumbnet profile models/fashion/model.onnx --json
  thumbnet profile models/fashion/model.onnx --board qemu-microbit

Instructions are exact and repeatable; an emulator knows no time, so there are no milliseconds.";

/// Arguments of `profile`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Profile {
    /// The int8 ONNX file.
    file: PathBuf,
    #[command(flatten)]
    input_shape: InputShapeOption,
    /// The board; only emulated ones can be measured without hardware.
    #[arg(long, value_name = "BOARD", default_value = qemu::BOARD)]
    board: String,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    model: String,
    board: String,
    total: Total,
    layers: Vec<Layer>,
}

/// Costs of one inference and of the image.
#[derive(Serialize)]
struct Total {
    instructions: u64,
    macs: u64,
    /// The whole firmware image, console and log included.
    flash_bytes: u64,
    /// Of these, weights, biases and factors.
    weight_bytes: usize,
    /// Activations and scratch.
    ram_bytes: usize,
    /// Static RAM of the whole image, the arena included.
    static_ram_bytes: u64,
    /// Most stack in use, measured by painting.
    stack_bytes: usize,
}

#[derive(Serialize)]
struct Layer {
    instructions: u64,
    instructions_per_mac: Option<f64>,
    #[serde(flatten)]
    row: LayerRow,
}

impl Profile {
    pub(crate) fn run(mut self) -> anyhow::Result<Outcome> {
        let _copy = self.input_shape.apply(&mut self.file)?;
        let board = model_file::board(&self.board)?;
        let program = model_file::load(&self.file, Some(&board))?;
        fit(&program, &board)?;
        let report = measure(&board, &self.file, &program)?;
        if self.json {
            print_json(&report)?
        } else {
            report.print()
        }
        Ok(Outcome::Good)
    }
}

/// Runs the firmware on a grey input: costs do not depend on what is seen.
fn measure(board: &Board, file: &Path, program: &Program) -> anyhow::Result<Report> {
    let image = boards::build(board, file)?;
    let sizes = elf::Image::read(&image)?.sizes();
    let mut emulator = qemu::Emulator::start(board, &image)?;
    let inference = emulator.infer(&vec![0; program.input_shape.len()])?;
    let summary = Summary::of(program);
    let total = Total {
        instructions: inference.cost,
        macs: summary.macs,
        flash_bytes: sizes.flash_bytes(),
        weight_bytes: summary.weight_bytes,
        ram_bytes: summary.arena_bytes,
        static_ram_bytes: sizes.ram_bytes(),
        stack_bytes: inference.stack_bytes,
    };
    let layers =
        summary.layers.into_iter().zip(inference.layer_costs).map(|(row, instructions)| {
            let instructions_per_mac =
                (row.macs > 0).then(|| instructions as f64 / row.macs as f64);
            Layer { instructions, instructions_per_mac, row }
        });
    let layers = layers.collect();
    Ok(Report { model: program.metadata.name.clone(), board: board.name.clone(), total, layers })
}

impl Report {
    fn print(&self) {
        let per_mac =
            |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
        let rows = self.layers.iter().map(|layer| {
            vec![
                layer.row.name.clone(),
                layer.row.op.clone(),
                layer.row.kernel.to_owned(),
                thousands(layer.row.macs),
                thousands(layer.instructions),
                per_mac(layer.instructions_per_mac),
                thousands(layer.row.weight_bytes as u64),
            ]
        });
        let headers = ["layer", "op", "kernel", "MACs", "instructions", "per MAC", "weights (B)"];
        println!("{}", table(&headers, &[3, 4, 5, 6], rows.collect()));
        let total = &self.total;
        println!();
        println!(
            "instructions  {} for {} MACs",
            thousands(total.instructions),
            thousands(total.macs)
        );
        println!(
            "flash         {} B, of which weights {} B",
            thousands(total.flash_bytes),
            thousands(total.weight_bytes as u64)
        );
        println!(
            "RAM           {} B of activations and scratch, {} B of statics in all, {} B of stack",
            thousands(total.ram_bytes as u64),
            thousands(total.static_ram_bytes),
            thousands(total.stack_bytes as u64)
        );
    }
}
