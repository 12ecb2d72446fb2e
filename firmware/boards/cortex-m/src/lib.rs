//! What all Cortex-M boards share.
#![no_std]

#[cfg(not(armv6m))]
pub mod cycles;
pub mod stack;
