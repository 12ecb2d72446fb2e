//! What all Cortex-M boards share.
#![no_std]

pub mod cycles;
pub mod stack;
