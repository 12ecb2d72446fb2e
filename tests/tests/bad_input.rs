//! Bad input ends in one line that names the file and a remedy, exit code 2, and no half-written file.

use parity::{Outcome, dense, one_layer, program, small, write_idx};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use thumbnet_graph::onnx::{self, Form};
use thumbnet_graph::{Int8Graph, Shape, Window};

/// A folder with a model, a data set and a trained network, and whatever else a test puts there.
fn workplace() -> TempDir {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    small().write_to(folder.path());
    write_idx(&folder.path().join("pictures"), &small().dataset);
    folder
}

/// All files and folders below `folder`, with the contents of the files.
fn listing(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut listing = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            listing.extend(self::listing(&path));
            listing.insert(path, None);
        } else {
            let bytes = std::fs::read(&path).expect("a readable file");
            listing.insert(path, Some(bytes));
        }
    }
    listing
}

/// Runs `thumbnet` in `folder`, and checks that it fails as it should, with all of `words` in its one line.
fn refused(folder: &Path, arguments: &[&str], words: &[&str]) {
    let before = listing(folder);
    let outcome = Outcome::of(program().args(arguments).current_dir(folder));
    assert_eq!(outcome.code, Some(2), "{arguments:?}: {outcome:#?}");
    is_one_line(arguments, &outcome, words);
    let after = listing(folder);
    let new: Vec<_> = after.keys().filter(|path| !before.contains_key(*path)).collect();
    assert_eq!(new, [""; 0].map(PathBuf::from).each_ref(), "{arguments:?} left files behind");
    assert!(before == after, "{arguments:?} changed files");
}

fn is_one_line(arguments: &[&str], outcome: &Outcome, words: &[&str]) {
    let line = outcome.stderr.trim_end_matches('\n');
    assert!(
        line.starts_with("thumbnet: ") && !line.contains('\n'),
        "{arguments:?} said more or less than one line: {outcome:#?}"
    );
    for word in words {
        assert!(line.contains(word), "{arguments:?}: `{word}` is not in `{line}`");
    }
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("it can be made");
    std::fs::write(path, bytes).expect("the folder is writable");
}

/// A grey picture of four pixels, in the simplest format that is read: PNM.
fn picture(folder: &Path, name: &str) {
    write(folder, name, b"P5 2 2 255\n\x00\x80\xc0\xff");
}

#[test]
fn folders_that_are_missing_or_files() {
    let folder = workplace();
    let folder = folder.path();
    refused(folder, &["train", "--data", "nowhere/pictures"], &["nowhere/pictures", "check"]);
    refused(folder, &["train", "--data", "small.onnx"], &["small.onnx", "folder"]);
    refused(folder, &["simulate", "small.onnx", "--data", "./nowhere"], &["nowhere", "check"]);
    refused(folder, &["export", "nowhere"], &["nowhere"]);
    refused(folder, &["inspect", "nowhere.onnx"], &["nowhere.onnx", "check"]);
    refused(folder, &["simulate", "small.onnx", "--image", "nowhere.png"], &["nowhere.png"]);
}

#[test]
fn names_of_nothing() {
    let folder = workplace();
    let folder = folder.path();
    refused(folder, &["train", "--data", "imagenet"], &["imagenet", "fashion-mnist"]);
    refused(folder, &["data", "get", "imagenet"], &["imagenet", "fashion-mnist and mnist"]);
    refused(folder, &["train", "--model", "resnet"], &["resnet", "seed-cnn, lenet5"]);
    let board = ["inspect", "small.onnx", "--board", "toaster"];
    refused(folder, &board, &["toaster", "nucleo-f446re"]);
    refused(
        folder,
        &["compile", "small.onnx", "--board", "toaster"],
        &["toaster", "nucleo-f446re"],
    );
    refused(
        folder,
        &["profile", "small.onnx", "--board", "toaster"],
        &["toaster", "nucleo-f446re"],
    );
}

#[test]
fn classes_without_pictures() {
    let folder = workplace();
    let folder = folder.path();
    for number in 0..5 {
        picture(folder, &format!("shoes/boot/{number}.pgm"));
    }
    std::fs::create_dir_all(folder.join("shoes/sandal")).expect("the folder is writable");
    refused(folder, &["train", "--data", "shoes"], &["shoes", "sandal", "add"]);
}

#[test]
fn idx_files_that_are_cut_off_or_missing() {
    let folder = workplace();
    let folder = folder.path();
    let pictures = folder.join("pictures/train-images-idx3-ubyte");
    let bytes = std::fs::read(&pictures).expect("it was written");
    std::fs::write(&pictures, &bytes[..bytes.len() - 1]).expect("it is writable");
    let name = "pictures/train-images-idx3-ubyte";
    let train = ["train", "--data", "pictures", "-o", "model"];
    refused(folder, &train, &[name, "cut off", "again"]);
    std::fs::write(&pictures, &bytes[..10]).expect("it is writable");
    refused(folder, &train, &[name]);
    std::fs::write(&pictures, "hello").expect("it is writable");
    refused(folder, &train, &[name, "IDX"]);
    std::fs::remove_file(&pictures).expect("it is writable");
    refused(folder, &train, &["pictures", "train-images-idx3-ubyte"]);
}

