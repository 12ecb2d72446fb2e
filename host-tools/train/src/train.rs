//! The training: epochs of batches, a checkpoint after each epoch, and going on from one.

use crate::checkpoint::{self, Checkpoint};
use crate::engine::{BatchResult, Changes, Criterion, Engine, Lesson, Step, learning_rate};
use crate::error::TrainError;
use crate::export::PRODUCER;
use crate::folder::Folder;
use crate::metrics;
use crate::network::Network;
use crate::observer::{BatchProgress, EpochResult, Observer};
use crate::recipe::{DataOrigin, Layer, Optimizer, Recipe};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;
use thumbnet_data::Random;
use thumbnet_data::{Dataset, Pictures};
use thumbnet_graph::Shape;

/// A network that has learned, and how it went.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The network as of the last complete epoch.
    pub network: Network,
    /// One result for each complete epoch.
    pub history: Vec<EpochResult>,
}

impl Trained {
    /// Whether all of the recipe's epochs are done.
    pub fn is_finished(&self) -> bool {
        self.history.len() >= self.network.recipe.training.epochs
    }
}

/// Trains a network from its random start and keeps it in `folder`.
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
    let recipe = complete(recipe, dataset);
    let network = Network::new(&recipe, &dataset.classes)?;
    check_data(&recipe, network.input(), dataset)?;
    let folder = Folder::create(folder)?;
    let batch = batch_size(&recipe, dataset);
    let engine = Engine::new(&network.plan, network.parameters.clone(), batch);
    let class_weights = class_weights(&recipe, dataset)?;
    let (steps, history) = (0, Vec::new());
    Session { network, engine, folder, dataset, class_weights, batch, steps, history }.run(observer)
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
    let batch = batch_size(&checkpoint.network.recipe, dataset);
    let engine = checkpoint.engine(batch);
    let class_weights = class_weights(&checkpoint.network.recipe, dataset)?;
    let Checkpoint { network, steps, history, .. } = checkpoint;
    let folder = files;
    Session { network, engine, folder, dataset, class_weights, batch, steps, history }.run(observer)
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

/// What a picture of each class counts; empty if all count the same.
fn class_weights(recipe: &Recipe, dataset: &Dataset) -> Result<Vec<f64>, TrainError> {
    let Some(weights) = &recipe.training.class_weights else { return Ok(Vec::new()) };
    let mut counts = vec![0; dataset.classes.len()];
    dataset.train.labels.iter().for_each(|&label| counts[label] += 1);
    weights.resolve(&counts)
}

/// Pictures a step.
fn batch_size(recipe: &Recipe, dataset: &Dataset) -> usize {
    match recipe.training.optimizer {
        Optimizer::Gd => dataset.train.len(),
        Optimizer::Adam | Optimizer::AdamW | Optimizer::Sgd => {
            recipe.training.batch.min(dataset.train.len())
        }
    }
}

/// A training in progress.
struct Session<'a> {
    /// As of the last complete epoch.
    network: Network,
    engine: Engine<f32>,
    folder: Folder,
    dataset: &'a Dataset,
    /// Empty if all count 1.
    class_weights: Vec<f64>,
    batch: usize,
    /// Steps taken up to the last complete epoch.
    steps: u64,
    history: Vec<EpochResult>,
}

