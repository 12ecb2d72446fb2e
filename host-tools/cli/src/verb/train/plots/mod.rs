//! `plots/*.svg` beside the model: how the training went, and how good its network is.

mod confusion;
mod curves;
mod reliability;

use crate::calibration::Calibration;
use crate::plot::write;
use anyhow::Context;
use curves::{Chart, Curve};
use std::path::Path;
use thumbnet_train::metrics::Metrics;
use thumbnet_train::{EpochResult, Training};

/// Points of the learning rate's curve.
const RATES: u64 = 300;

/// What there is to draw.
pub(super) struct Plots<'a> {
    pub(super) training: &'a Training,
    pub(super) history: &'a [EpochResult],
    pub(super) kept_epoch: usize,
    pub(super) steps_per_epoch: u64,
    pub(super) test: Option<&'a Metrics>,
    pub(super) calibration: Option<&'a Calibration>,
}

impl Plots<'_> {
    /// Writes them all into `folder`, which is made if it is not there.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        write(&folder.join("loss.svg"), &self.loss()?)?;
        write(&folder.join("accuracy.svg"), &self.accuracy()?)?;
        write(&folder.join("learning-rate.svg"), &self.learning_rate()?)?;
        if let Some(test) = self.test {
            write(&folder.join("confusion.svg"), &confusion::draw(test)?)?;
        }
        if let Some(calibration) = self.calibration {
            write(&folder.join("reliability.svg"), &reliability::draw(calibration)?)?;
        }
        Ok(())
    }

    fn loss(&self) -> anyhow::Result<String> {
        let curves = vec![
            self.curve("training", |epoch| Some(epoch.loss)),
            self.curve("held-out", |epoch| epoch.held_out_loss),
        ];
        Chart { title: "Loss", unit: "", from_zero: true, mark: self.mark(), curves }.draw()
    }

    fn accuracy(&self) -> anyhow::Result<String> {
        let percent = |share: f64| share * 100.0;
        let curves = vec![
            self.curve("training", |epoch| Some(percent(epoch.accuracy))),
            self.curve("held-out", |epoch| epoch.held_out_accuracy.map(percent)),
            self.curve("test", |epoch| epoch.test_accuracy.map(percent)),
        ];
        Chart { title: "Accuracy", unit: " %", from_zero: false, mark: self.mark(), curves }.draw()
    }

    fn learning_rate(&self) -> anyhow::Result<String> {
        let steps = (self.history.len() as u64 * self.steps_per_epoch).max(1);
        let point = |index: u64| {
            let step = index * (steps - 1) / RATES;
            let rate = self.training.learning_rate_of(step, self.steps_per_epoch);
            (step as f64 / self.steps_per_epoch as f64, rate)
        };
        let curve = Curve { name: "rate", points: (0..=RATES).map(point).collect() };
        let curves = vec![curve];
        Chart { title: "Learning rate", unit: "", from_zero: true, mark: None, curves }.draw()
    }

    /// The kept epoch, where there was a choice.
    fn mark(&self) -> Option<usize> {
        let chosen = self.history.iter().any(|epoch| epoch.held_out_accuracy.is_some());
        chosen.then_some(self.kept_epoch)
    }

    fn curve(
        &self,
        name: &'static str,
        value: impl Fn(&EpochResult) -> Option<f64>,
    ) -> Curve<'static> {
        let point = |epoch: &EpochResult| Some((epoch.epoch as f64, value(epoch)?));
        Curve { name, points: self.history.iter().filter_map(point).collect() }
    }
}
