//! `thumbnet simulate`: pictures classified with the firmware's own arithmetic.

mod pictures;
mod set;

use crate::input_shape::InputShapeOption;
use crate::loading::Loading;
use crate::model_file;
use crate::outcome::Outcome;
use crate::tuning::TuningOptions;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use thumbnet_compile::Board;
use thumbnet_simulate::qemu;

const EXAMPLES: &str = "\
Examples:
  thumbnet simulate models/fashion/model.onnx --image shoe.png
  thumbnet simulate models/fashion/model.onnx --data fashion-mnist --json
  thumbnet simulate models/fashion/model.onnx --data fashion-mnist-subset --images 20 --runtime qemu
  thumbnet simulate models/digits/model.onnx --image seven.png --runtime qemu --board qemu-microbit";

/// Arguments of `simulate`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Simulate {
    /// The int8 ONNX file.
    file: PathBuf,
    #[command(flatten)]
    input_shape: InputShapeOption,
    /// Pictures to classify, of any size and colour.
    #[arg(long = "image", value_name = "PICTURE", num_args = 1.., required_unless_present = "data",
          conflicts_with = "data")]
    images: Vec<PathBuf>,
    /// A data set's name or folder: the accuracy over its test part.
    #[arg(long, value_name = "NAME|DIR")]
    data: Option<String>,
    #[command(flatten)]
    loading: Loading,
    /// Only the first N pictures of the test part.
    #[arg(long = "images", value_name = "N", requires = "data")]
    limit: Option<usize>,
    /// How many classes to show for each picture.
    #[arg(long, value_name = "N", default_value_t = 3)]
    top: usize,
    /// Where the network runs. In the emulator the logits and every layer are also compared with the desktop.
    #[arg(long, value_enum, default_value_t = Runtime::Desktop)]
    runtime: Runtime,
    /// The board that the emulator is.
    #[arg(long, value_name = "BOARD", default_value = qemu::BOARD)]
    board: String,
    #[command(flatten)]
    tuning: TuningOptions,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
}

/// Where a network runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Runtime {
    /// The firmware's kernels on the desktop.
    Desktop,
    /// The real firmware in the emulator.
    Qemu,
}

impl Simulate {
    /// The emulated board, if the network runs on one.
    fn board(&self) -> anyhow::Result<Option<Board>> {
        match self.runtime {
            Runtime::Desktop => self.tuning.only_in_emulator().map(|()| None),
            Runtime::Qemu => model_file::board(&self.board, &self.tuning).map(Some),
        }
    }

    pub(crate) fn run(mut self) -> anyhow::Result<Outcome> {
        let _copy = self.input_shape.apply(&mut self.file)?;
        match &self.data {
            Some(source) => set::run(&self, source),
            None => pictures::run(&self),
        }
    }
}
