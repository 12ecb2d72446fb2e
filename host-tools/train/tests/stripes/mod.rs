//! A small network and pictures that it can learn, for tests of whole trainings.
#![allow(dead_code, reason = "each file of tests uses its part of it")]

use std::collections::BTreeMap;
use std::path::Path;
use thumbnet_data::augment::Augmentation;
use thumbnet_data::{Dataset, Pictures};
use thumbnet_graph::Shape;
use thumbnet_train::Recipe;

/// A convolution with a pool, a convolution with padding, an average, two dense layers.
const LAYERS: &str = "
name = 'small'
input.shape = [8, 8, 1]
[[layers]]
type = 'conv2d'
filters = 5
kernel = [3, 3]
activation = 'relu'
[[layers]]
type = 'max_pool2d'
window = [2, 2]
[[layers]]
type = 'conv2d'
filters = 4
kernel = [2, 2]
padding = 'same'
activation = 'relu'
[[layers]]
type = 'flatten'
[[layers]]
type = 'dense'
units = 20
activation = 'relu'
[[layers]]
type = 'dense'
[training]
epochs = 4
batch = 20
learning_rate = 0.01
";

pub fn recipe() -> Recipe {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("model.toml");
    std::fs::write(&path, LAYERS).expect("a file for the test");
    Recipe::read(&path).expect("the test's recipe")
}

/// Pictures of three kinds that a small network can tell apart: noise, brighter at the top, at the left or nowhere.
pub fn dataset(count: usize) -> Dataset {
    let mut state = 12345u32;
    let mut noise = move || {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        state >> 25
    };
    let mut pictures = |count: usize| {
        let mut pixels = Vec::new();
        for index in 0..count {
            for at in 0..64 {
                let bright = match index % 3 {
                    0 => at / 8 < 3,
                    1 => at % 8 < 3,
                    _ => false,
                };
                pixels.push((noise() + if bright { 90 } else { 0 }) as u8);
            }
        }
        let labels = (0..count).map(|index| index % 3).collect();
        Pictures::new(Shape::new(8, 8, 1), pixels, labels)
    };
    let classes = ["top", "left", "none"].map(str::to_owned).to_vec();
    let (train, test) = (pictures(count), pictures(31));
    Dataset { name: "stripes".to_owned(), classes, train, test }
}

/// Every file's name and bytes.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    entries
        .map(|entry| {
            let entry = entry.expect("an entry");
            let bytes = std::fs::read(entry.path()).expect("a file");
            (entry.file_name().into_string().expect("a plain name"), bytes)
        })
        .collect()
}

/// Every kind of change at once.
pub fn changes() -> Augmentation {
    Augmentation {
        shift: 0.1,
        rotate: 5.0,
        zoom: 0.1,
        crop: 0.1,
        flip: false,
        brightness: 0.1,
        contrast: 0.1,
        noise: 0.05,
        blur: 0.2,
        cutout: 0.2,
        mixup: 0.3,
    }
}
