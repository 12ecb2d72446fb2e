//! A training in progress: epochs of batches, a judgement and a checkpoint after each.

use crate::checkpoint;
use crate::engine::{
    BatchResult, Changes, Criterion, Engine, Lesson, Noise, Step, Target, learning_rate,
};
use crate::error::TrainError;
use crate::folder::Folder;
use crate::learner::{Learning, State};
use crate::metrics;
use crate::network::Network;
use crate::observer::{BatchProgress, EpochResult, Observer};
use crate::rounded::Rounded;
use crate::split::Split;
use crate::train::Trained;
use crate::transfer;
use crate::verdict::{is_over, kept_epoch};
use std::ops::ControlFlow;
use std::time::Instant;
use thumbnet_data::{Dataset, Pictures, Random};

/// A training in progress.
pub(crate) struct Session<'a> {
    /// The network to be kept, as of the last complete epoch or the best.
    pub network: Network,
    pub learning: Learning,
    pub folder: Folder,
    pub data: Data<'a>,
    /// Pictures a step.
    pub batch: usize,
    /// Steps taken up to the last complete epoch.
    pub steps: u64,
    pub history: Vec<EpochResult>,
}

/// What is learned from, and judged by.
pub(crate) struct Data<'a> {
    pub dataset: &'a Dataset,
    pub split: Split,
    pub held_out: Pictures,
    /// What a picture of each class counts; empty if all count 1.
    pub class_weights: Vec<f64>,
}

