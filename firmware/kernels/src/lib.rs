//! Exact int8 kernels for image classifiers: convolution, pooling, dense, residual add.
//!
//! `no_std`, no alloc, no panic path. Every kernel is specified by its readable version in
//! [`portable`]; a [`Backend`] for an instruction set may replace any of them as long as every byte
//! stays the same. Shapes are `[h, w, c]` for activations and `[oc, kh, kw, ic]` for weights.
//!
//! This is the ground floor of Thumbnet: it imports nothing of ours. The compiler on the host picks
//! kernels and proves their preconditions (sizes, bounds of accumulators), so nothing here returns
//! an error: a descriptor that lies about its slices leaves outputs unwritten, it never faults.
#![no_std]

#[cfg(feature = "pack")]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod armv7em;
mod backend;
pub mod blob;
pub mod geometry;
pub mod intrin;
pub mod map;
pub mod model;
pub mod order;
pub mod packed;
pub mod portable;
pub mod preprocessing;
pub mod requantize;
pub mod scalar;

pub use backend::{Armv7em, Backend, Native, Portable, Scalar};
