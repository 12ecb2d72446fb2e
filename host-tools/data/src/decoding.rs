//! Many picture files at once: decoded on all cores a few at a time, or taken from the cache.

use crate::{
    DataError, InputSpec, LoadOptions, Pictures,
    cache::{Cache, Cached, index},
    decode::RawPicture,
    gathering::{Gathering, block},
    max_bad::Unreadable,
};
use rayon::prelude::*;
use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};
use thumbnet_kernels::geometry::Shape;

/// A picture file and its label.
pub(crate) type Labelled = (PathBuf, usize);

/// The pictures of a listing that can be read.
pub(crate) struct Decoded {
    pub pictures: Pictures,
    /// One file a picture.
    pub files: Vec<PathBuf>,
    /// Which file of the listing each picture is.
    pub places: Vec<usize>,
    /// The others.
    pub unreadable: Vec<Unreadable>,
    /// For the user: what was left out, a cache that is of no use.
    pub notes: Vec<String>,
}

/// A picture as the input takes it, and the shape that it had.
type Prepared = Result<(Vec<u8>, Shape), Unreadable>;

/// Decodes the files of `source`.
///
/// # Errors
/// If more are unreadable than [`LoadOptions::max_bad`], or a file of prepared pictures cannot be written.
pub(crate) fn decode(
    source: &Path,
    files: Vec<Labelled>,
    input: &InputSpec,
    options: &LoadOptions,
) -> Result<Decoded, DataError> {
    let decoding = Decoding { input, options, total: files.len(), done: AtomicUsize::new(0) };
    let cache = options.cache.and_then(|folder| Cache::of(folder, source, &files, input));
    let mut notes = Vec::new();
    let kept = match cache.as_ref().map(Cache::open) {
        Some(Ok(Some(cached))) => decoding.read_cache(cached, &files).map_err(Some),
        Some(Ok(None)) | None => Err(None),
        Some(Err(error)) => Err(Some(error)),
    };
    let mut decoded = match kept {
        Ok(decoded) => decoded,
        Err(reason) => {
            if let (Some(reason), Some(cache)) = (reason, &cache) {
                notes.push(format!("{}: {reason}; it is made again", cache.path().display()));
            }
            decoding.done.store(0, Ordering::Relaxed);
            decoding.read_files(&files, cache.as_ref(), &mut notes)?
        }
    };
    notes.extend(options.max_bad.check(&decoded.unreadable, files.len())?);
    decoded.notes = notes;
    Ok(decoded)
}

struct Decoding<'a> {
    input: &'a InputSpec,
    options: &'a LoadOptions<'a>,
    /// For the progress.
    total: usize,
    done: AtomicUsize,
}

impl Decoding<'_> {
    /// Decodes every file, and writes the cache as it goes.
    fn read_files(
        &self,
        files: &[Labelled],
        cache: Option<&Cache>,
        notes: &mut Vec<String>,
    ) -> Result<Decoded, DataError> {
        let created = cache.map(Cache::create).transpose();
        let (mut named, writer, mut failure) = match created {
            Ok(created) => {
                let (named, writer) = created.unzip();
                (named, writer, None)
            }
            Err(error) => (None, None, Some(error)),
        };
        let mut gathering = Gathering::new(self.input.shape, self.options, writer);
        let mut shapes = Vec::with_capacity(files.len());
        let mut unreadable = Vec::new();
        for files in files.chunks(block(self.input.shape)) {
            let prepared: Vec<Prepared> =
                files.par_iter().map(|(file, _)| self.prepare(file)).collect();
            for (prepared, &(_, label)) in prepared.into_iter().zip(files) {
                match prepared {
                    Ok((bytes, shape)) => {
                        shapes.push(Some(shape));
                        gathering.push(&bytes, label)?;
                    }
                    Err(bad) => {
                        shapes.push(None);
                        unreadable.push(bad);
                    }
                }
            }
        }
        let (pictures, written) = gathering.finish(&index(&shapes))?;
        if let (Some(cache), Some(named)) = (cache, named.take()) {
            failure = written.and_then(|()| cache.keep(named)).err();
        }
        if let (Some(cache), Some(error)) = (cache, failure) {
            notes.push(format!(
                "{}: cannot be written ({error}); the next run decodes again, unless --cache names another folder",
                cache.path().display()
            ));
        }
        Ok(self.decoded(pictures, files, &shapes, unreadable))
    }

    /// Takes what the cache holds. What was unreadable is tried again: it may have been a matter of permissions.
    fn read_cache(&self, cached: Cached, files: &[Labelled]) -> io::Result<Decoded> {
        let Cached { pictures, shapes } = cached;
        let mut unreadable = Vec::new();
        for ((file, _), _) in files.iter().zip(&shapes).filter(|(_, shape)| shape.is_none()) {
            match self.prepare(file) {
                Ok(_) => return Err(io::Error::other("a picture can be read now")),
                Err(bad) => unreadable.push(bad),
            }
        }
        let good = || files.iter().zip(&shapes).filter_map(|(file, shape)| Some((file, (*shape)?)));
        for ((file, _), shape) in good() {
            self.tell(file, shape);
        }
        let labels = good().map(|((_, label), _)| *label).collect();
        let pictures = pictures.verified(self.input.shape, labels, self.options.memory_bytes)?;
        Ok(self.decoded(pictures, files, &shapes, unreadable))
    }

    fn decoded(
        &self,
        pictures: Pictures,
        files: &[Labelled],
        shapes: &[Option<Shape>],
        unreadable: Vec<Unreadable>,
    ) -> Decoded {
        let places: Vec<usize> =
            (0..files.len()).filter(|&place| shapes[place].is_some()).collect();
        let files = places.iter().map(|&place| files[place].0.clone()).collect();
        Decoded { pictures, files, places, unreadable, notes: Vec::new() }
    }

    fn prepare(&self, file: &Path) -> Prepared {
        let read = RawPicture::read(file).and_then(|picture| {
            self.tell(file, picture.shape);
            Ok((picture.prepare(self.input)?, picture.shape))
        });
        let prepared = read.map_err(|error| match error {
            DataError::Unreadable(bad) => bad,
            other => Unreadable { path: file.to_owned(), reason: other.to_string() },
        });
        if prepared.is_err() {
            self.count();
        }
        prepared
    }

    /// Tells of a picture that is there.
    fn tell(&self, file: &Path, shape: Shape) {
        if let Some(seen) = self.options.seen {
            seen(file, shape);
        }
        self.count();
    }

    fn count(&self) {
        let done = 1 + self.done.fetch_add(1, Ordering::Relaxed);
        if let Some(progress) = self.options.progress {
            progress(done, self.total);
        }
    }
}

impl Decoded {
    /// Some of the pictures with their files, twice: to learn from, and to judge by.
    pub(crate) fn parts(&self, parts: [Vec<usize>; 2]) -> [(Pictures, Vec<PathBuf>); 2] {
        parts.map(|indices| {
            let files = indices.iter().map(|&index| self.files[index].clone()).collect();
            (self.pictures.select(&indices), files)
        })
    }

    /// The same, where the first `count` files of the listing are to learn from.
    pub(crate) fn parts_at(&self, count: usize) -> [(Pictures, Vec<PathBuf>); 2] {
        let middle = self.places.partition_point(|&place| place < count);
        self.parts([(0..middle).collect(), (middle..self.places.len()).collect()])
    }
}
