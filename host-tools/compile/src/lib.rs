//! From an int8 network to firmware: choose kernels, prove their bounds, plan memory, write Rust and weights.
//!
//! Depends on little, because it also runs in the build script of every board.
#![forbid(unsafe_code)]

mod program;

pub use program::{Call, Factors, Program, Region, Requantize, Step};
