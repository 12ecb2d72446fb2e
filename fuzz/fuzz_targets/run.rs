//! Bytes to the reader, the compiler and the simulator.
#![allow(dead_code)] // Each target uses one entry.
#![no_main]

#[path = "../src/entry.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entry::run(bytes));
