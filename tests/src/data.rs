//! Data sets on disk, as a user would bring them.

use std::path::Path;
use thumbnet_data::idx::IdxArray;
use thumbnet_data::{Dataset, Pictures};

/// Writes `dataset`, grey pictures, as the four IDX files into `folder`, which is made.
pub fn write_idx(folder: &Path, dataset: &Dataset) {
    std::fs::create_dir_all(folder).expect("the folder can be made");
    for (part, pictures) in [("train", &dataset.train), ("t10k", &dataset.test)] {
        let write = |name: &str, array: IdxArray| {
            let path = folder.join(format!("{part}-{name}"));
            std::fs::write(path, array.to_bytes()).expect("the folder is writable");
        };
        write("images-idx3-ubyte", images(pictures));
        write("labels-idx1-ubyte", labels(pictures));
    }
}

fn images(pictures: &Pictures) -> IdxArray {
    let dimensions = vec![pictures.len(), pictures.shape.h, pictures.shape.w];
    IdxArray { dimensions, bytes: pictures.pixels().into_owned() }
}

fn labels(pictures: &Pictures) -> IdxArray {
    let bytes = pictures.labels.iter().map(|&label| u8::try_from(label).expect("few classes"));
    IdxArray { dimensions: vec![pictures.len()], bytes: bytes.collect() }
}
