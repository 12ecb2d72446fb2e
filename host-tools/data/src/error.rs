//! What can be wrong with a user's data, and what to do about it.

use crate::max_bad::Unreadable;
use std::path::{Path, PathBuf};

/// Why a data set cannot be loaded or fetched. Every message is one line that names the file and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// Neither a folder nor a known name.
    #[error(
        "`{name}` is neither a folder nor a data set: give {EMBEDDED}, fashion-mnist, mnist or a folder",
        EMBEDDED = crate::EMBEDDED
    )]
    UnknownName {
        /// What was asked for.
        name: String,
    },
    /// A known set that nobody has fetched.
    #[error("`{name}` is not on this machine (looked in {looked}): run `thumbnet data get {name}`")]
    NotFetched {
        /// What was asked for.
        name: String,
        /// The folders that do not exist.
        looked: String,
    },
    /// No set that `data get` knows.
    #[error("`{name}` cannot be fetched: fashion-mnist and mnist can")]
    UnknownSet {
        /// What was asked for.
        name: String,
    },
    /// Nowhere to fetch a set from.
    #[error(
        "`{name}` cannot be fetched; tried {tried}: check the network, or put the four IDX files into {folder}",
        folder = .folder.display()
    )]
    NoRoute {
        /// The set.
        name: String,
        /// Routes, each with the reason why it failed.
        tried: String,
        /// Where the set would have been put.
        folder: PathBuf,
    },
    /// A path that leads nowhere.
    #[error("{path}: no such folder: check the path", path = .path.display())]
    MissingFolder {
        /// The path.
        path: PathBuf,
    },
    /// A file where a folder was expected.
    #[error("{path}: is a file: give the folder that it lies in", path = .path.display())]
    NotFolder {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("{path}: cannot {action} ({error}): check that it exists, its permissions and the free space", path = .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// `read`, `write`, …
        action: &'static str,
        /// What the operating system says.
        error: std::io::Error,
    },
    /// Prepared pictures in a file that are no longer what was written.
    #[error("{path}: a prepared picture cannot be read back ({reason}): check the disk, and run again", path = .path.display())]
    Lost {
        /// The file, or the folder that it was made in.
        path: PathBuf,
        /// What the operating system says, or that it was changed.
        reason: String,
    },
    /// A folder without anything that looks like data.
    #[error(
        "{path}: holds neither IDX files nor class folders of pictures: expected train-images-idx3-ubyte, \
         train/CLASS/*.png or CLASS/*.png",
        path = .path.display()
    )]
    NoData {
        /// The folder.
        path: PathBuf,
    },
    /// One of the four IDX files is missing.
    #[error("{path}: has no {file} (.gz or not): put it beside the others", path = .path.display())]
    MissingIdx {
        /// The folder.
        path: PathBuf,
        /// The file's usual name.
        file: String,
    },
    /// Not IDX, or not the kind of IDX that is needed.
    #[error("{path}: {reason}: replace it by {expected}", path = .path.display())]
    NotIdx {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
        /// What should be there.
        expected: &'static str,
    },
    /// Not a file of CIFAR's binary form.
    #[error("{path}: {reason}: take the files of CIFAR's binary version as they are", path = .path.display())]
    NotCifar {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A list with a line that cannot be understood.
    #[error("{path}{line}: {problem}: write path,label or path,label,train|test on each line", path = .path.display(), line = in_line(*.line))]
    List {
        /// The list.
        path: PathBuf,
        /// From 1; 0 for the whole file.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// A list of pictures to leave out with a line that names none.
    #[error("{path}, line {line}: {problem}: write it again with `thumbnet data lint`", path = .path.display())]
    Exclusion {
        /// The list.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// The end is missing.
    #[error("{path}: cut off after {found} of {expected} bytes: fetch or copy it again", path = .path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes found (decompressed).
        found: u64,
        /// Bytes that its header promises.
        expected: u64,
    },
    /// Two files that do not belong together.
    #[error(
        "{pictures}: holds {picture_count} pictures, but {labels} holds {label_count} labels: use two files of one set",
        pictures = .pictures.display(), labels = .labels.display()
    )]
    CountMismatch {
        /// The file of pictures.
        pictures: PathBuf,
        /// Its count.
        picture_count: usize,
        /// The file of labels.
        labels: PathBuf,
        /// Its count.
        label_count: usize,
    },
    /// A label without a class name.
    #[error(
        "{path}: label {label} of picture {index} is not one of the {classes} classes: correct classes.txt or the label",
        path = .path.display()
    )]
    LabelOutOfRange {
        /// The file of labels.
        path: PathBuf,
        /// Which picture.
        index: usize,
        /// Its label.
        label: usize,
        /// Number of classes.
        classes: usize,
    },
    /// An empty list of classes.
    #[error("{path}: names no class: write one a line, or remove the file", path = .path.display())]
    NoClasses {
        /// `classes.txt`.
        path: PathBuf,
    },
    /// A class that nothing can be learned about.
    #[error("{path}: class `{class}` has no {part} pictures: add some or remove the class", path = .path.display())]
    EmptyClass {
        /// The class's folder, or the file of labels.
        path: PathBuf,
        /// Its name.
        class: String,
        /// `training` or `test`.
        part: &'static str,
    },
    /// Test pictures of other classes than the training pictures.
    #[error(
        "{path}: only train has a class `{train}`, and only the test part a class `{test}`: name class folders alike in both",
        path = .path.display()
    )]
    ClassesDiffer {
        /// The folder of test pictures.
        path: PathBuf,
        /// A class that is only in the training part.
        train: String,
        /// A class that is only in the test part.
        test: String,
    },
    /// A folder of training pictures without its counterpart.
    #[error(
        "{path}: has class folders in train but none in test: add test/CLASS/*, or give {train}, of which a fifth is \
         then set apart for the test",
        path = .path.display(), train = .path.join("train").display()
    )]
    MissingTest {
        /// The folder.
        path: PathBuf,
    },
    /// A class that cannot be shared between training and test.
    #[error(
        "{path}: class `{class}` has only one picture that can be read: add more, some are set apart for the test",
        path = .path.display()
    )]
    SinglePicture {
        /// The picture.
        path: PathBuf,
        /// Its name.
        class: String,
    },
    /// A file that is a picture by its name only.
    #[error("{0}: replace or remove it")]
    Unreadable(Unreadable),
    /// More such files than may be left out.
    #[error("{listed}: replace or remove what is named, or leave it out with --max-bad {count}")]
    TooManyUnreadable {
        /// The first few of them with their reasons, and how many more there are.
        listed: String,
        /// All of them.
        count: usize,
    },
    /// Nothing to tell apart.
    #[error("{path}: only one class (`{class}`): a classifier needs at least two", path = .path.display())]
    OneClass {
        /// The folder.
        path: PathBuf,
        /// The class.
        class: String,
    },
    /// An input that no picture can be turned into.
    #[error(
        "a model input of {h} x {w} x {c} cannot hold a picture: it needs 1 or 3 channels and sides of 1 to {longest}",
        longest = firmware::preprocess::MAX_SIDE
    )]
    InputShape {
        /// Rows.
        h: usize,
        /// Columns.
        w: usize,
        /// Channels.
        c: usize,
    },
    /// A set that cannot be held in memory.
    #[error("{path}: needs {bytes} bytes of memory: use a smaller input or fewer pictures", path = .path.display())]
    TooLarge {
        /// The file or folder.
        path: PathBuf,
        /// Bytes, saturating.
        bytes: u64,
    },
}

impl DataError {
    /// For `map_err`: what was tried with which file.
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, action, error }
    }
}

fn in_line(line: u64) -> String {
    if line == 0 { String::new() } else { format!(", line {line}") }
}
