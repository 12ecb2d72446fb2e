//! What lies in a folder of class folders, in sorted order.

use crate::{DataError, decode::has_picture_extension};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

/// A folder's class folders, and a count of what is none.
#[derive(Default)]
pub(crate) struct Listing {
    /// Sorted by name.
    pub classes: Vec<ClassFolder>,
    hidden: usize,
    /// Files that are not pictures by their extension, and folders inside class folders.
    ignored: Vec<PathBuf>,
}

/// One class: its name is the folder's.
pub(crate) struct ClassFolder {
    pub name: String,
    pub path: PathBuf,
    /// Sorted by name.
    pub pictures: Vec<PathBuf>,
}

impl Listing {
    /// Lists a folder two levels deep.
    pub(crate) fn read(folder: &Path) -> Result<Self, DataError> {
        let mut listing = Self::default();
        for name in sorted_names(folder)? {
            let path = folder.join(&name);
            if is_hidden(&name) {
                listing.hidden += 1;
            } else if path.is_dir() {
                let name = name.to_string_lossy().into_owned();
                let pictures = listing.read_class(&path)?;
                listing.classes.push(ClassFolder { name, path, pictures });
            } else {
                listing.ignored.push(path);
            }
        }
        Ok(listing)
    }

    /// The names of the classes; a label is an index.
    pub(crate) fn class_names(&self) -> Vec<String> {
        self.classes.iter().map(|class| class.name.clone()).collect()
    }

    /// Lines about what was left out, for the user.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(first) = self.ignored.first() {
            let (count, first) = (self.ignored.len(), first.display());
            notes.push(format!(
                "ignored {count} entries that are not pictures in class folders, first {first}"
            ));
        }
        if self.hidden > 0 {
            notes.push(format!("ignored {} hidden files and folders", self.hidden));
        }
        notes
    }

    fn read_class(&mut self, folder: &Path) -> Result<Vec<PathBuf>, DataError> {
        let mut pictures = Vec::new();
        for name in sorted_names(folder)? {
            let path = folder.join(&name);
            if is_hidden(&name) {
                self.hidden += 1;
            } else if has_picture_extension(&name) && !path.is_dir() {
                pictures.push(path);
            } else {
                self.ignored.push(path);
            }
        }
        Ok(pictures)
    }
}

/// The names in a folder, sorted by their bytes: the same order on every machine.
pub(crate) fn sorted_names(folder: &Path) -> Result<Vec<OsString>, DataError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(DataError::io(folder, "read"))? {
        names.push(entry.map_err(DataError::io(folder, "read"))?.file_name());
    }
    names.sort_unstable();
    Ok(names)
}

/// The last part of a folder's path; of the full path if it has none (`.`, `..`).
pub(crate) fn folder_name(folder: &Path) -> String {
    let full = folder.canonicalize().unwrap_or_default();
    let name = folder.file_name().or(full.file_name());
    name.map_or_else(|| folder.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn is_hidden(name: &OsString) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}
