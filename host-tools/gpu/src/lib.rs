//! The trainer's networks on burn: the same list of stages, with burn's tensors and gradients in place of the engine's.
#![forbid(unsafe_code)]

mod forward;
mod layout;
mod loss;
mod network;

pub use forward::{Dropouts, Outcome};
pub use loss::loss;
pub use network::{Gradients, Network};
