//! How pictures are loaded: the same arguments for every verb that takes a data set.

use crate::progress::bar;
use clap::Args;
use std::path::{Path, PathBuf};
use thumbnet_data::{
    InputSpec, LoadOptions, Loaded, MaxBad, PICTURE_EXTENSIONS, Pictures, cache_folder, load_files,
    load_with,
};

/// Arguments about loading.
#[derive(Args)]
pub(crate) struct Loading {
    /// Unreadable pictures that may be left out: a number, or a share of all as 2%.
    #[arg(long, value_name = "N|N%", default_value_t)]
    max_bad: MaxBad,
    #[command(flatten)]
    storage: Storage,
}

/// Where prepared pictures are.
#[derive(Args)]
pub(crate) struct Storage {
    /// The folder in which prepared pictures are kept for the next run [default: $THUMBNET_CACHE, else thumbnet in the
    /// user's cache folder].
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Decode all pictures, and keep none.
    #[arg(long, conflicts_with = "cache")]
    no_cache: bool,
    /// Mebibytes of prepared pictures in memory; more are read from a file.
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    picture_memory: u64,
}

impl Loading {
    /// Loads a data set, and prints what was left out of it.
    pub(crate) fn load(&self, source: &str, input: InputSpec, seed: u64) -> anyhow::Result<Loaded> {
        let options = LoadOptions { seed, max_bad: self.max_bad, ..LoadOptions::default() };
        let loaded = self.storage.load(source, input, &options)?;
        show(&loaded.notes);
        Ok(loaded)
    }

    /// Loads files of a folder as pictures without classes, and prints what was left out.
    pub(crate) fn load_files(
        &self,
        folder: &str,
        files: Vec<PathBuf>,
        input: InputSpec,
    ) -> anyhow::Result<Pictures> {
        let options = LoadOptions { max_bad: self.max_bad, ..LoadOptions::default() };
        let (pictures, notes) = self
            .storage
            .with(&options, |options| load_files(folder.as_ref(), files, input, options))?;
        show(&notes);
        Ok(pictures)
    }
}

impl Storage {
    /// Loads a data set; `options` say what is not about storage.
    pub(crate) fn load(
        &self,
        source: &str,
        input: InputSpec,
        options: &LoadOptions,
    ) -> anyhow::Result<Loaded> {
        Ok(self.with(options, |options| load_with(source, input, options))?)
    }

    /// Loads with a bar that shows how far it is.
    fn with<T>(&self, options: &LoadOptions, load: impl FnOnce(&LoadOptions) -> T) -> T {
        let folder = if self.no_cache { None } else { self.cache.clone().or_else(cache_folder) };
        let bar = bar(0, "reading pictures");
        let progress = |done: usize, total: usize| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        };
        let loaded = load(&LoadOptions {
            cache: folder.as_deref(),
            memory_bytes: self.picture_memory.saturating_mul(1 << 20),
            progress: Some(&progress),
            ..*options
        });
        bar.finish_and_clear();
        loaded
    }
}

/// The pictures that lie in `folder` itself, sorted; none if it has folders, which are classes.
pub(crate) fn loose_pictures(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut pictures = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if path.is_dir() && !hidden {
            return Ok(Vec::new());
        }
        let extension = path.extension().and_then(|extension| extension.to_str());
        let is_picture = extension
            .is_some_and(|found| PICTURE_EXTENSIONS.iter().any(|p| found.eq_ignore_ascii_case(p)));
        if is_picture && !hidden {
            pictures.push(path);
        }
    }
    pictures.sort_unstable();
    Ok(pictures)
}

fn show(notes: &[String]) {
    notes.iter().for_each(|note| eprintln!("{note}"));
}
