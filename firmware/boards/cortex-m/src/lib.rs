//! What all Cortex-M boards share.
#![no_std]

#[cfg(all(feature = "cycles", not(armv6m)))]
pub mod cycles;
#[cfg(feature = "semihosting")]
pub mod host;
pub mod stack;
