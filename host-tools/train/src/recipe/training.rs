//! Training options of a recipe.

use super::ClassWeights;
use crate::engine::learning_rate;
use crate::error::TrainError;
use serde::{Deserialize, Serialize};
use thumbnet_data::augment::Augmentation;

/// How a network learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// What turns gradients into steps.
    pub optimizer: Optimizer,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// How the rate changes over the training.
    pub schedule: Schedule,
    /// Pictures a step; the whole training part for `gd`.
    pub batch: usize,
    /// Passes over the training pictures.
    pub epochs: usize,
    /// Where the weights and every epoch's order come from.
    pub seed: u64,
    /// What is made small.
    pub loss: Loss,
    /// How strongly weights (not biases) are drawn towards 0; 0 for none. With `adam` this share of each weight is added
    /// to its gradient, and so rescaled with it; with `adamw`, `sgd` and `gd` the step takes this share of each weight
    /// away, times the learning rate.
    pub weight_decay: f64,
    /// Longest gradient, as the root of the sum of squares over all parameters: longer ones are shortened to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// How much of their moving average the weights' average keeps a step, e.g. 0.999. With it, the averaged weights are
    /// the network: evaluated, kept and exported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average: Option<f64>,
    /// What a picture of each class counts in the loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<ClassWeights>,
    /// Share of the target spread evenly over all classes; 0 for none.
    pub label_smoothing: f64,
    /// Share of the training pictures, of every class alike, that are held out: epochs are judged by them, and the best is
    /// kept. Without it the last epoch is.
    #[serde(skip_serializing_if = "is_zero")]
    pub hold_out: f64,
    /// The training ends after so many epochs that were no better than the best; needs `hold_out`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// The last epochs, so many of them, train the network as its int8 export has it: batch normalizations are part of the
    /// convolutions, weights and activations are rounded, and gradients pass straight through the rounding.
    #[serde(skip_serializing_if = "is_no_epoch")]
    pub quantized_epochs: usize,
    /// How training pictures are changed at random.
    #[serde(skip_serializing_if = "Augmentation::is_none")]
    pub augment: Augmentation,
}

/// What turns gradients into steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// Adam: steps scaled by the gradient's first and second moments (0.9, 0.999, epsilon 1e-7).
    Adam,
    /// Adam whose weight decay is apart from the gradient and its moments.
    #[serde(rename = "adamw")]
    AdamW,
    /// Stochastic gradient descent with momentum 0.9.
    Sgd,
    /// Plain gradient descent: one step an epoch, over all training pictures.
    Gd,
}

/// How the learning rate changes over the training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// Always the peak.
    Constant,
    /// The peak, times `factor` after every `epochs` epochs.
    Step {
        /// Epochs between two changes.
        epochs: usize,
        /// Multiplier, in (0, 1].
        factor: f64,
    },
    /// From the peak to 0 along half a cosine wave.
    Cosine,
    /// From a 25th of the peak up to it in the first part, then down to a 10,000th of that start.
    OneCycle {
        /// Share of all steps spent going up, in (0, 1).
        #[serde(default = "default_warm_up")]
        warm_up: f64,
    },
}

/// What a training makes small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Negative logarithm of the right class's softmax probability.
    CrossEntropy,
    /// Mean distance of the softmax probabilities from 1 (right class) and 0 (the others).
    MeanAbsoluteError,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            optimizer: Optimizer::Adam,
            learning_rate: 0.003,
            schedule: Schedule::OneCycle { warm_up: default_warm_up() },
            batch: 32,
            epochs: 10,
            seed: 1,
            loss: Loss::CrossEntropy,
            weight_decay: 0.0,
            clip_norm: None,
            average: None,
            class_weights: None,
            label_smoothing: 0.0,
            hold_out: 0.0,
            quantized_epochs: 0,
            patience: None,
            augment: Augmentation::default(),
        }
    }
}

impl Training {
    /// Whether the network is trained as its int8 export has it once so many epochs are done.
    pub(crate) fn is_quantized_after(&self, done: usize) -> bool {
        done + self.quantized_epochs >= self.epochs && self.quantized_epochs > 0
    }

