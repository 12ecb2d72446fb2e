//! Many picture files at once: decoded on all cores, and what cannot be read counted.

use crate::{
    DataError, InputSpec, LoadOptions, Pictures,
    decode::RawPicture,
    gathering::{Gathering, block},
};
use rayon::prelude::*;
use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

/// A picture file and its label.
pub(crate) type Labelled = (PathBuf, usize);

/// Decodes on all cores and gathers what cannot be read.
pub(crate) struct Decoding<'a> {
    input: &'a InputSpec,
    options: &'a LoadOptions<'a>,
    /// Pictures of both parts, for the progress.
    total: usize,
    done: AtomicUsize,
    bad: Vec<DataError>,
}

impl<'a> Decoding<'a> {
    pub(crate) fn new(input: &'a InputSpec, options: &'a LoadOptions<'a>, total: usize) -> Self {
        Self { input, options, total, done: AtomicUsize::new(0), bad: Vec::new() }
    }

    /// The pictures that can be read, and their files.
    pub(crate) fn read(
        &mut self,
        mut files: Vec<Labelled>,
    ) -> Result<(Pictures, Vec<PathBuf>), DataError> {
        let mut gathering = Gathering::new(self.input.shape, self.options);
        let mut is_good = Vec::with_capacity(files.len());
        for files in files.chunks(block(self.input.shape)) {
            let prepared: Vec<Result<Vec<u8>, DataError>> =
                files.par_iter().map(|(file, _)| self.prepare(file)).collect();
            for (prepared, &(_, label)) in prepared.into_iter().zip(files) {
                is_good.push(prepared.is_ok());
                match prepared {
                    Ok(bytes) => gathering.push(&bytes, label)?,
                    Err(error) => self.bad.push(error),
                }
            }
        }
        let mut is_good = is_good.into_iter();
        files.retain(|_| is_good.next().unwrap_or(false));
        Ok((gathering.finish()?, files.into_iter().map(|(file, _)| file).collect()))
    }

    fn prepare(&self, file: &Path) -> Result<Vec<u8>, DataError> {
        let prepared = RawPicture::read(file).and_then(|picture| {
            if let Some(seen) = self.options.seen {
                seen(file, picture.shape);
            }
            picture.prepare(self.input)
        });
        let done = 1 + self.done.fetch_add(1, Ordering::Relaxed);
        if let Some(progress) = self.options.progress {
            progress(done, self.total);
        }
        prepared
    }

    /// A note for each picture that could not be read so far, or the error if there are more than allowed.
    pub(crate) fn check(&mut self) -> Result<Vec<String>, DataError> {
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

/// Some of the pictures with their files.
pub(crate) fn select(
    pictures: &Pictures,
    files: &[PathBuf],
    indices: &[usize],
) -> (Pictures, Vec<PathBuf>) {
    (pictures.select(indices), indices.iter().map(|&index| files[index].clone()).collect())
}
