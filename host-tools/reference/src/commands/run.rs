//! `run`: tensors in, tensors out, by tract.

use super::{Outcome, progress_bar};
use clap::{Args, ValueEnum};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use std::path::PathBuf;
use thumbnet_reference::{Exposed, Mode, Model, ReferenceError};
use thumbnet_simulate::arrays;

const EXAMPLES: &str = "\
Examples:
  thumbnet-reference run models/fashion/model.onnx --inputs x.npy -o y.npy
  thumbnet-reference run models/fashion/model.onnx --inputs x.npy -o y.npy --mode decluttered

The arrays are those that the file's other runtimes take and give: first axis samples, then the shape and the type
that the ONNX file declares. tract computes the int8 logits; a softmax behind them is computed as 'thumbnet run'
computes it on every runtime, so that outputs can be compared with ==.";

/// Run a model with tract on the rows of an .npy file.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Run {
    /// The int8 ONNX file.
    file: PathBuf,
    /// The inputs, .npy.
    #[arg(long, value_name = "X.npy")]
    inputs: PathBuf,
    /// Where the outputs go, .npy.
    #[arg(short, long, value_name = "Y.npy")]
    output: PathBuf,
    /// How far tract takes the model before running it.
    #[arg(long, value_enum, default_value_t = RunMode::Optimized)]
    mode: RunMode,
}

#[derive(Clone, Copy, ValueEnum)]
enum RunMode {
    /// Simplified, in the operators' own terms.
    Decluttered,
    /// Lowered to fast kernels.
    Optimized,
}

impl Run {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let model = Model::open(&self.file)?;
        let mode = match self.mode {
            RunMode::Decluttered => Mode::Decluttered,
            RunMode::Optimized => Mode::Optimized,
        };
        let tract = model.reference(mode, Exposed::Logits)?.tract;
        let rows = arrays::read_inputs(&self.inputs, &model.interface)?;
        let bar = progress_bar(rows.len());
        let logits = rows.par_iter().map(|row| {
            let logits = tract.run(row)?.remove(0);
            bar.inc(1);
            Ok(logits)
        });
        let logits: Vec<_> = logits.collect::<Result<_, ReferenceError>>()?;
        bar.finish_and_clear();
        arrays::write_outputs(&self.output, &model.interface, &logits)?;
        Ok(Outcome::Good)
    }
}
