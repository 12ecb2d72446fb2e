//! The reference board in QEMU: builds its firmware for a model, starts it, talks to it.

mod build;
mod emulator;
mod log;
mod process;

pub use build::{build, build_bare};
pub use emulator::Emulator;
