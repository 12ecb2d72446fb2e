//! A folder of the binary form of CIFAR-10 or CIFAR-100: records of labels and 32 x 32 RGB planes.

use crate::{DataError, Dataset, InputSpec, LoadOptions, Pictures, listing::folder_name};
use std::{
    fs,
    path::{Path, PathBuf},
};
use thumbnet_kernels::geometry::Shape;

const SHAPE: Shape = Shape::new(32, 32, 3);
const PLANE: usize = SHAPE.h * SHAPE.w;

/// One of the two sets.
struct Format {
    train: &'static [&'static str],
    test: &'static str,
    /// One class name a line.
    names: &'static str,
    classes: usize,
    /// Bytes before the pixels; the last one is the label.
    label_bytes: usize,
}

const CIFAR_10: Format = Format {
    train: &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
    ],
    test: "test_batch.bin",
    names: "batches.meta.txt",
    classes: 10,
    label_bytes: 1,
};

/// The fine label counts: the coarse one before it is passed over.
const CIFAR_100: Format = Format {
    train: &["train.bin"],
    test: "test.bin",
    names: "fine_label_names.txt",
    classes: 100,
    label_bytes: 2,
};

/// Whether a folder's file names are those of one of the sets.
pub(crate) fn looks_like_cifar(names: &[String]) -> bool {
    format(names).is_some()
}

fn format(names: &[String]) -> Option<Format> {
    let has = |name: &str| names.iter().any(|found| found == name);
    [CIFAR_10, CIFAR_100].into_iter().find(|format| has(format.train[0]) || has(format.test))
}

/// Loads the folder; `names` are the names of its files.
pub(crate) fn load(
    folder: &Path,
    names: &[String],
    input: &InputSpec,
    options: &LoadOptions,
) -> Result<Dataset, DataError> {
    let no_data = || DataError::NoData { path: folder.to_owned() };
    let format = format(names).ok_or_else(no_data)?;
    // All of them, so that a batch that is missing is told and not passed over.
    let train: Vec<PathBuf> = format.train.iter().map(|name| folder.join(name)).collect();
    Ok(Dataset {
        name: folder_name(folder),
        classes: format.class_names(folder)?,
        train: format.read(&train, input, options)?,
        test: format.read(&[folder.join(format.test)], input, options)?,
    })
}

impl Format {
    fn class_names(&self, folder: &Path) -> Result<Vec<String>, DataError> {
        let path = folder.join(self.names);
        if !path.exists() {
            return Ok((0..self.classes).map(|label| label.to_string()).collect());
        }
        let text = fs::read_to_string(&path).map_err(DataError::io(&path, "read"))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let names: Vec<String> = lines.map(str::to_owned).collect();
        if names.len() == self.classes {
            return Ok(names);
        }
        let reason = format!("has {} class names, not {}", names.len(), self.classes);
        Err(DataError::NotCifar { path, reason })
    }

    fn read(
        &self,
        files: &[PathBuf],
        input: &InputSpec,
        options: &LoadOptions,
    ) -> Result<Pictures, DataError> {
        let mut pictures = Pictures::empty(SHAPE);
        for path in files {
            self.read_file(path, &mut pictures)?;
        }
        input.prepare_all(pictures, options)
    }

    fn read_file(&self, path: &Path, pictures: &mut Pictures) -> Result<(), DataError> {
        let bytes = fs::read(path).map_err(DataError::io(path, "read"))?;
        let record_len = self.label_bytes + SHAPE.len();
        if bytes.is_empty() || !bytes.len().is_multiple_of(record_len) {
            let reason = format!("{} bytes are no whole records of {record_len}", bytes.len());
            return Err(DataError::NotCifar { path: path.to_owned(), reason });
        }
        let mut picture = vec![0; SHAPE.len()];
        for (index, record) in bytes.chunks_exact(record_len).enumerate() {
            let (labels, planes) = record.split_at(self.label_bytes);
            let label = usize::from(labels[self.label_bytes - 1]);
            if label >= self.classes {
                let (path, classes) = (path.to_owned(), self.classes);
                return Err(DataError::LabelOutOfRange { path, index, label, classes });
            }
            for (at, pixel) in picture.chunks_exact_mut(3).enumerate() {
                pixel.copy_from_slice(&[planes[at], planes[PLANE + at], planes[2 * PLANE + at]]);
            }
            pictures.push(&picture, label);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{PLANE, SHAPE};
    use crate::{DataError, Dataset, InputSpec, LoadOptions, Preprocessing};
    use std::{fs, path::Path};
    use thumbnet_graph::Fit;

    /// A record whose planes hold `value`, `value + 1`, `value + 2`.
    fn record(labels: &[u8], value: u8) -> Vec<u8> {
        let planes = [0, 1, 2].map(|plane| vec![value + plane; PLANE]).concat();
        [labels.to_vec(), planes].concat()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    const INPUT: InputSpec = InputSpec::new(SHAPE, Preprocessing::new(Fit::Stretch, false));

    fn load(folder: &Path, names: &[String], input: &InputSpec) -> Result<Dataset, DataError> {
        super::load(folder, names, input, &LoadOptions::default())
    }

    #[test]
    fn ten_classes_in_five_batches() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, bytes: Vec<u8>| fs::write(folder.path().join(name), bytes).unwrap();
        for batch in 1..=5 {
            write(&format!("data_batch_{batch}.bin"), record(&[batch], 10 * batch));
        }
        write("test_batch.bin", [record(&[9], 3), record(&[0], 4)].concat());
        let all = names(&["data_batch_1.bin", "test_batch.bin"]);
        let dataset = load(folder.path(), &all, &INPUT).unwrap();
        assert_eq!(dataset.train.labels, [1, 2, 3, 4, 5]);
        assert_eq!(dataset.test.labels, [9, 0]);
        assert_eq!(dataset.train.picture(1)[..6], [20, 21, 22, 20, 21, 22]);
        assert_eq!(dataset.classes[3], "3");
        write("batches.meta.txt", b"a\nb\n".to_vec());
        let message = load(folder.path(), &all, &INPUT).unwrap_err().to_string();
        assert!(message.contains("batches.meta.txt: has 2 class names, not 10"), "{message}");
        fs::remove_file(folder.path().join("data_batch_4.bin")).unwrap();
        fs::remove_file(folder.path().join("batches.meta.txt")).unwrap();
        let message = load(folder.path(), &all, &INPUT).unwrap_err().to_string();
        assert!(message.contains("data_batch_4.bin: cannot read"), "{message}");
    }

    #[test]
    fn a_hundred_classes_by_their_fine_labels_and_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, bytes: Vec<u8>| fs::write(folder.path().join(name), bytes).unwrap();
        write("train.bin", [record(&[3, 99], 1), record(&[0, 7], 5)].concat());
        write("test.bin", record(&[1, 2], 5));
        let all = names(&["test.bin", "train.bin"]);
        let dataset = load(folder.path(), &all, &INPUT).unwrap();
        assert_eq!((dataset.train.labels, dataset.classes.len()), (vec![99, 7], 100));
        write("test.bin", record(&[1, 100], 5));
        let message = load(folder.path(), &all, &INPUT).unwrap_err().to_string();
        assert!(message.contains("test.bin") && message.contains("100"), "{message}");
        write("test.bin", vec![1; 3073]);
        let message = load(folder.path(), &all, &INPUT).unwrap_err().to_string();
        assert!(message.contains("3073 bytes are no whole records of 3074"), "{message}");
    }
}
