//! Makes the embedded Fashion-MNIST subset again, byte for byte:
//! `cargo run -p thumbnet-data --example make_subset -- FULL_SET [OUT]`
//!
//! FULL_SET is a folder with the four IDX files of Fashion-MNIST (`thumbnet data get fashion-mnist`); OUT is by default
//! where the subset lies in the source tree.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};
use thumbnet_data::idx::IdxArray;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let out = match &arguments[..] {
        [_] => Path::new(env!("CARGO_MANIFEST_DIR")).join("fashion-mnist-subset"),
        [_, out] => PathBuf::from(out),
        _ => {
            eprintln!("usage: make_subset FULL_SET [OUT]");
            return ExitCode::from(2);
        }
    };
    let full = Path::new(&arguments[0]);
    let made = make(full, &out, "train", 500).and_then(|()| make(full, &out, "t10k", 100));
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

/// Keeps the first `per_class` pictures of each class, in the order of the file.
fn make(full: &Path, out: &Path, part: &str, per_class: usize) -> Result<(), String> {
    let [pictures_name, labels_name] =
        [format!("{part}-images-idx3-ubyte"), format!("{part}-labels-idx1-ubyte")];
    let pictures = read(full, &pictures_name)?;
    let labels = read(full, &labels_name)?;
    let &[count, h, w] = &pictures.dimensions[..] else {
        return Err(format!("{pictures_name}: not grey pictures"));
    };
    if labels.dimensions != [count] || h * w == 0 {
        return Err(format!("{pictures_name} and {labels_name} do not belong together"));
    }
    let mut found = [0; 256];
    let [mut pixels, mut kept] = [Vec::new(), Vec::new()];
    for (picture, &label) in pictures.bytes.chunks_exact(h * w).zip(&labels.bytes) {
        found[usize::from(label)] += 1;
        if found[usize::from(label)] <= per_class {
            pixels.extend_from_slice(picture);
            kept.push(label);
        }
    }
    let pictures = IdxArray { dimensions: vec![kept.len(), h, w], bytes: pixels };
    write(out, &pictures_name, &pictures)?;
    write(out, &labels_name, &IdxArray { dimensions: vec![kept.len()], bytes: kept })
}

/// Reads a file, gzipped or not.
fn read(folder: &Path, name: &str) -> Result<IdxArray, String> {
    let plain = folder.join(name);
    let path = if plain.exists() { plain } else { folder.join(format!("{name}.gz")) };
    IdxArray::read(&path).map_err(|error| error.to_string())
}

fn write(folder: &Path, name: &str, array: &IdxArray) -> Result<(), String> {
    let path = folder.join(format!("{name}.gz"));
    let bytes = array.to_gzip();
    println!("{}: {} bytes, content {}", path.display(), bytes.len(), array.digest());
    fs::write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}
