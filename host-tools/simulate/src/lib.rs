//! Runs compiled networks: on the desktop, in QEMU, over a serial line.
#![forbid(unsafe_code)]

pub mod desktop;
