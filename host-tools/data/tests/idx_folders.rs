//! Folders of IDX files as a user has them: good, gzipped, colour, and broken in every way.

use std::{fs, path::Path};
use tempfile::TempDir;
use thumbnet_data::{Fit, InputSpec, Preprocessing, idx::IdxArray, load};
use thumbnet_kernels::geometry::Shape;

const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

fn input(h: usize, w: usize, c: usize) -> InputSpec {
    InputSpec::new(Shape::new(h, w, c), Preprocessing::new(Fit::Stretch, false))
}

fn pictures(count: usize, sides: &[usize]) -> IdxArray {
    let dimensions = [&[count], sides].concat();
    let bytes = (0..dimensions.iter().product()).map(|index| (index * 7 % 251) as u8).collect();
    IdxArray { dimensions, bytes }
}

fn labels(labels: &[u8]) -> IdxArray {
    IdxArray { dimensions: vec![labels.len()], bytes: labels.to_vec() }
}

/// Six training and three test pictures of three classes.
fn arrays(sides: &[usize]) -> [IdxArray; 4] {
    [pictures(6, sides), labels(&[0, 1, 2, 2, 1, 0]), pictures(3, sides), labels(&[2, 1, 0])]
}

fn write(folder: &Path, arrays: &[IdxArray; 4]) {
    for (name, array) in NAMES.iter().zip(arrays) {
        fs::write(folder.join(name), array.to_bytes()).unwrap();
    }
}

fn error(folder: &Path) -> String {
    let message = load(folder.to_str().unwrap(), input(2, 3, 1)).unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message}");
    message
}

#[test]
fn plain_and_gzipped_files_give_the_same_set() {
    let [plain, gzipped] = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let arrays = arrays(&[2, 3]);
    write(plain.path(), &arrays);
    for (name, array) in NAMES.iter().zip(&arrays) {
        fs::write(gzipped.path().join(format!("{name}.gz")), array.to_gzip()).unwrap();
    }
    let read = |folder: &TempDir| load(folder.path().to_str().unwrap(), input(2, 3, 1)).unwrap();
    let [a, b] = [read(&plain), read(&gzipped)];
    assert_eq!(*a.train.pixels(), arrays[0].bytes);
    assert_eq!(a.train.labels, [0, 1, 2, 2, 1, 0]);
    assert_eq!(a.test.labels, [2, 1, 0]);
    assert_eq!(a.classes, ["0", "1", "2"]);
    assert_eq!(a.name, plain.path().file_name().unwrap().to_str().unwrap());
    assert_eq!(a.digest(), b.digest());
}

#[test]
fn colour_pictures_become_what_the_input_says() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), &arrays(&[2, 2, 3]));
    let source = folder.path().to_str().unwrap();
    let colour = load(source, input(2, 2, 3)).unwrap();
    assert_eq!(*colour.train.pixels(), pictures(6, &[2, 2, 3]).bytes);
    let grey = load(source, input(4, 4, 1)).unwrap();
    assert_eq!(grey.train.pixels().len(), 6 * 16);
    let [r, g, b] = [0, 7, 14]; // the first pixel
    assert_eq!(grey.train.pixels()[0], firmware::preprocess::luma([r, g, b]));
}

#[test]
fn classes_come_from_their_file() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), &arrays(&[2, 3]));
    let file = folder.path().join("classes.txt");
    fs::write(&file, "cat\ndog\n\n bird \r\n").unwrap();
    let dataset = load(folder.path().to_str().unwrap(), input(2, 3, 1)).unwrap();
    assert_eq!(dataset.classes, ["cat", "dog", "bird"]);
    fs::write(&file, "cat\ndog\n").unwrap();
    let expected = "label 2 of picture 2 is not one of the 2 classes";
    assert!(error(folder.path()).contains(expected));
    fs::write(&file, "cat\ndog\nbird\nfish\n").unwrap();
    assert!(error(folder.path()).contains("class `fish` has no training pictures"));
    fs::write(&file, "cat\n").unwrap();
    assert!(error(folder.path()).contains("only one class (`cat`)"));
    fs::write(&file, "").unwrap();
    assert!(error(folder.path()).contains("classes.txt: names no class"));
}

#[test]
fn broken_files_are_named() {
    let folder = TempDir::new().unwrap();
    let good = arrays(&[2, 3]);
    let case = |index: usize, bytes: &[u8], expected: &str| {
        write(folder.path(), &good);
        fs::write(folder.path().join(NAMES[index]), bytes).unwrap();
        let message = error(folder.path());
        assert!(message.contains(NAMES[index]) && message.contains(expected), "{message}");
    };
    let cut = good[0].to_bytes();
    case(0, &cut[..cut.len() - 1], "cut off after 51 of 52 bytes: fetch or copy it again");
    case(1, b"not an IDX file", "is not IDX (it begins with 6e 6f 74 20)");
    case(2, &good[3].to_bytes(), "is an array of [3], not of pictures");
    case(3, &good[2].to_bytes(), "has 3 dimensions, not 1");
    case(0, &pictures(6, &[2, 3, 2]).to_bytes(), "is an array of [6, 2, 3, 2]");
    case(0, &pictures(6, &[0, 3]).to_bytes(), "not of pictures");
    case(1, &labels(&[0, 1, 2]).to_bytes(), "holds 6 pictures, but");
    case(1, &labels(&[0, 1, 0, 0, 1, 0]).to_bytes(), "class `2` has no training pictures");
    case(3, &labels(&[0, 1, 0]).to_bytes(), "class `2` has no test pictures");
    write(folder.path(), &good);
    fs::remove_file(folder.path().join(NAMES[2])).unwrap();
    assert!(error(folder.path()).contains("has no t10k-images-idx3-ubyte"));
}

#[test]
fn sources_that_are_no_data_are_explained() {
    let folder = TempDir::new().unwrap();
    let message = |source: &str| load(source, input(2, 2, 1)).unwrap_err().to_string();
    assert!(error(folder.path()).contains("holds neither IDX files nor class folders"));
    assert!(message("no/such/folder").contains("no/such/folder: no such folder"));
    assert!(message("fashion").contains("`fashion` is neither a folder nor a data set"));
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(message(file.to_str().unwrap()).contains("is a file: give the folder"));
    let four = load("", input(28, 28, 4)).unwrap_err().to_string();
    assert!(four.contains("28 x 28 x 4 cannot hold a picture"), "{four}");
}

#[test]
fn the_embedded_set_is_the_default_and_can_be_resized() {
    let by_default = load("", input(28, 28, 1)).unwrap();
    assert_eq!(load("fashion-mnist-subset", input(28, 28, 1)).unwrap(), by_default);
    let small = load("", input(7, 9, 3)).unwrap();
    assert_eq!(small.train.pixels().len(), 5_000 * 7 * 9 * 3);
    assert_eq!(small.test.labels, by_default.test.labels);
}

#[test]
fn the_full_sets_load_with_their_classes() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    for (name, first) in [("fashion-mnist", "T-shirt/top"), ("mnist", "0")] {
        let folder = shared.join(name);
        if !folder.is_dir() {
            println!("skipped: {} is not there", folder.display());
            continue;
        }
        let dataset = load(folder.to_str().unwrap(), input(28, 28, 1)).unwrap();
        let expected =
            format!("{name}: 10 classes, 60000 training and 10000 test pictures of 28 x 28, grey");
        assert_eq!(dataset.to_string(), expected);
        assert_eq!(dataset.classes[0], first);
    }
}
