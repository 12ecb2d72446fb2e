//! Why a training cannot start, go on or be read back.

use std::path::PathBuf;
use thumbnet_data::DataError;

/// Why a network cannot be built, trained or read back; every message names what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// Neither a built-in network nor a file.
    #[error(
        "there is no network `{name}`: use one of {known}, or the path of a model.toml that exists"
    )]
    UnknownModel {
        /// What was asked for.
        name: String,
        /// The built-in names.
        known: String,
    },
    /// A recipe that is not TOML, or has a field that does not exist or does not fit.
    #[error("{}: {problem}", path.display())]
    Recipe {
        /// The recipe.
        path: PathBuf,
        /// The parser's words, with line and field.
        problem: String,
    },
    /// A layer that cannot be where it is.
    #[error("layer {index} ({kind}): {problem}")]
    Layer {
        /// From 1, as they stand in the recipe.
        index: usize,
        /// `conv2d`, `max_pool2d`, …
        kind: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A recipe's field outside its range.
    #[error("the recipe's {field}: {problem}")]
    Field {
        /// Where in the recipe, e.g. `training.batch`.
        field: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A trained network whose weights cannot be begun with.
    #[error("{} cannot be begun with: {problem}", path.display())]
    Transfer {
        /// Its folder.
        path: PathBuf,
        /// What does not match and what to do.
        problem: String,
    },
    /// Pictures that the network cannot learn from.
    #[error("the data set `{name}`: {problem}")]
    Data {
        /// The data set's name.
        name: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// Pictures that cannot be read any more.
    #[error(transparent)]
    Pictures(#[from] DataError),
    /// The exporter cannot write what is to be trained as the int8 network has it.
    #[error("the network cannot be quantized: {problem}; train it without `quantized_epochs`")]
    Quantization {
        /// The exporter's words.
        problem: String,
    },
    /// A device that is not there, or failed.
    #[error("{device}: {problem}")]
    Device {
        /// What the device is called.
        device: String,
        /// What happened and what to do.
        problem: String,
    },
    /// The loss or a weight is no longer a number.
    #[error(
        "the training diverged in epoch {epoch}, batch {batch} (the loss is {loss}): try a smaller \
         learning rate than {learning_rate:?}, e.g. `--learning-rate {advice:?}`"
    )]
    Diverged {
        /// From 1.
        epoch: usize,
        /// From 1.
        batch: usize,
        /// `NaN` or `inf`.
        loss: f64,
        /// The recipe's peak rate.
        learning_rate: f64,
        /// A rate to try.
        advice: f64,
    },
    /// Stopped before there was anything to keep.
    #[error("stopped before the first epoch was complete: nothing was kept")]
    Stopped,
    /// A file that cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that cannot be written.
    #[error("cannot write {}: {source}{}", path.display(), advice(*kept_epochs))]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
        /// Epochs that are safe in the last good checkpoint; 0 if there is none.
        kept_epochs: usize,
    },
    /// A file that is not what its name says.
    #[error("{}: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// No unfinished training in this folder.
    #[error("{}: there is no unfinished training to resume: {problem}", path.display())]
    NothingToResume {
        /// The folder.
        path: PathBuf,
        /// What was looked for, and what to do.
        problem: String,
    },
}

fn advice(count: usize) -> String {
    match count {
        0 => "; free space or choose another folder with `-o`".to_owned(),
        1 => "; the first epoch is safe: free space, then go on with `--resume`".to_owned(),
        count => format!("; {count} epochs are safe: free space, then go on with `--resume`"),
    }
}
