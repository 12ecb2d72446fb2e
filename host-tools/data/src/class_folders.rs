//! A folder of class folders of pictures: `DIR/train/CLASS/*` and `DIR/test/CLASS/*`, or `DIR/CLASS/*`.

use crate::{
    DataError, Dataset, InputSpec, LoadOptions, Loaded,
    decoding::{Labelled, decode},
    listing::{Listing, folder_name},
    split,
};
use std::path::Path;

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
    let (classes, decoded, parts) = match layout {
        Layout::Parted { classes, parts: [train, test] } => {
            let count = train.len();
            let decoded = decode(folder, [train, test].concat(), input, options)?;
            let parts = decoded.parts_at(count);
            (classes, decoded, parts)
        }
        Layout::Whole(listing) => {
            let classes = listing.class_names();
            let decoded = decode(folder, files(listing), input, options)?;
            let parts = split::split(&decoded.pictures, &decoded.files, &classes, options.seed)?;
            notes.push(split::note(folder, &parts));
            let parts = decoded.parts(parts);
            (classes, decoded, parts)
        }
    };
    notes.extend(decoded.notes);
    let [(train, train_files), (test, test_files)] = parts;
    split::check_all_present(folder, &classes, [&train, &test])?;
    let dataset = Dataset { name: folder_name(folder), classes, train, test };
    let unreadable = decoded.unreadable;
    Ok(Loaded { dataset, files: [train_files, test_files], unreadable, notes })
}

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
        check_same([train, test], [&train_listing, &test_listing])?;
        check_classes(folder, &train_listing, "training")?;
        check_classes(folder, &test_listing, "test")?;
        let classes = train_listing.class_names();
        Ok(Self::Parted { classes, parts: [files(train_listing), files(test_listing)] })
    }
}

/// Both parts must have the same classes.
fn check_same(paths: [&Path; 2], listings: [&Listing; 2]) -> Result<(), DataError> {
    let [train, test] = listings.map(Listing::class_names);
    let lacking =
        |has: &[String], other: &[String]| has.iter().find(|class| !other.contains(class)).cloned();
    let empty = |path: &Path, class: String, part| {
        Err(DataError::EmptyClass { path: path.join(&class), class, part })
    };
    match (lacking(&train, &test), lacking(&test, &train)) {
        (None, None) => Ok(()),
        (Some(class), None) => empty(paths[1], class, "test"),
        (None, Some(class)) => empty(paths[0], class, "training"),
        (Some(train), Some(test)) => {
            Err(DataError::ClassesDiffer { path: paths[1].to_owned(), train, test })
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
