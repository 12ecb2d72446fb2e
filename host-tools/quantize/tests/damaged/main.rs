//! Damaged float files: an error, or an int8 network whose kernels give what it means. The fuzz target `quantize` tries
//! many more.

#[path = "../../../simulate/tests/foreign_files/mutate.rs"]
mod mutate;
#[path = "../../../../fuzz/src/quantize.rs"]
mod quantize;

use mutate::Mutator;
use std::time::{Duration, Instant};

const FILES: [&[u8]; 2] =
    [include_bytes!("../pytorch/script.onnx"), include_bytes!("../pytorch/dynamo.onnx")];

/// Damaged files tried; most are refused.
const DAMAGED: u64 = 150;
/// Far above what any of them takes: a hang is a failure.
const LONGEST: Duration = Duration::from_secs(20);

#[test]
fn damaged_files_break_nothing() {
    let files = FILES.map(<[u8]>::to_vec);
    for seed in 0..DAMAGED {
        let damaged = Mutator::new(seed).damage(&files);
        let started = Instant::now();
        quantize::quantize(&damaged);
        assert!(started.elapsed() < LONGEST, "seed {seed} took {:?}", started.elapsed());
    }
}
