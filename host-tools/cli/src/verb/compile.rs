//! `thumbnet compile`: the Rust and the weights that a board's firmware is built from.

use crate::input_shape::InputShapeOption;
use crate::model_file;
use crate::outcome::Outcome;
use crate::tuning::TuningOptions;
use crate::verb::inspect::ModelReport;
use anyhow::Context;
use clap::Args;
use std::path::PathBuf;
use thumbnet_compile::{emit, fit};

const EXAMPLES: &str = "\
Examples:
  thumbnet compile models/fashion/model.onnx --board nucleo-f446re
  thumbnet compile models/fashion/model.onnx --board nucleo-f446re -o generated

The build script of every board does the same; this is for reading, and for other firmware:
the module needs only the crate thumbnet-kernels.";

/// Arguments of `compile`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Compile {
    /// The int8 ONNX file.
    file: PathBuf,
    #[command(flatten)]
    input_shape: InputShapeOption,
    /// The board it must fit (a folder's name in firmware/boards).
    #[arg(long, value_name = "BOARD")]
    board: String,
    /// Where to write network.rs and weights.bin; nothing is written if left out.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    #[command(flatten)]
    tuning: TuningOptions,
    /// Print one JSON document instead of tables.
    #[arg(long)]
    json: bool,
}

impl Compile {
    pub(crate) fn run(mut self) -> anyhow::Result<Outcome> {
        let _copy = self.input_shape.apply(&mut self.file)?;
        let board = model_file::board(&self.board, &self.tuning)?;
        let program = model_file::load(&self.file, Some(&board))?;
        let fit = fit(&program, &board)?;
        if let Some(folder) = &self.output {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
            emit(&program).write_to(folder)?;
        }
        ModelReport::of(&program, Some(fit)).print(self.json)?;
        if let (Some(folder), false) = (&self.output, self.json) {
            println!("\nwrote {0}/network.rs and {0}/weights.bin", folder.display());
        }
        Ok(Outcome::Good)
    }
}
