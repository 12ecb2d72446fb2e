//! What firmware needs beyond a desktop Rust: a core library for Cortex-M, and QEMU to run it.
#![forbid(unsafe_code)]
