//! A folder of class folders of pictures: `DIR/train/CLASS/*` and `DIR/test/CLASS/*`, or `DIR/CLASS/*`.

use crate::{
    DataError, Dataset, InputSpec, LoadOptions, Loaded, Pictures,
    decode::RawPicture,
    listing::{ClassFolder, Listing, folder_name},
    split,
};
use rayon::prelude::*;
use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

/// Names of the folder of test pictures, the usual one first.
const TEST_FOLDERS: [&str; 3] = ["test", "val", "validation"];

/// Loads the folder.
pub(crate) fn load(
    folder: &Path,
    input: &InputSpec,
    options: &LoadOptions,
) -> Result<Loaded, DataError> {
    let mut notes = Vec::new();
    let layout = Layout::read(folder, &mut notes)?;
    let count = layout.count();
    input.check_memory(folder, count)?;
    let mut decoding = Decoding::new(input, options, count);
    let (classes, [train, test]) = match layout {
        Layout::Parted { classes, parts } => (classes, parts.map(|files| decoding.read(files).0)),
        Layout::Whole(listing) => {
            let classes = listing.class_names();
            let (pictures, files) = decoding.read(files(listing));
            notes.extend(decoding.check()?);
            let parts = split::split(&pictures, &files, &classes, options.seed)?;
            notes.push(split_note(folder, &parts));
            (classes, parts)
        }
    };
    notes.extend(decoding.check()?);
    check_all_present(folder, &classes, [&train, &test])?;
    let dataset = Dataset { name: folder_name(folder), classes, train, test };
    Ok(Loaded { dataset, notes })
}

/// A picture file and its label.
type Labelled = (PathBuf, usize);

/// What a user can mean by a folder of class folders. Files are sorted by class and name.
enum Layout {
    /// `DIR/train/CLASS/*` and `DIR/test/CLASS/*`.
    Parted { classes: Vec<String>, parts: [Vec<Labelled>; 2] },
    /// `DIR/CLASS/*`.
    Whole(Listing),
}

impl Layout {
    fn read(folder: &Path, notes: &mut Vec<String>) -> Result<Self, DataError> {
        let train = folder.join("train");
        let test =
            TEST_FOLDERS.map(|name| folder.join(name)).into_iter().find(|test| test.is_dir());
        if let (true, Some(test)) = (train.is_dir(), test) {
            return Self::read_parted(folder, &train, &test, notes);
        }
        let listing = Listing::read(folder)?;
        if listing.classes.iter().any(|class| class.name == "train" && class.pictures.is_empty()) {
            return Err(DataError::MissingTest { path: folder.to_owned() });
        }
        notes.extend(listing.notes());
        check_classes(folder, &listing, "training")?;
        Ok(Self::Whole(listing))
    }

    fn read_parted(
        folder: &Path,
        train: &Path,
        test: &Path,
        notes: &mut Vec<String>,
    ) -> Result<Self, DataError> {
        let [train_listing, test_listing] = [Listing::read(train)?, Listing::read(test)?];
        notes.extend(train_listing.notes().into_iter().chain(test_listing.notes()));
        check_same(&train_listing, test, &test_listing, "test")?;
        check_same(&test_listing, train, &train_listing, "training")?;
        check_classes(folder, &train_listing, "training")?;
        check_classes(folder, &test_listing, "test")?;
        let classes = train_listing.class_names();
        Ok(Self::Parted { classes, parts: [files(train_listing), files(test_listing)] })
    }

    fn count(&self) -> usize {
        match self {
            Self::Parted { parts: [train, test], .. } => train.len() + test.len(),
            Self::Whole(listing) => listing.classes.iter().map(|class| class.pictures.len()).sum(),
        }
    }
}

fn split_note(folder: &Path, [train, test]: &[Pictures; 2]) -> String {
    let [test, all] = [test.len(), train.len() + test.len()];
    let folder = folder.display();
    format!(
        "{folder}: has no train and test folders; {test} of {all} pictures are set apart for the test"
    )
}