impl Session<'_> {
    fn run(mut self, observer: &mut dyn Observer) -> Result<Trained, TrainError> {
        let epochs = self.network.recipe.training.epochs;
        while self.history.len() < epochs {
            let began = Instant::now();
            let Some(result) = self.epoch(observer)? else { break };
            self.network.parameters = self.engine.network_parameters();
            self.steps += self.steps_per_epoch();
            self.history.push(self.judge(result)?);
            self.save()?;
            let result = self.history.last().expect("just pushed");
            if observer.epoch(result, began.elapsed()).is_break() {
                break;
            }
        }
        if self.history.is_empty() {
            return Err(TrainError::Stopped);
        }
        if self.history.len() >= epochs {
            self.folder.remove_checkpoint()?;
        }
        Ok(Trained { network: self.network, history: self.history })
    }

    /// One pass over the training pictures; `None` if the observer stopped it.
    fn epoch(&mut self, observer: &mut dyn Observer) -> Result<Option<BatchResult>, TrainError> {
        let order = self.order();
        let recipe = &self.network.recipe.training;
        let criterion = Criterion { loss: recipe.loss, label_smoothing: recipe.label_smoothing };
        let changes = (!recipe.augment.is_none()).then_some(Changes {
            augmentation: recipe.augment,
            seed: recipe.seed,
            epoch: self.history.len() as u64 + 1,
        });
        let class_weights = &self.class_weights;
        let lesson = Lesson { pictures: &self.dataset.train, criterion, class_weights, changes };
        let mut sum = BatchResult::default();
        let mut pictures = 0;
        for (index, indices) in order.chunks(self.batch).enumerate() {
            let step = self.steps + index as u64;
            let rate = learning_rate(recipe, step, self.steps_per_epoch());
            let step = Step::new(recipe, rate, step);
            let result = self.engine.learn(&lesson, indices, &step);
            self.check_finite(result.loss, index)?;
            sum.loss += result.loss;
            sum.correct += result.correct;
            pictures += indices.len();
            let progress = BatchProgress {
                epoch: self.history.len() + 1,
                epochs: recipe.epochs,
                batches_done: index + 1,
                batches: order.len().div_ceil(self.batch),
                loss: sum.loss / pictures as f64,
                accuracy: sum.correct as f64 / pictures as f64,
                learning_rate: rate,
            };
            if let ControlFlow::Break(()) = observer.batch(&progress) {
                return Ok(None);
            }
        }
        Ok(Some(sum))
    }

    /// This epoch's order of pictures: a fresh permutation, from the seed and the epoch's number.
    fn order(&self) -> Vec<u32> {
        let count = u32::try_from(self.dataset.train.len()).expect("checked at the start");
        let mut order: Vec<u32> = (0..count).collect();
        let epoch = self.history.len() as u64 + 1;
        Random::new(self.network.recipe.training.seed, epoch).shuffle(&mut order);
        order
    }

    fn steps_per_epoch(&self) -> u64 {
        self.dataset.train.len().div_ceil(self.batch) as u64
    }

    fn check_finite(&self, loss: f64, batch: usize) -> Result<(), TrainError> {
        if loss.is_finite() {
            return Ok(());
        }
        let learning_rate = self.network.recipe.training.learning_rate;
        Err(TrainError::Diverged {
            epoch: self.history.len() + 1,
            batch: batch + 1,
            loss,
            learning_rate,
            advice: learning_rate / 10.0,
        })
    }

    /// The epoch's result with the accuracy on the test pictures.
    fn judge(&self, sum: BatchResult) -> Result<EpochResult, TrainError> {
        let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        if !self.network.parameters.iter().all(|p| finite(&p.weights) && finite(&p.bias)) {
            self.check_finite(f64::NAN, self.steps_per_epoch() as usize - 1)?;
        }
        let count = self.dataset.train.len() as f64;
        let rate =
            learning_rate(&self.network.recipe.training, self.steps - 1, self.steps_per_epoch());
        Ok(EpochResult {
            epoch: self.history.len() + 1,
            loss: sum.loss / count,
            accuracy: sum.correct as f64 / count,
            test_accuracy: accuracy(&self.network, &self.dataset.test),
            learning_rate: rate,
        })
    }

    fn save(&mut self) -> Result<(), TrainError> {
        self.folder.write_model(&self.network, &self.history)?;
        let bytes = checkpoint::to_bytes(&self.network, &self.engine, self.steps, &self.history);
        self.folder.write_checkpoint(&bytes, self.history.len())
    }
}

/// The share classified rightly; `None` of no pictures.
fn accuracy(network: &Network, pictures: &Pictures) -> Option<f64> {
    if pictures.is_empty() {
        return None;
    }
    let logits = network.predict(&pictures.pixels);
    let rows = logits.chunks_exact(network.labels().len());
    let correct =
        rows.zip(&pictures.labels).filter(|(row, label)| metrics::largest(row) == **label);
    Some(correct.count() as f64 / pictures.len() as f64)
}
