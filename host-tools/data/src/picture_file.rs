//! Pictures of one size in a file: written in a row, read back in any order, each with a checksum.
//!
//! ```text
//! record: the picture's bytes, then their CRC-32, four bytes, least significant first
//! ```
//!
//! A file that another program damages or cuts off is noticed with the first picture that is no longer what it was.

use crate::{
    DataError,
    pictures::{Pictures, Pixels},
};
use rayon::prelude::*;
use std::{
    fs::File,
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};
use thumbnet_kernels::geometry::Shape;

/// Bytes of a checksum.
const CHECKSUM: usize = 4;

/// Bytes of a record of a picture of so many.
pub(crate) const fn record_bytes(picture_bytes: usize) -> usize {
    picture_bytes + CHECKSUM
}

/// Pictures to be read by their place.
#[derive(Debug)]
pub(crate) struct PictureFile {
    /// One reader at a time: a read out of the system's cache takes microseconds, and positions are not portable.
    file: Mutex<File>,
    /// For messages.
    path: PathBuf,
    /// Where the first record begins.
    start: u64,
    picture_bytes: usize,
    /// Why the first picture that could not be read could not.
    failure: OnceLock<String>,
}

impl PictureFile {
    pub(crate) fn new(file: File, path: &Path, start: u64, picture_bytes: usize) -> Self {
        let (file, path) = (Mutex::new(file), path.to_owned());
        Self { file, path, start, picture_bytes, failure: OnceLock::new() }
    }

    /// The bytes of a record; black if it cannot be read, which [`PictureFile::check`] tells.
    pub(crate) fn read(&self, record: u32) -> Vec<u8> {
        self.try_read(record).unwrap_or_else(|error| {
            self.failure.get_or_init(|| error.to_string());
            vec![0; self.picture_bytes]
        })
    }

    /// The bytes of a record.
    pub(crate) fn try_read(&self, record: u32) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; record_bytes(self.picture_bytes)];
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            let place = self.start + u64::from(record) * bytes.len() as u64;
            file.seek(SeekFrom::Start(place))?;
            file.read_exact(&mut bytes)?;
        }
        let expected = bytes.split_off(self.picture_bytes);
        if crc32fast::hash(&bytes).to_le_bytes()[..] != expected {
            return Err(io::Error::other("it was changed meanwhile"));
        }
        Ok(bytes)
    }

    /// All records as pictures, once each was found to be what was written; in memory if they fit.
    pub(crate) fn verified(
        self,
        shape: Shape,
        labels: Vec<usize>,
        memory_bytes: u64,
    ) -> io::Result<Pictures> {
        let records: Vec<u32> = (0..labels.len() as u32).collect();
        if (labels.len() * self.picture_bytes) as u64 > memory_bytes {
            records.par_iter().try_for_each(|&record| self.try_read(record).map(drop))?;
            let pixels = Pixels::File { file: Arc::new(self), records };
            return Ok(Pictures::of(shape, pixels, labels));
        }
        let mut pixels = Vec::with_capacity(labels.len() * self.picture_bytes);
        for record in records {
            pixels.extend(self.try_read(record)?);
        }
        Ok(Pictures::new(shape, pixels, labels))
    }

    /// Whether every picture could be read so far.
    pub(crate) fn check(&self) -> Result<(), DataError> {
        match self.failure.get() {
            None => Ok(()),
            Some(reason) => {
                Err(DataError::Lost { path: self.path.clone(), reason: reason.clone() })
            }
        }
    }
}

/// Pictures being written.
#[derive(Debug)]
pub(crate) struct PictureWriter {
    file: BufWriter<File>,
    path: PathBuf,
    start: u64,
    picture_bytes: usize,
}

impl PictureWriter {
    /// Writes into a file of its own without a name, which goes when the last reader does; in `folder`, which is made.
    pub(crate) fn unnamed(folder: &Path, picture_bytes: usize) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self::new(tempfile::tempfile_in(folder)?, folder, 0, picture_bytes))
    }

    /// Goes on in `file`, of which `start` bytes are written.
    pub(crate) fn new(file: File, path: &Path, start: u64, picture_bytes: usize) -> Self {
        Self { file: BufWriter::new(file), path: path.to_owned(), start, picture_bytes }
    }

    /// Adds a picture's record.
    pub(crate) fn write(&mut self, picture: &[u8]) -> io::Result<()> {
        self.file.write_all(picture)?;
        self.file.write_all(&crc32fast::hash(picture).to_le_bytes())
    }

    /// The file, to be read; `end` is written behind the records.
    pub(crate) fn finish(mut self, end: &[u8]) -> io::Result<PictureFile> {
        self.file.write_all(end)?;
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(PictureFile::new(file, &self.path, self.start, self.picture_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::PictureWriter;
    use std::io::{Seek, SeekFrom, Write};

    #[test]
    fn records_are_read_in_any_order_and_damage_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = tempfile::NamedTempFile::new_in(folder.path()).unwrap();
        file.write_all(b"head").unwrap();
        let mut writer = PictureWriter::new(file.as_file().try_clone().unwrap(), file.path(), 4, 3);
        (0..5).for_each(|index| writer.write(&[index; 3]).unwrap());
        let pictures = writer.finish(b"end of the file").unwrap();
        for index in [4, 0, 3, 3, 1] {
            assert_eq!(pictures.read(index), [index as u8; 3]);
        }
        assert!(pictures.check().is_ok());
        file.seek(SeekFrom::Start(4 + 2 * 7 + 1)).unwrap();
        file.write_all(&[9]).unwrap();
        assert_eq!(pictures.read(2), [0; 3]);
        let message = pictures.check().unwrap_err().to_string();
        assert!(message.contains("it was changed meanwhile"), "{message}");
        assert!(pictures.try_read(5).is_err() && pictures.try_read(50).is_err(), "beyond the end");
    }
}
