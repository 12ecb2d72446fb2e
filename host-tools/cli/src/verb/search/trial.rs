//! Training candidates, on pictures of whatever size each of them takes.

use super::Settings;
use super::design::Design;
use super::state::{RoundResult, candidate_folder};
use crate::estimate::Estimate;
use crate::loading::Loading;
use crate::progress::bar;
use crate::verb::data::load_pictures;
use indicatif::ProgressBar;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use thumbnet_compile::Board;
use thumbnet_data::Dataset;
use thumbnet_train::{BatchProgress, EpochResult, Observer, Recipe, TrainError, Trained, train};

/// Share of the training pictures that candidates are judged by; those of the test have no say.
const HOLD_OUT: f64 = 0.1;

/// Where candidates are trained.
pub(super) struct Trials<'a> {
    pub(super) base: Recipe,
    pub(super) source: &'a str,
    pub(super) loading: &'a Loading,
    pub(super) folder: PathBuf,
    pub(super) interrupted: Arc<AtomicBool>,
    /// By the shape of the pictures.
    pub(super) datasets: BTreeMap<[usize; 3], Dataset>,
}

/// What all candidates have in common.
pub(super) fn base(settings: &Settings) -> anyhow::Result<Recipe> {
    let mut recipe = Recipe::find("seed-cnn")?;
    recipe.input.shape = settings.input;
    recipe.training.seed = settings.seed;
    recipe.training.hold_out = HOLD_OUT;
    recipe.training.augment = settings.augment.unwrap_or_default();
    Ok(recipe)
}

impl Trials<'_> {
    /// The data set in a candidate's shape.
    pub(super) fn dataset(&mut self, input: [usize; 3]) -> anyhow::Result<&Dataset> {
        match self.datasets.entry(input) {
            Entry::Occupied(loaded) => Ok(loaded.into_mut()),
            Entry::Vacant(place) => {
                let mut recipe = self.base.clone();
                recipe.input.shape = input;
                let loaded = load_pictures(self.source, &recipe, self.loading)?;
                Ok(place.insert(loaded.dataset))
            }
        }
    }

    /// What a candidate will cost; an error too if it does not fit.
    pub(super) fn estimate(&mut self, design: &Design, board: &Board) -> anyhow::Result<Estimate> {
        let recipe = design.recipe(&self.base, "candidate".to_owned());
        let dataset = self.dataset(design.input)?;
        Estimate::untrained(&recipe, &dataset.classes, &dataset.train, board)
    }

    /// Trains a candidate from its start, for so many epochs; `None` if the user stopped it.
    pub(super) fn train(
        &mut self,
        number: usize,
        design: &Design,
        epochs: usize,
    ) -> anyhow::Result<Option<RoundResult>> {
        let mut recipe = design.recipe(&self.base, format!("searched-{number:03}"));
        recipe.training.epochs = epochs;
        let folder = candidate_folder(&self.folder, number);
        let mut watch = Watch {
            bar: bar(0, ""),
            interrupted: Arc::clone(&self.interrupted),
            candidate: number,
        };
        let dataset = self.dataset(design.input)?;
        let held_out = recipe.held_out(dataset)?.len();
        let trained = train(&recipe, dataset, &folder, &mut watch);
        watch.bar.finish_and_clear();
        let failed = |error: TrainError| {
            let failed = Some(error.to_string());
            Ok(Some(RoundResult { epochs, right: 0, held_out, failed }))
        };
        match trained {
            Err(TrainError::Stopped) => Ok(None),
            Err(error @ TrainError::Diverged { .. }) => failed(error),
            Err(error) => Err(error.into()),
            Ok(trained) if !trained.is_finished() => Ok(None),
            Ok(trained) => {
                let right = (accuracy(&trained) * held_out as f64).round() as usize;
                Ok(Some(RoundResult { epochs, right, held_out, failed: None }))
            }
        }
    }
}

/// Of the kept epoch, on the held-out pictures.
fn accuracy(trained: &Trained) -> f64 {
    let kept = &trained.history[trained.kept_epoch() - 1];
    kept.held_out_accuracy.unwrap_or(0.0)
}

/// A bar for the running candidate.
struct Watch {
    bar: ProgressBar,
    interrupted: Arc<AtomicBool>,
    candidate: usize,
}

impl Watch {
    fn flow(&self) -> ControlFlow<()> {
        match self.interrupted.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

impl Observer for Watch {
    fn batch(&mut self, progress: &BatchProgress) -> ControlFlow<()> {
        self.bar.set_length((progress.batches * progress.epochs) as u64);
        let done = progress.batches * (progress.epoch - 1) + progress.batches_done;
        self.bar.set_position(done as u64);
        self.bar.set_message(format!(
            "candidate {}, epoch {}/{}  loss {:.4}",
            self.candidate, progress.epoch, progress.epochs, progress.loss
        ));
        self.flow()
    }

    fn epoch(&mut self, _: &EpochResult, _: Duration) -> ControlFlow<()> {
        self.flow()
    }
}
