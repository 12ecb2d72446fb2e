//! Runs compiled networks: on the desktop, in QEMU, over a serial line.
//!
//! ```no_run
//! use thumbnet_simulate::{boards, qemu};
//!
//! # fn main() -> Result<(), thumbnet_simulate::SimulateError> {
//! let board = boards::load(qemu::BOARD)?;
//! let image = boards::build(&board, "models/fashion/model.onnx".as_ref())?;
//! let mut emulator = qemu::Emulator::start(&board, &image)?;
//! let input = vec![0; emulator.info().input_len()];
//! let inference = emulator.infer(&input)?;
//! println!("{:?} in {} instructions", inference.logits, inference.cost);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod arrays;
pub mod boards;
mod catch_panic;
pub mod console;
pub mod desktop;
pub mod elf;
mod error;
pub mod file;
pub mod qemu;

pub use catch_panic::catch_panic;
pub use error::SimulateError;
pub use firmware::observer::crc32_of_map;
