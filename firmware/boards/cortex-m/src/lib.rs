//! What all Cortex-M boards share.
#![no_std]

pub mod stack;
