//! Files that other people's tools wrote: whole, they give the numbers that onnxruntime gives; damaged in any way,
//! they break nothing.

#[path = "../../../../fuzz/src/entry.rs"]
mod entry;
mod fixtures;
mod mutate;

use mutate::Mutator;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Damaged files tried by the smoke test; the fuzz targets in `fuzz/` try millions.
const DAMAGED: u64 = 1_500;
/// Far above what any of them takes: a hang is a failure.
const LONGEST: Duration = Duration::from_secs(10);

/// The folders below `tests/foreign`, by tool and name.
fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/foreign");
    let entries = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).expect("it is part of the repository");
        let paths = entries.map(|entry| entry.expect("it can be listed").path());
        paths.filter(|path| path.is_dir()).collect()
    };
    let mut folders: Vec<PathBuf> = entries(&root).iter().flat_map(|tool| entries(tool)).collect();
    folders.sort();
    folders
}

#[test]
fn damaged_files_break_nothing() {
    let files: Vec<Vec<u8>> = folders()
        .iter()
        .map(|folder| std::fs::read(folder.join("model.onnx")).expect("it has a model"))
        .filter(|file| file.len() < 12_000)
        .collect();
    for seed in 0..DAMAGED {
        let damaged = Mutator::new(seed).damage(&files);
        let started = Instant::now();
        entry::read(&damaged);
        entry::run(&damaged);
        assert!(started.elapsed() < LONGEST, "seed {seed} took {:?}", started.elapsed());
    }
}
