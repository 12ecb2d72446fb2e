//! `thumbnet profile`: what the real firmware costs, measured in the emulator.

mod plot;
mod report;

use crate::input_shape::InputShapeOption;
use crate::model_file;
use crate::outcome::Outcome;
use crate::report::print_json;
use crate::tuning::TuningOptions;
use clap::Args;
use report::{Firmware, Layer, Report, Total};
use std::path::{Path, PathBuf};
use thumbnet_compile::{Board, LayerRow, Program, Summary, fit};
use thumbnet_simulate::{boards, elf, qemu};

const EXAMPLES: &str = "\
Examples:
  thumbnet profile models/fashion/model.onnx
  thumbnet profile models/fashion/model.onnx --optimize speed --plot profile.svg
  thumbnet profile models/fashion/model.onnx --kernel pool2=conv2d --json
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
    #[command(flatten)]
    tuning: TuningOptions,
    /// Draw where the instructions go, as SVG.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

impl Profile {
    pub(crate) fn run(mut self) -> anyhow::Result<Outcome> {
        let _copy = self.input_shape.apply(&mut self.file)?;
        let board = model_file::board(&self.board, &self.tuning)?;
        let program = model_file::load(&self.file, Some(&board))?;
        fit(&program, &board)?;
        let (report, firmware) = measure(&board, &self.file, &program)?;
        if let Some(path) = &self.plot {
            let title = format!("{} on {}, {}", program.metadata.name, board.name, board.optimize);
            plot::write(path, &title, &report)?;
        }
        if self.json {
            print_json(&report)?;
        } else {
            report.print(&firmware);
        }
        Ok(Outcome::Good)
    }
}

/// Runs the firmware on a grey input: costs do not depend on what is seen.
fn measure(board: &Board, file: &Path, program: &Program) -> anyhow::Result<(Report, Firmware)> {
    let image = boards::build(board, file)?;
    let sizes = elf::Image::read(&image)?.sizes();
    let mut emulator = qemu::Emulator::start(board, &image)?;
    let inference = emulator.infer_unchecked(&vec![0; program.input_shape.len()])?;
    let bare = qemu::build_bare(board, file)?;
    let summary = Summary::of(program);
    let total = Total {
        instructions: inference.cost,
        flash_bytes: elf::Image::read(&bare)?.sizes().flash_bytes(),
        ram_bytes: summary.arena_bytes,
        stack_bytes: qemu::stack_bytes(board, &bare)?,
    };
    let firmware = Firmware {
        flash_bytes: sizes.flash_bytes(),
        static_ram_bytes: sizes.ram_bytes(),
        stack_bytes: inference.stack_bytes,
        weight_bytes: summary.weight_bytes,
    };
    let layers = summary.layers.into_iter().zip(inference.layer_costs);
    let layers = layers.map(|(row, instructions)| layer(row, instructions)).collect();
    Ok((Report { total, layers }, firmware))
}

fn layer(row: LayerRow, instructions: u64) -> Layer {
    let instructions_per_mac = (row.macs > 0).then(|| instructions as f64 / row.macs as f64);
    let scratch_bytes = row.scratch.map_or(0, |[start, end]| end - start);
    Layer { instructions, instructions_per_mac, scratch_bytes, row }
}