#[test]
fn texts_that_are_named_as_pictures() {
    let folder = workplace();
    let folder = folder.path();
    for number in 0..5 {
        for class in ["boot", "sandal"] {
            picture(folder, &format!("shoes/{class}/{number}.pgm"));
        }
    }
    write(folder, "shoes/boot/text.png", "this is no picture");
    let words = ["shoes/boot/text.png", "cannot be read as a picture", "remove"];
    refused(folder, &["train", "--data", "shoes", "-o", "model"], &words);
    let simulate = ["simulate", "small.onnx", "--image", "shoes/boot/text.png"];
    refused(folder, &simulate, &words);
}

#[test]
fn files_that_are_no_onnx() {
    let folder = workplace();
    let folder = folder.path();
    write(folder, "text.onnx", "this is no model");
    write(folder, "empty.onnx", "");
    let whole = small().onnx();
    write(folder, "half.onnx", &whole[..whole.len() / 2]);
    for file in ["text.onnx", "empty.onnx", "half.onnx"] {
        refused(folder, &["inspect", file], &[file]);
        let compile = ["compile", file, "--board", "nucleo-f446re", "-o", "generated"];
        refused(folder, &compile, &[file]);
        refused(folder, &["simulate", file, "--data", "pictures"], &[file]);
        refused(folder, &["profile", file], &[file]);
    }
}

#[test]
fn models_that_are_too_large_for_the_board() {
    let folder = workplace();
    let folder = folder.path();
    let file =
        |name: &str, graph: &Int8Graph| write(folder, name, onnx::write(graph, Form::QLinear));
    file("flash.onnx", &dense(60_000, 10));
    file("ram.onnx", &one_layer(Shape::new(96, 96, 1), Window::square(3, 1), 32));
    let board = "nucleo-f446re";
    for verb in ["inspect", "compile"] {
        for (model, memory) in [("flash.onnx", "flash"), ("ram.onnx", "RAM")] {
            let words = ["one layer", "giant", memory, "B too many", board];
            refused(folder, &[verb, model, "--board", board], &words);
        }
    }
    refused(folder, &["compile", "flash.onnx", "--board", board, "-o", "generated"], &["giant"]);
}

#[test]
fn outputs_that_are_files() {
    let folder = workplace();
    let folder = folder.path();
    write(folder, "taken", "a file that stays as it is");
    let train = ["train", "--data", "pictures", "--epochs", "1", "-o"];
    refused(folder, &[&train[..], &["taken"]].concat(), &["taken"]);
    refused(folder, &[&train[..], &["taken/model"]].concat(), &["taken"]);
    let compile = ["compile", "small.onnx", "--board", "nucleo-f446re", "-o", "taken"];
    refused(folder, &compile, &["taken"]);
    Outcome::of(program().args([&train[..], &["model"]].concat()).current_dir(folder)).good();
    let export = ["export", "model", "--max-drop", "100", "-o"];
    refused(folder, &[&export[..], &["taken/model.onnx"]].concat(), &["taken/model.onnx"]);
    refused(folder, &[&export[..], &["pictures"]].concat(), &["pictures"]);
    refused(folder, &[&train[..], &["model"]].concat(), &["model", "--overwrite"]);
}

/// A file system of few bytes; gone when dropped.
#[cfg(target_os = "linux")]
struct TinyDisk<'a>(&'a Path);

#[cfg(target_os = "linux")]
impl<'a> TinyDisk<'a> {
    /// `None`, with a word why, for those who may not mount.
    fn mount(folder: &'a Path, size: &str) -> Option<Self> {
        std::fs::create_dir(folder).expect("the folder is writable");
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(folder);
        let outcome = mount.output().map(Outcome::from);
        if outcome.as_ref().is_ok_and(|outcome| outcome.code == Some(0)) {
            return Some(Self(folder));
        }
        println!("skipped: a full disk, since this user cannot mount one ({outcome:?})");
        None
    }
}

#[cfg(target_os = "linux")]
impl Drop for TinyDisk<'_> {
    fn drop(&mut self) {
        // If it fails, the folder cannot be removed, which is reported.
        let _ = std::process::Command::new("umount").arg(self.0).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn full_disks() {
    let folder = workplace();
    let folder = folder.path();
    let train = ["train", "--data", "pictures", "--epochs", "1", "-o"];
    Outcome::of(program().args([&train[..], &["model"]].concat()).current_dir(folder)).good();
    let path = folder.join("full");
    let Some(_disk) = TinyDisk::mount(&path, "16k") else { return };
    // One byte, so that what is cut off in the middle would be seen.
    write(folder, "full/other", "x");
    let runs = [
        (vec!["export", "model", "--max-drop", "100", "-o", "full/model.onnx"], "full/model.onnx"),
        (vec!["compile", "small.onnx", "--board", "nucleo-f446re", "-o", "full"], "full"),
        ([&train[..], &["full"]].concat(), "full"),
    ];
    for (arguments, file) in runs {
        let outcome = Outcome::of(program().args(&arguments).current_dir(folder));
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {outcome:#?}");
        is_one_line(&arguments, &outcome, &[file]);
        for (path, bytes) in listing(&path) {
            let whole = bytes.is_none_or(|bytes| is_whole(&path, &bytes));
            assert!(whole, "{arguments:?} left {} half-written", path.display());
        }
    }
}

/// Small files may have found room before a large one did not; none of the large ones has.
#[cfg(target_os = "linux")]
fn is_whole(path: &Path, bytes: &[u8]) -> bool {
    match path.file_name().and_then(|name| name.to_str()) {
        Some("other") => bytes == b"x",
        Some("network.rs") => bytes.ends_with(b"}\n"),
        Some("model.toml" | "history.jsonl") => bytes.ends_with(b"\n"),
        _ => false,
    }
}
