//! Boards in QEMU: builds their firmware for a model, starts it, talks to it.

mod emulator;
mod log;
mod process;
mod stack;

pub use emulator::Emulator;
pub use stack::stack_bytes;

use crate::boards;
use crate::error::SimulateError;
use std::path::{Path, PathBuf};
use thumbnet_compile::Board;

/// The reference board, which is meant where none is named: its folder in `firmware/boards` and its executable.
pub const BOARD: &str = "qemu-mps2-an386";

/// All boards that QEMU emulates, by name.
///
/// # Errors
/// As [`boards::load`].
pub fn all_boards() -> Result<Vec<Board>, SimulateError> {
    let mut boards = Board::all(&boards::folder()?)?;
    boards.retain(|board| board.machine.is_some());
    Ok(boards)
}

/// Builds the network of `model` alone for `board`, without console and log: to measure its size and
/// its stack and to prove that it cannot panic.
///
/// # Errors
/// As [`boards::build`].
pub fn build_bare(board: &Board, model: &Path) -> Result<PathBuf, SimulateError> {
    boards::build_binary(board, "bare", model)
}

/// The machine as QEMU names it.
fn machine(board: &Board) -> Result<&str, SimulateError> {
    board.machine.as_deref().ok_or_else(|| SimulateError::NotEmulated { board: board.name.clone() })
}
