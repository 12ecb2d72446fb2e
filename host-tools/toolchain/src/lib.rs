//! What firmware needs beyond a desktop Rust: a core library for Cortex-M, and QEMU to run it.
//!
//! Everything that builds or emulates firmware asks here, so that there is one answer to "which compiler": the
//! core library that rustup installed if it is there, else Debian's packaged compiler and library sources.
//! `cargo xtask setup` installs what is missing, through the same functions.
#![forbid(unsafe_code)]

mod error;
mod install;
mod qemu;
mod route;

pub use error::Error;
pub use install::{Consent, install};
pub use qemu::{QEMU, qemu};
pub use route::{Route, cargo_for_target, route};

/// The instruction set of the reference board: Cortex-M4F and M7.
pub const CORTEX_M4F: &str = "thumbv7em-none-eabihf";

/// The smallest instruction set of all: Cortex-M0 and M0+.
pub const CORTEX_M0: &str = "thumbv6m-none-eabi";

/// What the boards are built for.
pub const TARGETS: [&str; 2] = [CORTEX_M4F, CORTEX_M0];
