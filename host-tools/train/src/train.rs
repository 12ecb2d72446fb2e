//! Trainings from their start and from a checkpoint: what data and recipe must be for it.

use crate::checkpoint::{self, Checkpoint};
use crate::engine::Engine;
use crate::error::TrainError;
use crate::export::PRODUCER;
use crate::folder::Folder;
use crate::learner::{self, Device, Learner, Learning, Start, State};
use crate::network::Network;
use crate::observer::{EpochResult, Observer};
use crate::recipe::{DataOrigin, Layer, Optimizer, Recipe};
use crate::session::{Data, Session};
use crate::split::Split;
use crate::transfer;
use crate::verdict::{is_over, kept_epoch};
use std::path::Path;
use thumbnet_data::Dataset;
use thumbnet_graph::Shape;

/// A network that has learned, and how it went.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The network as of [`Self::kept_epoch`].
    pub network: Network,
    /// One result for each complete epoch.
    pub history: Vec<EpochResult>,
}

impl Trained {
    /// Whether all of the recipe's epochs are done, or its patience has ended.
    pub fn is_finished(&self) -> bool {
        is_over(&self.network.recipe.training, &self.history)
    }

    /// The epoch that the network is from, from 1: the best on the held-out pictures, or the last if there are none.
    pub fn kept_epoch(&self) -> usize {
        kept_epoch(&self.network.recipe.training, &self.history)
    }
}

/// Trains a network, from its random start or the weights that the recipe's [`Recipe::start`] names, and keeps it in `folder`.
///
/// Nothing in the folder changes before the first epoch is complete. After each epoch it holds `model.toml` (the recipe
/// with data and tool version), `weights.safetensors`, `history.jsonl`, and `checkpoint.safetensors`, which
/// [`resume`] goes on from and which is removed when the last epoch is done. All bytes depend on recipe and data alone.
///
/// If the observer stops the training, the result is that of the last complete epoch.
///
/// # Errors
/// If the recipe or the data do not fit, a file cannot be written, the loss stops being a number, or the observer
/// stops before the first epoch is complete. Checkpoints already written stay.
pub fn train(
    recipe: &Recipe,
    dataset: &Dataset,
    folder: &Path,
    observer: &mut dyn Observer,
) -> Result<Trained, TrainError> {
    train_on(None, recipe, dataset, folder, observer)
}

/// As [`train`], on a device in place of this machine's cores. What it computes is not the same from run to run, nor on
/// every device.
///
/// # Errors
/// As [`train`]; if the device cannot learn what the recipe wants, is not there, or fails.
pub fn train_on(
    device: Option<&dyn Device>,
    recipe: &Recipe,
    dataset: &Dataset,
    folder: &Path,
    observer: &mut dyn Observer,
) -> Result<Trained, TrainError> {
    if let Some(device) = device {
        learner::check(recipe, device)?;
    }
    let recipe = complete(recipe, dataset);
    let mut network = Network::new(&recipe, &dataset.classes)?;
    check_data(&recipe, network.input(), dataset)?;
    let data = data(&recipe, dataset)?;
    transfer::begin(&mut network)?;
    let folder = Folder::create(folder)?;
    let batch = batch_size(&recipe, data.split.learned.len());
    network.plan.check_batch(batch)?;
    let parameters = network.parameters.clone();
    let learning = match device {
        Some(device) => Learning::Device(begin(device, &network, State::new(parameters), 0)?),
        None => {
            let mut engine = Engine::new(&network.plan, parameters, batch);
            engine.freeze(transfer::frozen_stages(&network));
            Learning::Engine(Box::new(engine))
        }
    };
    let (steps, history) = (0, Vec::new());
    Session { network, learning, folder, data, batch, steps, history }.run(observer)
}

/// Goes on with an unfinished training, to the same bytes as if it had never stopped.
///
/// # Errors
/// As [`train`]; if there is no checkpoint, or the data are not those it began with.
pub fn resume(
    folder: &Path,
    dataset: &Dataset,
    observer: &mut dyn Observer,
) -> Result<Trained, TrainError> {
    resume_on(None, folder, dataset, observer)
}

/// As [`resume`], on a device in place of this machine's cores; what began on the one may go on on the other.
///
/// # Errors
/// As [`resume`]; if the device cannot learn what the recipe wants, is not there, or fails.
pub fn resume_on(
    device: Option<&dyn Device>,
    folder: &Path,
    dataset: &Dataset,
    observer: &mut dyn Observer,
) -> Result<Trained, TrainError> {
    let mut files = Folder::open(folder);
    if !files.checkpoint().is_file() {
        let problem =
            "no checkpoint.safetensors: either it is finished, or it stopped before its first \
                       epoch was complete; train without `--resume`"
                .to_owned();
        return Err(TrainError::NothingToResume { path: folder.to_owned(), problem });
    }
    let checkpoint = checkpoint::read_from(&files)?;
    files.kept_epochs = checkpoint.history.len();
    check_same_data(&checkpoint.network.recipe, dataset)?;
    check_data(&checkpoint.network.recipe, checkpoint.network.input(), dataset)?;
    let data = data(&checkpoint.network.recipe, dataset)?;
    let batch = batch_size(&checkpoint.network.recipe, data.split.learned.len());
    let learning = match device {
        Some(device) => {
            let (network, state) = (&checkpoint.network, checkpoint.state.clone());
            learner::check(&network.recipe, device)?;
            Learning::Device(begin(device, network, state, checkpoint.steps)?)
        }
        None => {
            let mut engine = checkpoint.engine(batch);
            engine.freeze(transfer::frozen_stages(&checkpoint.network));
            Learning::Engine(Box::new(engine))
        }
    };
    let Checkpoint { network, steps, history, .. } = checkpoint;
    let folder = files;
    Session { network, learning, folder, data, batch, steps, history }.run(observer)
}

