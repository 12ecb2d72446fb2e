//! The desktop reference: tract runs the ONNX file, and every layer's bytes are compared with ours.
//!
//! ```no_run
//! use thumbnet_reference::{Comparison, Model, Side};
//!
//! # fn main() -> Result<(), thumbnet_reference::ReferenceError> {
//! let model = Model::open("models/fashion/model.onnx".as_ref())?;
//! let sides = [Side::every_node(&model.graph)?, Side::deployed(&model.graph)?];
//! let comparison = Comparison::new(model.references()?, &sides)?;
//! let grey = |_picture| vec![0; model.graph.tensor(model.graph.input).shape.len()];
//! let parity = comparison.report(comparison.run(1, grey, || {})?, &model.file, "one grey picture");
//! assert!(parity.is_equal());
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod compare;
mod error;
mod guard;
mod inputs;
mod layout;
mod loading;
mod model;
mod port;
mod report;
mod side;
mod tract;

pub use compare::{Comparison, Tally};
pub use error::ReferenceError;
pub use inputs::Inputs;
pub use layout::Layout;
pub use model::{Model, Reference};
pub use port::Port;
pub use report::{Build, Difference, Exposed, LayerReport, ModeReport, Parity, Place};
pub use side::Side;
pub use tract::{Expose, Mode, OnnxFile, Tract};
