//! What a training has come to, for people, programs and plots.

use super::plots::Plots;
use super::unlabelled::PseudoLabelled;
use crate::calibration::{Calibration, Judged};
use crate::estimate::Estimate;
use crate::evaluation;
use crate::report::thousands;
use serde::Serialize;
use std::path::Path;
use thumbnet_data::{Dataset, Pictures};
use thumbnet_train::metrics::{Metrics, predictions};
use thumbnet_train::{EpochResult, Network, Optimizer, Trained};

#[derive(Serialize)]
pub(super) struct Report {
    model: String,
    folder: String,
    parameters: usize,
    finished: bool,
    /// The epoch that the network is from.
    kept_epoch: usize,
    seconds: f64,
    pub(super) pictures: PictureCounts,
    /// What it was expected to cost before it had learned.
    pub(super) estimate: Option<Estimate>,
    /// What became of pictures without labels.
    pub(super) pseudo_labels: Option<PseudoLabelled>,
    epochs: Vec<EpochResult>,
    /// The kept network on the test pictures, which had no say in anything.
    test: Option<Metrics>,
    /// Of the kept network's logits; `export` fits that of the int8 network.
    calibration: Option<Calibration>,
}

/// How many pictures each figure is of.
#[derive(Serialize)]
pub(super) struct PictureCounts {
    learned: usize,
    held_out: usize,
    test: usize,
    /// Left out, as they cannot be read.
    pub(super) unreadable: usize,
}

impl Report {
    pub(super) fn of(
        trained: &Trained,
        folder: &Path,
        dataset: &Dataset,
        seconds: f64,
    ) -> anyhow::Result<Self> {
        let network = &trained.network;
        let held_out = network.recipe().held_out(dataset)?;
        let logits = |pictures: &Pictures| network.predict_pictures(pictures);
        let [held_out_logits, test_logits] = [logits(&held_out), logits(&dataset.test)];
        dataset.check()?;
        let judged = |logits, labels| Judged { logits, labels };
        let calibration = Calibration::new(
            dataset.classes.len(),
            &judged(&held_out_logits, &held_out.labels),
            &judged(&test_logits, &dataset.test.labels),
        );
        let held_out = held_out.len();
        let test = (!dataset.test.is_empty()).then(|| metrics(&test_logits, dataset));
        Ok(Self {
            model: network.recipe().name.clone(),
            folder: folder.display().to_string(),
            parameters: network.parameter_count(),
            finished: trained.is_finished(),
            seconds,
            kept_epoch: trained.kept_epoch(),
            pictures: PictureCounts {
                learned: dataset.train.len() - held_out,
                held_out,
                test: dataset.test.len(),
                unreadable: 0,
            },
            estimate: None,
            pseudo_labels: None,
            epochs: trained.history.clone(),
            calibration: test.is_some().then_some(calibration),
            test,
        })
    }

    pub(super) fn plots<'a>(&'a self, trained: &'a Trained) -> Plots<'a> {
        let training = &trained.network.recipe().training;
        let batch = match training.optimizer {
            Optimizer::Gd => self.pictures.learned,
            _ => training.batch.min(self.pictures.learned),
        };
        Plots {
            training,
            history: &self.epochs,
            kept_epoch: self.kept_epoch,
            steps_per_epoch: self.pictures.learned.div_ceil(batch) as u64,
            test: self.test.as_ref(),
            calibration: self.calibration.as_ref(),
        }
    }

    pub(super) fn print(&self, folder: &Path) {
        if let Some(test) = &self.test {
            println!();
            evaluation::print(test);
        }
        if let Some(calibration) = &self.calibration {
            println!("{}", calibration.line());
        }
        println!(
            "\n{} with {} parameters in {}, curves in its folder plots ({:.0} s)",
            self.model,
            thousands(self.parameters as u64),
            folder.display(),
            self.seconds
        );
        if let Some(accuracy) = self.epochs[self.kept_epoch - 1].held_out_accuracy {
            println!(
                "kept is epoch {} of {}, the best on the {} held-out pictures ({:.2} %)",
                self.kept_epoch,
                self.epochs.len(),
                thousands(self.pictures.held_out as u64),
                accuracy * 100.0
            );
        }
        if !self.finished {
            println!(
                "stopped after epoch {}; go on with: thumbnet train --resume -o {}",
                self.epochs.len(),
                folder.display()
            );
        }
    }
}

/// The float network on the test pictures.
pub(in crate::verb) fn judge(network: &Network, dataset: &Dataset) -> anyhow::Result<Metrics> {
    let logits = network.predict_pictures(&dataset.test);
    dataset.test.check()?;
    Ok(metrics(&logits, dataset))
}

/// Logits of the test pictures against their labels.
fn metrics(logits: &[f32], dataset: &Dataset) -> Metrics {
    let predicted = predictions(logits, dataset.classes.len());
    Metrics::new(&predicted, &dataset.test.labels, &dataset.classes)
}
