//! Kernels for cores that multiply one word at a time and have no vectors: Cortex-M0, M3, RISC-V. Plain Rust.
//!
//! On such a core loading and extending a weight costs as much as multiplying and adding it. So every multiplication
//! serves two positions of the window, whose inputs share a word (`halves.rs`).

mod conv2d;
mod halves;
mod words;

pub use conv2d::{conv2d, conv2d_order, conv2d_scratch_bytes};
