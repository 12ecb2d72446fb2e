//! Runs compiled networks: on the desktop, in QEMU, over a serial line.
//!
//! ```no_run
//! use thumbnet_simulate::qemu;
//!
//! # fn main() -> Result<(), thumbnet_simulate::SimulateError> {
//! let image = qemu::build("models/fashion/model.onnx".as_ref())?;
//! let mut board = qemu::Emulator::start(&image)?;
//! let input = vec![0; board.info().input_len()];
//! let inference = board.infer(&input)?;
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
pub mod qemu;

pub use catch_panic::catch_panic;
pub use error::SimulateError;
pub use firmware::observer::crc32_of_map;