/// Leaving out unreadable pictures may have emptied a class.
fn check_all_present(
    folder: &Path,
    classes: &[String],
    [train, test]: [&Pictures; 2],
) -> Result<(), DataError> {
    for (part, name) in [(train, "training"), (test, "test")] {
        if let Some(empty) = part.class_counts(classes.len()).iter().position(|&count| count == 0) {
            let (path, class) = (folder.to_owned(), classes[empty].clone());
            return Err(DataError::EmptyClass { path, class, part: name });
        }
    }
    Ok(())
}

/// Every class of `listing` must be in `other`, the listing of folder `path`.
fn check_same(
    listing: &Listing,
    path: &Path,
    other: &Listing,
    part: &'static str,
) -> Result<(), DataError> {
    let has = |class: &&ClassFolder| other.classes.iter().any(|found| found.name == class.name);
    match listing.classes.iter().find(|class| !has(class)) {
        None => Ok(()),
        Some(class) => {
            let (path, class) = (path.join(&class.name), class.name.clone());
            Err(DataError::EmptyClass { path, class, part })
        }
    }
}

/// Whether a classifier can be made of a listing.
fn check_classes(folder: &Path, listing: &Listing, part: &'static str) -> Result<(), DataError> {
    if listing.classes.iter().all(|class| class.pictures.is_empty()) {
        return Err(DataError::NoData { path: folder.to_owned() });
    }
    if let [class] = &listing.classes[..] {
        return Err(DataError::OneClass { path: folder.to_owned(), class: class.name.clone() });
    }
    match listing.classes.iter().find(|class| class.pictures.is_empty()) {
        None => Ok(()),
        Some(class) => {
            let (path, class) = (class.path.clone(), class.name.clone());
            Err(DataError::EmptyClass { path, class, part })
        }
    }
}

fn files(listing: Listing) -> Vec<Labelled> {
    let classes = listing.classes.into_iter().enumerate();
    classes
        .flat_map(|(label, class)| class.pictures.into_iter().map(move |file| (file, label)))
        .collect()
}

/// Decodes on all cores and gathers what cannot be read.
struct Decoding<'a> {
    input: &'a InputSpec,
    options: &'a LoadOptions<'a>,
    /// Pictures of both parts, for the progress.
    total: usize,
    done: AtomicUsize,
    bad: Vec<DataError>,
}

impl<'a> Decoding<'a> {
    fn new(input: &'a InputSpec, options: &'a LoadOptions<'a>, total: usize) -> Self {
        Self { input, options, total, done: AtomicUsize::new(0), bad: Vec::new() }
    }

    /// The pictures that can be read, and their files.
    fn read(&mut self, files: Vec<Labelled>) -> (Pictures, Vec<PathBuf>) {
        let prepared: Vec<Result<Vec<u8>, DataError>> =
            files.par_iter().map(|(file, _)| self.prepare(file)).collect();
        let mut pictures = Pictures::empty(self.input.shape);
        let mut kept = Vec::with_capacity(files.len());
        for (prepared, (file, label)) in prepared.into_iter().zip(files) {
            match prepared {
                Ok(bytes) => {
                    pictures.push(&bytes, label);
                    kept.push(file);
                }
                Err(error) => self.bad.push(error),
            }
        }
        (pictures, kept)
    }

    fn prepare(&self, file: &Path) -> Result<Vec<u8>, DataError> {
        let prepared = RawPicture::read(file).and_then(|picture| picture.prepare(self.input));
        let done = 1 + self.done.fetch_add(1, Ordering::Relaxed);
        if let Some(progress) = self.options.progress {
            progress(done, self.total);
        }
        prepared
    }

    /// A note for each picture that could not be read so far, or the error if there are more than allowed.
    fn check(&mut self) -> Result<Vec<String>, DataError> {
        let bad = std::mem::take(&mut self.bad);
        if bad.len() <= self.options.max_bad {
            return Ok(bad.iter().map(|error| format!("left out: {error}")).collect());
        }
        let others = bad.len() - 1;
        let first = bad.into_iter().next().expect("there are more than allowed, so at least one");
        Err(match first {
            DataError::Unreadable { path, reason, .. } => {
                DataError::Unreadable { path, reason, others }
            }
            other => other,
        })
    }
}
