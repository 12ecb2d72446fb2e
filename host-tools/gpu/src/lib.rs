//! The trainer's networks on burn: the same list of stages, with burn's tensors and gradients in place of the engine's.
#![forbid(unsafe_code)]

mod device;
mod follow;
mod forward;
mod layout;
mod learner;
mod loss;
mod network;
mod rule;
#[cfg(feature = "several")]
mod several;
mod teach;

pub use device::Gpu;
pub use forward::{Dropouts, Outcome};
pub use loss::loss;
pub use network::{Gradients, Network};