/// A network on a device, as of so many steps.
fn begin(
    device: &dyn Device,
    network: &Network,
    state: State,
    steps: u64,
) -> Result<Box<dyn Learner>, TrainError> {
    let (plan, training) = (&network.plan, &network.recipe.training);
    let frozen = transfer::frozen_stages(network);
    device.begin(Start { plan, training, state, steps, frozen })
}

/// Reads a trained network back.
///
/// # Errors
/// If a file is missing, damaged, or does not fit the recipe beside it.
pub fn load(folder: &Path) -> Result<Trained, TrainError> {
    let folder = Folder::open(folder);
    Ok(Trained { network: folder.read_network()?, history: folder.read_history()? })
}

/// The recipe with all that the data settle.
fn complete(recipe: &Recipe, dataset: &Dataset) -> Recipe {
    let mut recipe = recipe.clone();
    recipe.producer = PRODUCER.to_owned();
    if let Ok(levels) = recipe.input.levels() {
        recipe.input.mean = f64::from(levels.zero_byte) / 255.0; // what is subtracted indeed
    }
    recipe.data = Some(DataOrigin {
        name: dataset.name.clone(),
        digest: dataset.digest().to_string(),
        classes: dataset.classes.clone(),
    });
    for layer in &mut recipe.layers {
        if let Layer::Dense { units, .. } = layer {
            units.get_or_insert(dataset.classes.len());
        }
    }
    recipe
}

fn check_data(recipe: &Recipe, input: Shape, dataset: &Dataset) -> Result<(), TrainError> {
    let problem = data_problem(recipe, input, dataset);
    problem.map_or(Ok(()), |problem| Err(TrainError::Data { name: dataset.name.clone(), problem }))
}

fn data_problem(recipe: &Recipe, input: Shape, dataset: &Dataset) -> Option<String> {
    let classes = dataset.classes.len();
    if classes < 2 {
        return Some(format!(
            "{classes} classes: there is nothing to tell apart with fewer than 2"
        ));
    }
    if dataset.train.is_empty() {
        return Some("there are no training pictures".to_owned());
    }
    for pictures in [&dataset.train, &dataset.test] {
        let Shape { h, w, c } = pictures.shape;
        if pictures.shape != input {
            let [rows, columns, channels] = recipe.input.shape;
            return Some(format!(
                "its pictures are {h}x{w}x{c}, but {} takes {rows}x{columns}x{channels}: change \
                 the recipe's input.shape, or load them in that shape",
                recipe.name
            ));
        }
        if let Some(label) = pictures.labels.iter().find(|&&label| label >= classes) {
            return Some(format!("a label of {label} where there are {classes} classes"));
        }
    }
    (u32::try_from(dataset.train.len()).is_err()).then(|| "more than 2^32 pictures".to_owned())
}

fn check_same_data(recipe: &Recipe, dataset: &Dataset) -> Result<(), TrainError> {
    let origin = recipe.data.as_ref().expect("a folder's recipe names its data");
    if origin.digest == dataset.digest().to_string() {
        return Ok(());
    }
    let problem = format!(
        "these are not the pictures the training began with (`{}`, SHA-256 {}): resume with those, or \
         train without `--resume`",
        origin.name, origin.digest
    );
    Err(TrainError::Data { name: dataset.name.clone(), problem })
}

/// What is learned from and what is held out.
fn data<'a>(recipe: &Recipe, dataset: &'a Dataset) -> Result<Data<'a>, TrainError> {
    let split = Split::new(recipe, dataset)?;
    let mut counts = vec![0; dataset.classes.len()];
    let labels = &dataset.train.labels;
    split.learned.iter().for_each(|&index| counts[labels[index as usize]] += 1);
    let class_weights = match &recipe.training.class_weights {
        Some(weights) => weights.resolve(&counts)?,
        None => Vec::new(),
    };
    Ok(Data { dataset, held_out: dataset.train.select(&split.held_out), split, class_weights })
}

/// Pictures a step, of those that are learned from.
fn batch_size(recipe: &Recipe, learned: usize) -> usize {
    match recipe.training.optimizer {
        Optimizer::Gd => learned,
        Optimizer::Adam | Optimizer::AdamW | Optimizer::Sgd => recipe.training.batch.min(learned),
    }
}
