//! From what a user types to a data set.

use crate::{
    DataError, Dataset, EMBEDDED, InputSpec, MaxBad, Pictures, Unreadable, cifar_folder,
    class_folders, decoding::decode, embedded, idx_folder, list_file, listing::sorted_names,
    registry,
};
use std::{
    env,
    path::{Path, PathBuf},
};
use thumbnet_kernels::geometry::Shape;

/// Is told of a picture file and its shape.
pub type Seen<'a> = dyn Fn(&Path, Shape) + Sync + 'a;

/// How to load; [`Default`] is what [`load`] does.
#[derive(Clone, Copy)]
pub struct LoadOptions<'a> {
    /// Chooses the test pictures of a folder that has no `test` part.
    pub seed: u64,
    /// Pictures of a folder that may be unreadable; more of them are an error.
    pub max_bad: MaxBad,
    /// Bytes of prepared pictures that may be in memory; where they are more, they are read from a file.
    pub memory_bytes: u64,
    /// The folder in which the prepared pictures of folders and lists are kept for the next run, see [`cache_folder`]; it
    /// is made. `None` to decode every time.
    ///
    /// [`cache_folder`]: crate::cache_folder
    pub cache: Option<&'a Path>,
    /// Called, from several threads, with the number of pictures decoded and of all.
    pub progress: Option<&'a (dyn Fn(usize, usize) + Sync)>,
    /// Called, from several threads, with each picture file that was decoded and its shape, before it is prepared.
    pub seen: Option<&'a Seen<'a>>,
}

/// 256 MiB: 330,000 pictures of 28 x 28, or 9,700 of 96 x 96 in colour.
const MEMORY_BYTES: u64 = 256 << 20;

impl Default for LoadOptions<'_> {
    fn default() -> Self {
        Self {
            seed: 0,
            max_bad: MaxBad::default(),
            memory_bytes: MEMORY_BYTES,
            cache: None,
            progress: None,
            seen: None,
        }
    }
}

impl LoadOptions<'_> {
    /// Where files of pictures are made.
    pub(crate) fn scratch_folder(&self) -> PathBuf {
        self.cache.map_or_else(env::temp_dir, Path::to_owned)
    }
}

/// A data set and what was left out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The data.
    pub dataset: Dataset,
    /// The files of the training and of the test pictures, in their order; empty where one file holds many.
    pub files: [Vec<PathBuf>; 2],
    /// Pictures that cannot be read and were left out; they are among the notes, too.
    pub unreadable: Vec<Unreadable>,
    /// One line each: files that are not pictures, pictures that cannot be read. To be shown to the user.
    pub notes: Vec<String>,
}

impl Loaded {
    /// A set of which nothing was left out, from files of many pictures.
    fn whole(dataset: Dataset) -> Self {
        let files = [Vec::new(), Vec::new()];
        Self { dataset, files, unreadable: Vec::new(), notes: Vec::new() }
    }
}

/// Loads a data set in the shape of a model's input.
///
/// `source` is a name, a folder or a list:
/// - `fashion-mnist-subset`, or nothing: the set inside this program ([`EMBEDDED`]);
/// - `fashion-mnist`, `mnist`: what `thumbnet data get` has fetched, looked for in [`places`];
/// - a folder of IDX files `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`,
///   `t10k-labels-idx1-ubyte` (gzipped or not; `idx4` for colour), class names in `classes.txt`;
/// - a folder of CIFAR-10's or CIFAR-100's binary files;
/// - a CSV file of `path,label` or `path,label,train|test`, paths relative to it;
/// - a folder of pictures, `DIR/train/CLASS/*` and `DIR/test/CLASS/*`, or `DIR/CLASS/*`, of which a fifth of each
///   class is set apart for the test.
///
/// # Errors
/// [`DataError`] names what is wrong and the remedy, a single unreadable picture too. Other notes are lost: use
/// [`load_with`] to show them.
pub fn load(source: &str, input: InputSpec) -> Result<Dataset, DataError> {
    let options = LoadOptions { max_bad: MaxBad::Count(0), ..LoadOptions::default() };
    Ok(load_with(source, input, &options)?.dataset)
}

/// As [`load`], with options, and telling what was left out.
///
/// # Errors
/// As [`load`].
pub fn load_with(
    source: &str,
    input: InputSpec,
    options: &LoadOptions,
) -> Result<Loaded, DataError> {
    input.check()?;
    if source.is_empty() || source == EMBEDDED {
        return Ok(Loaded::whole(embedded::load(&input, options)?));
    }
    let path = Path::new(source);
    if list_file::looks_like_list(path) && path.is_file() {
        return list_file::load(path, &input, options);
    }
    let mut loaded = load_folder(&find(source)?, &input, options)?;
    if registry::is_known(source) {
        loaded.dataset.name = source.to_owned();
    }
    Ok(loaded)
}

/// Loads pictures without classes, files of `source`, in their order; all labels are 0. Also the notes of [`Loaded`].
///
/// # Errors
/// As [`load`].
pub fn load_files(
    source: &Path,
    files: Vec<PathBuf>,
    input: InputSpec,
    options: &LoadOptions,
) -> Result<(Pictures, Vec<String>), DataError> {
    input.check()?;
    let files = files.into_iter().map(|file| (file, 0)).collect();
    let decoded = decode(source, files, &input, options)?;
    Ok((decoded.pictures, decoded.notes))
}

/// Where a fetched set is looked for, in this order: `$THUMBNET_DATA/NAME`, `data/NAME` in the current folder,
/// `thumbnet/NAME` in the user's data folder (`$XDG_DATA_HOME` or `~/.local/share`), `/usr/share/datasets/NAME`
/// (Debian's packages).
pub fn places(name: &str) -> Vec<PathBuf> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let user = variable("XDG_DATA_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".local").join("share")))
        .map(|folder| folder.join("thumbnet"));
    let folders = [
        variable("THUMBNET_DATA"),
        Some(PathBuf::from("data")),
        user,
        Some(PathBuf::from(registry::DEBIAN_FOLDER)),
    ];
    folders.into_iter().flatten().map(|folder| folder.join(name)).collect()
}

fn find(source: &str) -> Result<PathBuf, DataError> {
    let path = PathBuf::from(source);
    if path.is_dir() {
        return Ok(path);
    }
    if path.exists() {
        return Err(DataError::NotFolder { path });
    }
    if registry::is_known(source) {
        let places = places(source);
        return places.iter().find(|place| place.is_dir()).cloned().ok_or_else(|| {
            let looked: Vec<String> =
                places.iter().map(|place| place.display().to_string()).collect();
            DataError::NotFetched { name: source.to_owned(), looked: looked.join(", ") }
        });
    }
    if path.components().count() > 1 || path.is_absolute() {
        return Err(DataError::MissingFolder { path });
    }
    Err(DataError::UnknownName { name: source.to_owned() })
}

fn load_folder(
    folder: &Path,
    input: &InputSpec,
    options: &LoadOptions,
) -> Result<Loaded, DataError> {
    let names = sorted_names(folder)?;
    // A name that is not Unicode is not that of an IDX file.
    let names: Vec<String> = names.into_iter().filter_map(|name| name.into_string().ok()).collect();
    if idx_folder::looks_like_idx(&names) {
        return Ok(Loaded::whole(idx_folder::load(folder, &names, input, options)?));
    }
    if cifar_folder::looks_like_cifar(&names) {
        return Ok(Loaded::whole(cifar_folder::load(folder, &names, input, options)?));
    }
    class_folders::load(folder, input, options)
}
