//! `thumbnet train`: labelled pictures in, a network out.

mod folds;
mod observer;
mod plots;
mod report;
mod sparkline;
mod unlabelled;

use super::data::{augmentation, load_pictures};
use crate::device::DeviceName;
use crate::estimate;
use crate::loading::Loading;
use crate::outcome::Outcome;
use crate::picture_shape::picture_shape;
use crate::preprocessing::PreprocessingOptions;
use crate::report::print_json;
use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
pub(in crate::verb) use observer::{Console, interruption};
use report::Report;
pub(in crate::verb) use report::judge;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use thumbnet_data::Loaded;
use thumbnet_data::augment::Augmentation;
use thumbnet_data::lint::Exclusion;
use thumbnet_train::{Optimizer, Recipe, Start};
use unlabelled::{Joined, Unlabelled};

/// Of AdamW, where nothing else is said.
const USUAL_WEIGHT_DECAY: f64 = 0.01;

/// Share of the pictures held out for `--patience`, where nothing else is said.
const USUAL_HOLD_OUT: f64 = 0.1;

/// The network where none is named.
const USUAL_MODEL: &str = "seed-cnn";

const EXAMPLES: &str = "\
Examples:
  thumbnet train                                   the embedded set, the seed CNN, ten epochs
  thumbnet train --data pictures/ -o models/mine   one folder of pictures a class
  thumbnet train --data fashion-mnist --epochs 20 --seed 7 -o models/fashion
  thumbnet train --augment shift=0.1,flip=true     more to learn from: see `data preview`
  thumbnet train --patience 5 --epochs 50          stops when held-out pictures get no better; keeps the best
  thumbnet train --folds 5                         how sure the accuracy is: mean and spread of five trainings
  thumbnet train --data photos/ --max-bad 2% --picture-memory 64
  thumbnet train --model mobilenet --input 48x48x1 --board nucleo-f446re   refused at once if it does not fit
  thumbnet train --from models/fashion --freeze --data pictures/ -o models/mine   few pictures: only a new last layer
  thumbnet train --data few/ --unlabelled many/ --augment shift=0.1,flip=true -o models/mine   learns from both
  thumbnet train --device wgpu -o models/mine      on a graphics processor, in a build with --features gpu
  thumbnet train --resume -o models/mine           goes on after Ctrl-C, to the same result

One seed gives the same bytes on every run, in any folder and with any number of threads (RAYON_NUM_THREADS), but for
--device wgpu and cuda.";

