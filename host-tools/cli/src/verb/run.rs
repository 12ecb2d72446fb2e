//! `thumbnet run`: tensors in, tensors out.

use crate::float_sums;
use crate::input_shape::InputShapeOption;
use crate::model_file;
use crate::outcome::Outcome;
use crate::progress::bar;
use crate::reference;
use crate::tuning::TuningOptions;
use anyhow::bail;
use clap::{Args, ValueEnum};
use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};
use std::path::PathBuf;
use thumbnet_compile::Tuning;
use thumbnet_graph::onnx::Numbers;
use thumbnet_simulate::file::FileOutput;
use thumbnet_simulate::{arrays, boards, qemu};

const EXAMPLES: &str = "\
Examples:
  thumbnet run model.onnx --inputs x.npy -o y.npy
  thumbnet run model.onnx --inputs x.npy -o y.npy --runtime qemu
  thumbnet run model.onnx --inputs x.npy -o y.npy --explain   # where onnxruntime differs, and why

The arrays are those that the file's other runtimes take and give: first axis samples, then the shape and the type
that the ONNX file declares.";

/// Arguments of `run`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Run {
    /// The int8 ONNX file.
    file: PathBuf,
    #[command(flatten)]
    input_shape: InputShapeOption,
    /// The inputs, .npy.
    #[arg(long, value_name = "X.npy")]
    inputs: PathBuf,
    /// Where the outputs go, .npy.
    #[arg(short, long, value_name = "Y.npy")]
    output: PathBuf,
    /// What runs the model.
    #[arg(long, value_enum, default_value_t = Runtime::Simulate)]
    runtime: Runtime,
    /// The board that the emulator is.
    #[arg(long, value_name = "BOARD", default_value = qemu::BOARD)]
    board: String,
    /// Also say which accumulators onnxruntime rounds otherwise, because the file sums layers in float; evaluates every
    /// layer twice more.
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    tuning: TuningOptions,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Runtime {
    /// The firmware's kernels on the desktop.
    Simulate,
    /// An independent engine.
    Tract,
    /// The real firmware in the emulator.
    Qemu,
}

impl Run {
    pub(crate) fn run(mut self) -> anyhow::Result<Outcome> {
        let _copy = self.input_shape.apply(&mut self.file)?;
        if self.runtime != Runtime::Qemu {
            self.tuning.only_in_emulator()?;
        }
        if self.runtime == Runtime::Tract {
            let arguments = [
                "run".into(),
                self.file.into(),
                "--inputs".into(),
                self.inputs.into(),
                "-o".into(),
                self.output.into(),
            ];
            return reference::run(arguments, &Tuning::default());
        }
        let (graph, interface) = model_file::open(&self.file)?;
        let inputs = arrays::read_inputs(&self.inputs, &interface)?;
        let output = FileOutput::new(&graph, &interface)?;
        let numbers = match self.runtime {
            Runtime::Qemu => self.of_firmware(&output, &inputs)?,
            _ => on_desktop(&output, &inputs).iter().map(|codes| output.numbers(codes)).collect(),
        };
        arrays::write_numbers(&self.output, &interface.output, &numbers)?;
        if self.explain {
            float_sums::print(&graph, &float_sums::count(&graph, &interface, &inputs));
        }
        Ok(Outcome::Good)
    }

    /// The outputs by the firmware's logits. Those of a file that leaves them in float are made on the desktop, and the
    /// firmware's codes of them must be those that the desktop has.
    fn of_firmware(
        &self,
        output: &FileOutput<'_>,
        inputs: &[Vec<i8>],
    ) -> anyhow::Result<Vec<Numbers>> {
        let logits = self.in_emulator(inputs)?;
        if !output.is_float() {
            return Ok(logits.iter().map(|row| output.numbers(row)).collect());
        }
        let codes = on_desktop(output, inputs);
        let differs =
            logits.iter().zip(&codes).position(|(row, codes)| *row != output.logits(codes));
        match differs {
            None => Ok(codes.iter().map(|codes| output.numbers(codes)).collect()),
            Some(sample) => bail!(
                "sample {sample}: the firmware's logits are not those of the desktop; this is a bug: please report it \
                 with the file"
            ),
        }
    }

    fn in_emulator(&self, inputs: &[Vec<i8>]) -> anyhow::Result<Vec<Vec<i8>>> {
        let board = model_file::board(&self.board, &self.tuning)?;
        let image = boards::build(&board, &self.file)?;
        let mut emulator = qemu::Emulator::start(&board, &image)?;
        let bar = bar(inputs.len() as u64, "samples in the emulator");
        let mut logits = Vec::with_capacity(inputs.len());
        for input in inputs {
            logits.push(emulator.infer_unchecked(input)?.logits);
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(logits)
    }
}

/// The codes that the outputs are made of, by the firmware's kernels on the desktop.
fn on_desktop(output: &FileOutput<'_>, inputs: &[Vec<i8>]) -> Vec<Vec<i8>> {
    let bar = bar(inputs.len() as u64, "samples");
    let codes = inputs
        .par_iter()
        .map_init(
            || output.simulator(),
            |simulator, input| {
                bar.inc(1);
                output.codes(simulator, input)
            },
        )
        .collect();
    bar.finish_and_clear();
    codes
}
