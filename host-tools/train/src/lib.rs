//! Networks as data, the CPU training engine, optimizers and metrics.
#![forbid(unsafe_code)]

pub mod calibration;
mod checkpoint;
pub mod doubt;
mod engine;
mod error;
mod export;
mod folder;
mod gradient;
mod learner;
mod likeness;
pub mod metrics;
mod network;
mod observer;
mod plan;
mod pseudo_labels;
mod recipe;
mod rounded;
mod session;
mod split;
mod tensors;
mod train;
mod transfer;
mod verdict;

pub use engine::{EPSILON as NORM_EPSILON, Parameters};
pub use error::TrainError;
pub use gradient::{Gradient, gradient};
pub use learner::{Batch, Device, Learner, Start as DeviceStart, State, StepRates};
pub use network::Network;
pub use observer::{BatchProgress, EpochResult, Observer};
pub use plan::{Plan, Pool, Stage, StageKind};
pub use pseudo_labels::Labelled;
pub use recipe::{
    Activation, BUILT_IN, ClassWeightRule, ClassWeights, DataOrigin, Input, Labelling, Layer, Loss,
    Optimizer, Padding, PseudoLabels, Recipe, Schedule, Start, Training,
};
pub use rounded::{CALIBRATION_PICTURES, Rounded};
pub use train::{Trained, load, resume, resume_on, train, train_on};
