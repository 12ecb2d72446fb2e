//! A folder of four IDX files: training and test pictures with their labels.

use crate::{
    DataError, Dataset, InputSpec, LoadOptions, Pictures, idx::IdxArray, listing::folder_name,
    registry,
};
use firmware::preprocess::MAX_SIDE;
use std::{
    fs,
    path::{Path, PathBuf},
};
use thumbnet_kernels::geometry::Shape;

/// Most classes: IDX labels are bytes.
const MAX_CLASSES: usize = 256;

/// Whether a folder's file names (sorted) look like IDX.
pub(crate) fn looks_like_idx(names: &[String]) -> bool {
    names.iter().any(|name| name.contains("idx") && name.contains("-ubyte"))
}

/// Loads the folder; `names` are the names of its files, sorted.
pub(crate) fn load(
    folder: &Path,
    names: &[String],
    input: &InputSpec,
    options: &LoadOptions,
) -> Result<Dataset, DataError> {
    let [train, test] = [Part::find(folder, names, TRAIN)?, Part::find(folder, names, TEST)?];
    let [train_labels, test_labels] = [train.read_labels()?, test.read_labels()?];
    let classes = classes(folder, &train_labels, &test_labels)?;
    Ok(Dataset {
        name: folder_name(folder),
        train: train.read(train_labels, &classes, input, options)?,
        test: test.read(test_labels, &classes, input, options)?,
        classes,
    })
}

/// How the files of a part begin, the usual name first.
const TRAIN: &[&str] = &["train"];
const TEST: &[&str] = &["t10k", "test"];

struct Part {
    pictures: PathBuf,
    labels: PathBuf,
    /// `training` or `test`.
    name: &'static str,
}

impl Part {
    fn find(folder: &Path, names: &[String], prefixes: &[&str]) -> Result<Self, DataError> {
        let file = |kind: &str, rank: u8| {
            let fits = |name: &&String| {
                prefixes.iter().any(|prefix| name.starts_with(prefix))
                    && name.contains(kind)
                    && name.contains("idx")
            };
            // The names are sorted, so a file that is not compressed comes before its .gz.
            names.iter().find(fits).map(|name| folder.join(name)).ok_or_else(|| {
                let file = format!("{}-{kind}-idx{rank}-ubyte", prefixes[0]);
                DataError::MissingIdx { path: folder.to_owned(), file }
            })
        };
        let name = if prefixes == TRAIN { "training" } else { "test" };
        Ok(Self { pictures: file("images", 3)?, labels: file("labels", 1)?, name })
    }

    fn read_labels(&self) -> Result<IdxArray, DataError> {
        let labels = IdxArray::read(&self.labels)?;
        if labels.dimensions.len() == 1 {
            return Ok(labels);
        }
        let reason = format!("has {} dimensions, not 1", labels.dimensions.len());
        Err(DataError::NotIdx { path: self.labels.clone(), reason, expected: "the file of labels" })
    }

    fn read(
        &self,
        labels: IdxArray,
        classes: &[String],
        input: &InputSpec,
        options: &LoadOptions,
    ) -> Result<Pictures, DataError> {
        let array = IdxArray::read(&self.pictures)?;
        let shape = self.picture_shape(&array)?;
        let count = array.dimensions[0];
        if count != labels.bytes.len() {
            return Err(DataError::CountMismatch {
                pictures: self.pictures.clone(),
                picture_count: count,
                labels: self.labels.clone(),
                label_count: labels.bytes.len(),
            });
        }
        let labels = labels.bytes.into_iter().map(usize::from).collect();
        let pictures = Pictures::new(shape, array.bytes, labels);
        self.check_classes(&pictures, classes)?;
        input.prepare_all(pictures, options)
    }

    fn picture_shape(&self, array: &IdxArray) -> Result<Shape, DataError> {
        let reason = match array.dimensions[1..] {
            [h, w] if is_side(h) && is_side(w) => return Ok(Shape::new(h, w, 1)),
            [h, w, c] if is_side(h) && is_side(w) && (c == 1 || c == 3) => {
                return Ok(Shape::new(h, w, c));
            }
            _ => format!("is an array of {:?}, not of pictures", array.dimensions),
        };
        let expected = "pictures [n, h, w] or [n, h, w, 3]";
        Err(DataError::NotIdx { path: self.pictures.clone(), reason, expected })
    }

    fn check_classes(&self, pictures: &Pictures, classes: &[String]) -> Result<(), DataError> {
        let path = || self.labels.clone();
        let strange = pictures.labels.iter().position(|&label| label >= classes.len());
        if let Some(index) = strange {
            let label = pictures.labels[index];
            let classes = classes.len();
            return Err(DataError::LabelOutOfRange { path: path(), index, label, classes });
        }
        let counts = pictures.class_counts(classes.len());
        match counts.iter().position(|&count| count == 0) {
            None => Ok(()),
            Some(empty) => {
                let class = classes[empty].clone();
                Err(DataError::EmptyClass { path: path(), class, part: self.name })
            }
        }
    }
}

fn is_side(length: usize) -> bool {
    (1..=MAX_SIDE).contains(&length)
}

/// The class names: from `classes.txt`, or of a set that is known by its labels, or `0`, `1`, ….
fn classes(folder: &Path, train: &IdxArray, test: &IdxArray) -> Result<Vec<String>, DataError> {
    let file = folder.join("classes.txt");
    let classes = if file.exists() {
        read_classes(&file)?
    } else if let Some(known) = registry::classes_by_labels(&train.digest()) {
        known
    } else {
        let most = train.bytes.iter().chain(&test.bytes).max();
        (0..=usize::from(most.copied().unwrap_or(0))).map(|label| label.to_string()).collect()
    };
    match &classes[..] {
        [] => Err(DataError::NoClasses { path: file }),
        [class] => Err(DataError::OneClass { path: folder.to_owned(), class: class.clone() }),
        _ => Ok(classes),
    }
}

/// One class name a line; empty lines are skipped.
fn read_classes(file: &Path) -> Result<Vec<String>, DataError> {
    let text = fs::read_to_string(file).map_err(DataError::io(file, "read"))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.take(MAX_CLASSES).map(str::to_owned).collect())
}
