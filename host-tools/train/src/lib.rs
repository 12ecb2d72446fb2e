//! Networks as data, the CPU training engine, optimizers and metrics.
#![forbid(unsafe_code)]

pub mod calibration;
mod checkpoint;
pub mod doubt;
mod engine;
mod error;
mod export;
mod folder;
pub mod metrics;
mod network;
mod observer;
mod plan;
mod recipe;
mod rounded;
mod session;
mod split;
mod tensors;
mod train;
mod verdict;

pub use error::TrainError;
pub use network::Network;
pub use observer::{BatchProgress, EpochResult, Observer};
pub use recipe::{
    Activation, BUILT_IN, ClassWeightRule, ClassWeights, DataOrigin, Input, InputFit, Layer, Loss,
    Optimizer, Padding, Recipe, Schedule, Training,
};
pub use rounded::{CALIBRATION_PICTURES, Rounded};
pub use train::{Trained, load, resume, train};