impl Session<'_> {
    pub fn run(mut self, observer: &mut dyn Observer) -> Result<Trained, TrainError> {
        while !self.is_over() {
            let began = Instant::now();
            self.round()?;
            let Some(sum) = self.epoch(observer)? else { break };
            self.steps += self.steps_per_epoch();
            let state = self.learning.state(self.network.recipe.training.optimizer)?;
            let parameters = state.network_parameters();
            let network = Network { parameters, ..self.network.clone() };
            self.history.push(self.judge(sum, &network)?);
            self.data.dataset.check()?;
            let training = &self.network.recipe.training;
            if kept_epoch(training, &self.history) == self.history.len() {
                self.network = network;
            }
            self.save(&state)?;
            let result = self.history.last().expect("just pushed");
            if observer.epoch(result, began.elapsed()).is_break() {
                break;
            }
        }
        if self.history.is_empty() {
            return Err(TrainError::Stopped);
        }
        if self.is_over() {
            self.folder.remove_checkpoint()?;
        }
        Ok(Trained { network: self.network, history: self.history })
    }

    fn is_over(&self) -> bool {
        is_over(&self.network.recipe.training, &self.history)
    }

    /// Whether the network is trained as its int8 export has it.
    fn is_quantized(&self) -> bool {
        self.network.recipe.training.is_quantized_after(self.history.len())
    }

    /// Turns to the int8 network's levels for the coming epoch, if it is one of those.
    fn round(&mut self) -> Result<(), TrainError> {
        if !self.is_quantized() {
            return Ok(());
        }
        let Learning::Engine(engine) = &mut self.learning else {
            unreachable!("devices are not given such a recipe");
        };
        let training = &self.network.recipe.training;
        let parameters = engine.network_parameters();
        let mut network = Network { parameters, ..self.network.clone() };
        network.fold();
        if self.history.len() + training.quantized_epochs == training.epochs {
            **engine = Engine::folded(&network.plan, network.parameters.clone(), self.batch);
            engine.freeze(transfer::frozen_stages(&network));
        }
        let rounded = Rounded::new(&network, self.data.dataset)?;
        engine.round_to(rounded.levels().to_vec());
        Ok(())
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
        let lesson = Lesson {
            pictures: &self.data.dataset.train,
            learned: &self.data.split.learned,
            criterion,
            class_weights: &self.data.class_weights,
            changes,
            noise: Noise::of_epoch(recipe.seed, self.history.len() as u64 + 1),
        };
        let mut sum = BatchResult::default();
        let mut pictures = 0;
        for (index, indices) in order.chunks(self.batch).enumerate() {
            let step = self.steps + index as u64;
            let rate = learning_rate(recipe, step, self.steps_per_epoch());
            let step = Step::new(recipe, rate, step);
            let result = self.learning.learn(&self.network.plan, &lesson, indices, &step)?;
            self.check_finite(result.loss, index)?;
            sum.loss += result.loss;
            sum.correct += result.correct;
            pictures += indices.len();
            let progress = BatchProgress {
                epoch: self.history.len() + 1,
                epochs: recipe.epochs,
                batches_done: index + 1,
                batches: order.len().div_ceil(self.batch),
                pictures,
                batch_loss: result.loss / indices.len() as f64,
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
        let mut order = self.data.split.learned.clone();
        let epoch = self.history.len() as u64 + 1;
        Random::new(self.network.recipe.training.seed, epoch).shuffle(&mut order);
        order
    }

    fn steps_per_epoch(&self) -> u64 {
        self.data.split.learned.len().div_ceil(self.batch) as u64
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

    /// The epoch's result: the network on the held-out pictures, so that those of the test have no say in what is kept;
    /// without any, on the test pictures.
    fn judge(&self, sum: BatchResult, network: &Network) -> Result<EpochResult, TrainError> {
        let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        if !network.parameters.iter().all(|p| finite(&p.weights) && finite(&p.bias)) {
            self.check_finite(f64::NAN, self.steps_per_epoch() as usize - 1)?;
        }
        let count = self.data.split.learned.len() as f64;
        let training = &network.recipe.training;
        let rounded = match self.is_quantized() {
            true => Some(Rounded::new(network, self.data.dataset)?),
            false => None,
        };
        let predict = |pictures: &Pictures| match &rounded {
            Some(rounded) => rounded.predict_pictures(pictures),
            None => network.predict_pictures(pictures),
        };
        let judge = |pictures| Judgement::of(network, pictures, predict);
        let held_out = judge(&self.data.held_out);
        let test = if held_out.is_some() { None } else { judge(&self.data.dataset.test) };
        Ok(EpochResult {
            epoch: self.history.len() + 1,
            loss: sum.loss / count,
            accuracy: sum.correct as f64 / count,
            held_out_loss: held_out.map(|held_out| held_out.loss),
            held_out_accuracy: held_out.map(|held_out| held_out.accuracy),
            test_accuracy: test.map(|test| test.accuracy),
            learning_rate: learning_rate(training, self.steps - 1, self.steps_per_epoch()),
        })
    }

    fn save(&mut self, state: &State) -> Result<(), TrainError> {
        self.folder.write_model(&self.network, &self.history)?;
        let bytes = checkpoint::to_bytes(&self.network, state, self.steps, &self.history);
        self.folder.write_checkpoint(&bytes, self.history.len())
    }
}

/// How a network does on pictures that it did not learn from.
#[derive(Clone, Copy)]
struct Judgement {
    /// Mean of the recipe's loss, without smoothing and class weights.
    loss: f64,
    accuracy: f64,
}

impl Judgement {
    /// `None` of no pictures.
    fn of(
        network: &Network,
        pictures: &Pictures,
        predict: impl Fn(&Pictures) -> Vec<f32>,
    ) -> Option<Self> {
        if pictures.is_empty() {
            return None;
        }
        let criterion = Criterion { loss: network.recipe.training.loss, label_smoothing: 0.0 };
        let mut logits = predict(pictures);
        let [mut loss, mut correct] = [0.0, 0.0];
        for (row, &label) in logits.chunks_exact_mut(network.labels().len()).zip(&pictures.labels) {
            correct += f64::from(metrics::largest(row) == label);
            loss += criterion.gradient(row, Target::only(label), 1.0);
        }
        let count = pictures.len() as f64;
        Some(Self { loss: loss / count, accuracy: correct / count })
    }
}