    /// Checks every option's range.
    ///
    /// # Errors
    /// [`TrainError::Field`] naming the option and its range.
    pub fn check(&self) -> Result<(), TrainError> {
        field("training.batch", (1..=MAX_BATCH).contains(&self.batch), || {
            format!("{} is not between 1 and {MAX_BATCH}", self.batch)
        })?;
        field("training.epochs", (1..=MAX_EPOCHS).contains(&self.epochs), || {
            format!("{} is not between 1 and {MAX_EPOCHS}", self.epochs)
        })?;
        let rate = self.learning_rate;
        field("training.learning_rate", rate.is_finite() && rate > 0.0, || {
            format!("{rate} is not a positive number; 0.001 is a usual one for adam")
        })?;
        let decay = self.weight_decay;
        field("training.weight_decay", (0.0..1.0).contains(&decay), || {
            format!("{decay} is not between 0 and 1; 0.01 is a usual one")
        })?;
        field("training.weight_decay", self.optimizer != Optimizer::AdamW || decay > 0.0, || {
            "0 with adamw is plain adam: give one, 0.01 is usual, or take adam".to_owned()
        })?;
        let norm = self.clip_norm.unwrap_or(1.0);
        field("training.clip_norm", norm.is_finite() && norm > 0.0, || {
            format!("{norm} is not a positive number; 1 is a usual one")
        })?;
        let average = self.average.unwrap_or(0.5);
        field("training.average", average > 0.0 && average < 1.0, || {
            format!("{average} is not between 0 and 1; 0.999 is a usual one")
        })?;
        let smoothing = self.label_smoothing;
        field("training.label_smoothing", (0.0..1.0).contains(&smoothing), || {
            format!("{smoothing} is not between 0 and 1; 0.1 is a usual one")
        })?;
        let share = self.hold_out;
        field("training.hold_out", (0.0..=MAX_HOLD_OUT).contains(&share), || {
            format!("{share} is not between 0 and {MAX_HOLD_OUT}; 0.1 is a usual one")
        })?;
        let patience = self.patience.unwrap_or(MAX_EPOCHS);
        field("training.patience", patience > 0, || "0 epochs: use 1 or more".into())?;
        field("training.patience", self.patience.is_none() || share > 0.0, || {
            "there is nothing to judge epochs by: hold_out = 0.1 holds a tenth of the training \
             pictures out (the test pictures must not decide)"
                .to_owned()
        })?;
        field("training.seed", i64::try_from(self.seed).is_ok(), || {
            format!("{} does not fit a TOML integer: use one below 2^63", self.seed)
        })?;
        field("training.quantized_epochs", self.quantized_epochs <= self.epochs, || {
            format!("{} of {} epochs: use no more than all", self.quantized_epochs, self.epochs)
        })?;
        let both = self.quantized_epochs > 0 && self.patience.is_some();
        field("training.quantized_epochs", !both, || {
            "patience could end the training before they begin: leave one of the two out".to_owned()
        })?;
        self.augment.check().map_err(|error| TrainError::Field {
            field: "training.augment",
            problem: error.to_string(),
        })?;
        self.schedule.check()
    }
}

impl Training {
    /// The learning rate of step `step`, from 0, where an epoch has `steps_per_epoch`.
    pub fn learning_rate_of(&self, step: u64, steps_per_epoch: u64) -> f64 {
        learning_rate(self, step, steps_per_epoch)
    }
}

impl Schedule {
    fn check(&self) -> Result<(), TrainError> {
        match *self {
            Self::Constant | Self::Cosine => Ok(()),
            Self::Step { epochs, factor } => {
                field("training.schedule.epochs", epochs > 0, || "0 epochs: use 1 or more".into())?;
                field("training.schedule.factor", factor > 0.0 && factor <= 1.0, || {
                    format!("{factor} is not above 0 and at most 1; 0.5 is a usual one")
                })
            }
            Self::OneCycle { warm_up } => {
                field("training.schedule.warm_up", warm_up > 0.0 && warm_up < 1.0, || {
                    format!("{warm_up} is not between 0 and 1; 0.3 is a usual one")
                })
            }
        }
    }
}

/// More pictures than this in a step is a typing error.
const MAX_BATCH: usize = 1 << 16;
/// More epochs than this is a typing error.
const MAX_EPOCHS: usize = 100_000;

/// More than this would leave too little to learn from.
const MAX_HOLD_OUT: f64 = 0.5;

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

fn is_no_epoch(epochs: &usize) -> bool {
    *epochs == 0
}

fn default_warm_up() -> f64 {
    0.3
}

fn field(
    field: &'static str,
    holds: bool,
    problem: impl FnOnce() -> String,
) -> Result<(), TrainError> {
    if holds { Ok(()) } else { Err(TrainError::Field { field, problem: problem() }) }
}
