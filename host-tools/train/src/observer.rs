//! What a training tells while it runs, and how it is asked to stop.

use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::time::Duration;

/// Follows a training; `()` follows nothing.
pub trait Observer {
    /// Called after every batch; [`ControlFlow::Break`] stops the training here, keeping the last epoch's state.
    fn batch(&mut self, _progress: &BatchProgress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// Called after every epoch, when its checkpoint is safe.
    fn epoch(&mut self, _result: &EpochResult, _time: Duration) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl Observer for () {}

/// How far an epoch has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchProgress {
    /// From 1.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Batches done in this epoch.
    pub batches_done: usize,
    /// Batches an epoch.
    pub batches: usize,
    /// Pictures learned from in this epoch so far.
    pub pictures: usize,
    /// Mean loss a picture of this batch.
    pub batch_loss: f64,
    /// Mean loss a picture in this epoch so far.
    pub loss: f64,
    /// Share of this epoch's pictures classified rightly when they were seen, 0 to 1.
    pub accuracy: f64,
    /// Of this batch.
    pub learning_rate: f64,
}

/// What an epoch gave: one line of `history.jsonl`. No time is in it, so that two runs give the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochResult {
    /// From 1.
    pub epoch: usize,
    /// Mean loss a picture, as the pictures were seen.
    pub loss: f64,
    /// Share of the training pictures classified rightly when they were seen, 0 to 1.
    pub accuracy: f64,
    /// Mean loss of the pictures that were held out of the training part, after the epoch, without smoothing and class
    /// weights; absent if none are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out_loss: Option<f64>,
    /// Share of the held-out pictures classified rightly after the epoch, 0 to 1; absent if none are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out_accuracy: Option<f64>,
    /// Share of the test pictures classified rightly after the epoch, 0 to 1; absent without test pictures, and where
    /// pictures are held out: those of the test are then judged once, at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_accuracy: Option<f64>,
    /// Of the epoch's last batch.
    pub learning_rate: f64,
}
