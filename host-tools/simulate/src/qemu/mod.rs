//! The reference board in QEMU: builds its firmware for a model, starts it, talks to it.

mod emulator;
mod log;
mod process;

pub use emulator::Emulator;

use crate::boards;
use crate::error::SimulateError;
use std::path::{Path, PathBuf};

/// The reference board: its folder in `firmware/boards` and its executable.
pub const BOARD: &str = "qemu-mps2-an386";

/// Builds the reference board's firmware for the ONNX file `model` and returns its ELF image.
///
/// # Errors
/// As [`boards::build`].
pub fn build(model: &Path) -> Result<PathBuf, SimulateError> {
    boards::build(BOARD, model)
}

/// Builds the network of `model` alone, without console and log: to measure its size and to prove that
/// it cannot panic.
///
/// # Errors
/// As [`boards::build`].
pub fn build_bare(model: &Path) -> Result<PathBuf, SimulateError> {
    boards::build_binary(BOARD, "bare", model)
}
