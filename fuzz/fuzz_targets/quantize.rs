//! Bytes to the reader of float files, the quantizer, the writer and the simulator.
#![no_main]

#[path = "../src/quantize.rs"]
mod quantize;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| quantize::quantize(bytes));
