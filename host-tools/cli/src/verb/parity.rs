//! `thumbnet parity`: every layer's bytes against tract.

use crate::input_shape::InputShapeOption;
use crate::outcome::Outcome;
use crate::reference;
use crate::tuning::TuningOptions;
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use thumbnet_simulate::qemu;

const EXAMPLES: &str = "\
Examples:
  thumbnet parity models/fashion/model.onnx
  thumbnet parity models/fashion/model.onnx --data fashion-mnist --images 10000
  thumbnet parity models/fashion/model.onnx --runtime qemu --images 20";

/// Arguments of `parity`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Parity {
    /// The int8 ONNX file.
    file: PathBuf,
    #[command(flatten)]
    input_shape: InputShapeOption,
    /// Pictures: a data set's name or a folder; its test part is used. Random inputs if left out and no
    /// embedded set has the model's input shape.
    #[arg(long, value_name = "NAME|DIR")]
    data: Option<OsString>,
    /// How many pictures [default: all of the test part].
    #[arg(long, value_name = "N")]
    images: Option<usize>,
    /// Where our side runs.
    #[arg(long, value_enum, default_value_t = Runtime::Simulate)]
    runtime: Runtime,
    /// The board that the emulator is.
    #[arg(long, value_name = "BOARD", default_value = qemu::BOARD)]
    board: String,
    #[command(flatten)]
    tuning: TuningOptions,
    /// Print one JSON document instead of tables.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Runtime {
    /// The firmware's kernels on the desktop.
    Simulate,
    /// The real firmware in the emulator.
    Qemu,
}

impl Parity {
    pub(crate) fn run(mut self) -> anyhow::Result<Outcome> {
        let _copy = self.input_shape.apply(&mut self.file)?;
        let mut arguments: Vec<OsString> = vec!["parity".into(), self.file.into()];
        if let Some(data) = self.data {
            arguments.extend(["--data".into(), data]);
        }
        if let Some(images) = self.images {
            arguments.extend(["--images".into(), images.to_string().into()]);
        }
        match self.runtime {
            Runtime::Simulate => self.tuning.only_in_emulator()?,
            Runtime::Qemu => {
                let board = ["--board".into(), self.board.into()];
                arguments.extend(["--runtime".into(), "qemu".into()].into_iter().chain(board));
            }
        }
        if self.json {
            arguments.push("--json".into());
        }
        reference::run(arguments, &self.tuning.tuning()?)
    }
}