/// Arguments of `train`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Train {
    /// A data set's name (see `data list`), a folder of IDX or CIFAR files or of class folders of pictures, or a CSV list.
    #[arg(long, value_name = "NAME|DIR", default_value = thumbnet_data::EMBEDDED)]
    data: String,
    /// A built-in network (seed-cnn, lenet5, ds-cnn, mobilenet, mobilenet-0.5, resnet8) or a model.toml [default: seed-cnn, or
    /// that of --from].
    #[arg(long, value_name = "NAME|FILE")]
    model: Option<String>,
    /// The shape of the pictures that the network takes: rows, columns, 1 (grey) or 3 (colour) [default: the recipe's].
    #[arg(long, value_name = "HxWxC", value_parser = picture_shape)]
    input: Option<[usize; 3]>,
    #[command(flatten)]
    preprocessing: PreprocessingOptions,
    /// The folder of a trained network to begin with: all its layers but the last dense one.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Keep what --from gives as it is; only the new last layer learns.
    #[arg(long, requires = "from")]
    freeze: bool,
    /// The board that the network must fit; what it will cost there is said before the first epoch [default:
    /// qemu-mps2-an386].
    #[arg(long, value_name = "BOARD")]
    board: Option<String>,
    /// Where the network learns; wgpu and cuda need a build with --features gpu or cuda.
    #[arg(long, value_enum, default_value = "cpu")]
    device: DeviceName,
    /// Deal every batch out to so many devices of that kind.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u8).range(1..))]
    devices: u8,
    /// Passes over the training pictures [default: the recipe's, 10].
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Pictures a step [default: the recipe's, 32].
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// What turns gradients into steps [default: the recipe's, adam].
    #[arg(long, value_enum)]
    optimizer: Option<OptimizerName>,
    /// Peak learning rate [default: the recipe's].
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// How strongly weights are drawn towards 0 [default: the recipe's, 0; 0.01 with --optimizer adamw].
    #[arg(long, value_name = "SHARE")]
    weight_decay: Option<f64>,
    /// Share of the training pictures that epochs are judged by, so that the best is kept [default: the recipe's, 0].
    #[arg(long, value_name = "SHARE")]
    hold_out: Option<f64>,
    /// Stop after so many epochs that are no better than the best; holds a tenth of the pictures out if nothing else is
    /// said [default: the recipe's, none].
    #[arg(long, value_name = "EPOCHS")]
    patience: Option<usize>,
    /// Where weights and order come from [default: the recipe's, 1].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How training pictures are changed at random, e.g. shift=0.1,rotate=10,flip=true: the fields of
    /// [training.augment] in a model.toml [default: the recipe's].
    #[arg(long, value_name = "FIELD=VALUE,…", value_parser = augmentation)]
    augment: Option<Augmentation>,
    #[command(flatten)]
    unlabelled: Unlabelled,
    #[command(flatten)]
    loading: Loading,
    /// A list of pictures to leave out, as `data lint` writes it.
    #[arg(long, value_name = "FILE")]
    exclude: Option<PathBuf>,
    /// Cut the training pictures into so many parts, judge each by a training on the others, and write nothing.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(2..=100), conflicts_with_all = ["output", "resume", "overwrite", "unlabelled"])]
    folds: Option<u32>,
    /// The model's folder [default: models/ and the network's name].
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Go on with the unfinished training in the model's folder.
    #[arg(long, conflicts_with_all = ["input", "fit", "resize", "turn", "invert", "from", "epochs", "batch", "optimizer", "learning_rate", "weight_decay", "hold_out", "patience", "seed", "augment", "overwrite"])]
    resume: bool,
    /// Replace a finished network in the model's folder.
    #[arg(long)]
    overwrite: bool,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum OptimizerName {
    /// Steps scaled by the gradient's moments; weight decay is part of the gradient.
    Adam,
    /// The same with weight decay apart from the gradient.
    #[value(name = "adamw")]
    AdamW,
    /// Stochastic gradient descent with momentum.
    Sgd,
    /// Plain gradient descent over all pictures at once.
    Gd,
}

impl Train {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let device = self.device.open(self.devices.into())?;
        let mut recipe = self.recipe()?;
        let folder = self.output.clone().unwrap_or_else(|| Path::new("models").join(&recipe.name));
        recipe.check()?;
        let board = estimate::board(self.board.as_deref())?;
        if self.folds.is_none() {
            self.check_folder(&folder)?;
        }
        let Loaded { mut dataset, unreadable, .. } =
            load_pictures(&self.data, &recipe, &self.loading)?;
        if let Some(path) = &self.exclude {
            let count = Exclusion::read(path)?.apply(&mut dataset)?;
            eprintln!("{}: {count} pictures are left out", path.display());
        }
        if !self.json {
            println!("{dataset}");
        }
        let estimate = match &board {
            Some(board) => estimate::before_training(&recipe, &dataset, board)?,
            None => None,
        };
        if let (Some(estimate), false) = (&estimate, self.json) {
            println!("{}", estimate.line());
        }
        let device = device.as_deref();
        if let (Some(device), false) = (device, self.json) {
            println!("learning on {}", device.name());
        }
        let interrupted = Arc::new(AtomicBool::new(false));
        interruption(&interrupted)?;
        let start = Instant::now();
        let mut pseudo_labels = None;
        if let Some(candidates) = self.unlabelled.load(&recipe, &self.loading)? {
            let watch = (&interrupted, self.json);
            let joined = candidates.join(device, &recipe, &dataset, &folder, self.resume, watch)?;
            let Some(Joined { recipe: second, dataset: joined, report }) = joined else {
                eprintln!("{}", candidates.advice(&folder));
                return Ok(Outcome::Good);
            };
            (recipe, dataset, pseudo_labels) = (second, joined, Some(report));
        }
        let mut console = Console::new(interrupted, self.json);
        if let Some(folds) = self.folds {
            let report =
                folds::Report::new(device, &recipe, &dataset, folds as usize, &mut console)?;
            console.finish();
            report.print(self.json)?;
            return Ok(Outcome::Good);
        }
        // The second of two trainings may not have begun when they were stopped.
        let has_begun = pseudo_labels.is_none() || folder.join("weights.safetensors").is_file();
        let trained = if self.resume && has_begun {
            thumbnet_train::resume_on(device, &folder, &dataset, &mut console)?
        } else {
            thumbnet_train::train_on(device, &recipe, &dataset, &folder, &mut console)?
        };
        console.finish();
        let seconds = start.elapsed().as_secs_f64();
        let mut report = Report::of(&trained, &folder, &dataset, seconds)?;
        report.pictures.unreadable = unreadable.len();
        report.plots(&trained).write(&folder.join("plots"))?;
        (report.estimate, report.pseudo_labels) = (estimate, pseudo_labels);
        if self.json {
            print_json(&report)?
        } else {
            report.print(&folder)
        }
        Ok(Outcome::Good)
    }

    /// The recipe with the command line's changes; that of the folder when a training is resumed.
    fn recipe(&self) -> anyhow::Result<Recipe> {
        if self.resume {
            let folder = self.output.as_deref().context("say which training to resume: -o DIR")?;
            return recipe_of(folder, &self.unlabelled.recipe_file(folder));
        }
        let mut recipe = match (&self.model, &self.from) {
            (None, Some(folder)) => {
                recipe_of(folder, &folder.join("model.toml"))?.for_other_classes()
            }
            (name, _) => Recipe::find(name.as_deref().unwrap_or(USUAL_MODEL))?,
        };
        recipe.input.shape = self.input.unwrap_or(recipe.input.shape);
        recipe.input.set_preprocessing(self.preprocessing.over(recipe.input.preprocessing()));
        if let Some(folder) = self.from.clone() {
            recipe.start = Some(Start { folder, freeze: self.freeze, weights: None });
        }
        let training = &mut recipe.training;
        training.epochs = self.epochs.unwrap_or(training.epochs);
        training.batch = self.batch.unwrap_or(training.batch);
        training.seed = self.seed.unwrap_or(training.seed);
        training.learning_rate = self.learning_rate.unwrap_or(training.learning_rate);
        training.augment = self.augment.unwrap_or(training.augment);
        training.optimizer = match self.optimizer {
            Some(OptimizerName::Adam) => Optimizer::Adam,
            Some(OptimizerName::AdamW) => Optimizer::AdamW,
            Some(OptimizerName::Sgd) => Optimizer::Sgd,
            Some(OptimizerName::Gd) => Optimizer::Gd,
            None => training.optimizer,
        };
        training.weight_decay = self.weight_decay.unwrap_or(match self.optimizer {
            Some(OptimizerName::AdamW) if training.weight_decay == 0.0 => USUAL_WEIGHT_DECAY,
            _ => training.weight_decay,
        });
        training.patience = self.patience.or(training.patience);
        training.hold_out = self.hold_out.unwrap_or(match self.patience {
            Some(_) if training.hold_out == 0.0 => USUAL_HOLD_OUT,
            _ => training.hold_out,
        });
        Ok(recipe)
    }

    /// A network that took hours must not be lost to a forgotten `-o`, nor be learned where it cannot be kept.
    fn check_folder(&self, folder: &Path) -> anyhow::Result<()> {
        let holds_network = folder.join("weights.safetensors").exists();
        ensure!(
            self.resume || self.overwrite || !holds_network,
            "{} holds a network already; choose another folder with -o, or say --overwrite (or --resume)",
            folder.display()
        );
        let existing = folder.ancestors().find(|path| path.exists());
        tempfile::tempfile_in(existing.unwrap_or(Path::new("."))).with_context(|| {
            format!("{} cannot be written; choose another folder with -o", folder.display())
        })?;
        Ok(())
    }
}

/// The recipe in the folder of a training.
fn recipe_of(folder: &Path, file: &Path) -> anyhow::Result<Recipe> {
    ensure!(
        file.is_file(),
        "{} is not the folder of a training: there is no model.toml in it",
        folder.display()
    );
    Ok(Recipe::read(file)?)
}
