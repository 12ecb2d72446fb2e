//! `parity`: every layer's bytes against tract.

use super::{Outcome, print, progress_bar, spinner, table};
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use thumbnet_data::{EMBEDDED, InputSpec};
use thumbnet_graph::Shape;
use thumbnet_reference::{Comparison, Inputs, Model, ReferenceError, Side};
use thumbnet_simulate::qemu;

/// Random inputs where nothing is said.
const RANDOM_IMAGES: usize = 100;

/// What to make of differences in a file that Thumbnet did not export.
const FOREIGN: &str = "\
This file was not exported by thumbnet, so its scales are not chosen such that all engines round alike;
engines then differ from each other in rare bytes.
";

const EXAMPLES: &str = "\
Examples:
  thumbnet-reference parity models/fashion/model.onnx
  thumbnet-reference parity models/fashion/model.onnx --data fashion-mnist --images 10000
  thumbnet-reference parity models/fashion/model.onnx --data random --images 50 --seed 7
  thumbnet-reference parity models/fashion/model.onnx --runtime qemu --images 20 --json

Exit codes: 0 every byte is equal, 1 some differ, 2 bad input.";

/// Compare every layer's bytes with tract's, decluttered and optimized.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Parity {
    /// The int8 ONNX file.
    file: PathBuf,
    /// Pictures: a data set's name or a folder, of which the test part is used, or 'random' [default: the
    /// embedded set if it has the model's input shape, else random].
    #[arg(long, value_name = "NAME|DIR")]
    data: Option<String>,
    /// How many pictures [default: all of the test part; 100 random ones].
    #[arg(long, value_name = "N")]
    images: Option<NonZeroUsize>,
    /// Where our side runs.
    #[arg(long, value_enum, default_value_t = Runtime::Simulate)]
    runtime: Runtime,
    /// The board that the emulator is.
    #[arg(long, value_name = "BOARD", default_value = qemu::BOARD)]
    board: String,
    /// Seed of random inputs.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
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
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let model = Model::open(&self.file)?;
        let inputs = self.inputs(&model)?;
        let images = self.count(&inputs)?;
        let sides = self.sides(&model)?;
        let comparison = Comparison::new(model.references()?, &sides)?;
        let bar = progress_bar(images);
        let tally = comparison.run(images, |index| inputs.codes(index), || bar.inc(1))?;
        bar.finish_and_clear();
        let parity = comparison.report(tally, &model.file, &inputs.describe());
        if self.json {
            print(&(serde_json::to_string_pretty(&parity)? + "\n"))?;
        } else {
            print(&table::render(&parity))?;
            if !parity.is_equal() && !model.graph.metadata.producer.starts_with("thumbnet") {
                print(FOREIGN)?;
            }
        }
        Ok(if parity.is_equal() { Outcome::Good } else { Outcome::Different })
    }

    /// Our side. The emulator is one more: where it differs, the desktop tells which byte.
    fn sides(&self, model: &Model) -> anyhow::Result<Vec<Side>> {
        let desktop = || Ok([Side::every_node(&model.graph)?, Side::deployed(&model.graph)?]);
        let desktop: Result<_, ReferenceError> = desktop();
        let mut sides: Vec<_> = desktop.with_context(|| model.file.clone())?.into();
        if let Runtime::Qemu = self.runtime {
            let spinner = spinner("building and starting the firmware");
            let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
            sides.push(Side::firmware(&self.board, &self.file, model, threads)?);
            spinner.finish_and_clear();
        }
        Ok(sides)
    }

    fn inputs(&self, model: &Model) -> anyhow::Result<Inputs> {
        let shape = model.graph.tensor(model.graph.input).shape;
        let is_embedded_shape = shape == Shape::new(28, 28, 1);
        let name = match self.data.as_deref() {
            Some("random") => None,
            None if !is_embedded_shape => None,
            None => Some(EMBEDDED),
            Some(name) => Some(name),
        };
        let Some(name) = name else {
            let count = self.images.map_or(RANDOM_IMAGES, NonZeroUsize::get);
            return Ok(Inputs::Random { seed: self.seed, count, shape });
        };
        let preprocessing = model.graph.metadata.preprocessing.unwrap_or_default();
        let dataset = thumbnet_data::load(name, InputSpec::new(shape, preprocessing))?;
        Ok(Inputs::Pictures {
            name: format!("{}, test part", dataset.name),
            pictures: dataset.test,
        })
    }

    fn count(&self, inputs: &Inputs) -> anyhow::Result<usize> {
        let available = inputs.len();
        let count = self.images.map_or(available, NonZeroUsize::get);
        if count == 0 || count > available {
            bail!(
                "--images: the data ({}) holds {available} pictures, {count} were asked for; \
                 give more data or '--data random'",
                inputs.describe()
            );
        }
        Ok(count)
    }
}
