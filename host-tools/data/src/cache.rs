//! Prepared pictures of a folder or list, kept for the next run: decoding is the slowest part of loading.
//!
//! One file for each source and input, so that a cache does not grow with the changes of a folder:
//!
//! ```text
//! "thumbnet cache 1", then the key, 32 bytes
//! a record for each readable picture, in the order of the listing
//! for each file of the listing: h, w (two bytes each), c of the picture as it was; all 0 for an unreadable one
//! CRC-32 of these, four bytes
//! ```
//!
//! The key is the SHA-256 of everything that the prepared pictures depend on: the version of this program, the input,
//! and each file's path, size and times. A file with another key, or with a byte that is not what it was, is made
//! again. It is written under a temporary name and renamed, so that no reader meets half of one.

use crate::{
    Digest, InputSpec,
    decoding::Labelled,
    digest::FieldHasher,
    picture_file::{PictureFile, PictureWriter, record_bytes},
};
use std::{
    env,
    fs::{self, File, Metadata},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tempfile::NamedTempFile;
use thumbnet_kernels::geometry::Shape;

const MAGIC: &[u8; 16] = b"thumbnet cache 1";
const HEAD: usize = MAGIC.len() + 32;
/// Bytes of a file's entry.
const ENTRY: usize = 5;

/// What temporary names begin with.
const UNFINISHED: &str = "unfinished-";
/// Nobody writes to a file any more that has not changed for so long.
const ABANDONED: Duration = Duration::from_hours(24);

/// Files of fewer bytes are decoded in less than a second.
const WORTHWHILE_BYTES: u64 = 8 << 20;

/// Where `thumbnet` keeps what it can make again: `$THUMBNET_CACHE`, else `thumbnet` in the user's cache folder
/// (`$XDG_CACHE_HOME` or `~/.cache`); `None` for a user without one.
pub fn cache_folder() -> Option<PathBuf> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("THUMBNET_CACHE").or_else(|| {
        variable("XDG_CACHE_HOME")
            .or_else(|| variable("HOME").map(|home| home.join(".cache")))
            .map(|folder| folder.join("thumbnet"))
    })
}

/// The cache file of one source and input.
pub(crate) struct Cache {
    folder: PathBuf,
    path: PathBuf,
    key: [u8; 32],
    picture_bytes: usize,
    /// Files of the listing.
    files: usize,
}

/// What a cache file holds.
pub(crate) struct Cached {
    pub pictures: PictureFile,
    /// Of each file of the listing, as it was; `None` of an unreadable one.
    pub shapes: Vec<Option<Shape>>,
}

impl Cache {
    /// The cache of `files` of `source` in `folder`; `None` where it is not worth it.
    pub(crate) fn of(
        folder: &Path,
        source: &Path,
        files: &[Labelled],
        input: &InputSpec,
    ) -> Option<Self> {
        let source = std::path::absolute(source).ok()?;
        let mut place = Digest::hasher("thumbnet cache place 1");
        place.bytes(source.as_os_str().as_encoded_bytes());
        place.bytes(format!("{input:?}").as_bytes());
        let mut key = Digest::hasher("thumbnet cache key 1");
        key.bytes(env!("CARGO_PKG_VERSION").as_bytes());
        key.bytes(format!("{input:?}").as_bytes());
        let mut bytes = 0;
        for (file, _) in files {
            let metadata = fs::metadata(file).ok();
            bytes += metadata.as_ref().map_or(0, Metadata::len);
            add_file(&mut key, file, metadata.as_ref());
        }
        let mut name = place.finish().to_string();
        name.truncate(16);
        (bytes >= WORTHWHILE_BYTES).then(|| Self {
            folder: folder.to_owned(),
            path: folder.join(name + ".pictures"),
            key: *key.finish().bytes(),
            picture_bytes: input.shape.len(),
            files: files.len(),
        })
    }

    /// What was kept; `Ok(None)` if nothing was, or it is out of date.
    ///
    /// # Errors
    /// If it is damaged or cannot be read.
    pub(crate) fn open(&self) -> io::Result<Option<Cached>> {
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let damaged = || io::Error::other("it is damaged");
        let mut head = [0; HEAD];
        file.read_exact(&mut head).map_err(|_| damaged())?;
        if head[..MAGIC.len()] != *MAGIC || head[MAGIC.len()..] != self.key {
            return Ok(None);
        }
        let index_bytes = self.files * ENTRY + 4;
        let records = (file.metadata()?.len()).checked_sub((HEAD + index_bytes) as u64);
        file.seek(SeekFrom::End(-(index_bytes as i64))).map_err(|_| damaged())?;
        let mut index = vec![0; index_bytes];
        file.read_exact(&mut index)?;
        let shapes = read_index(&index).ok_or_else(damaged)?;
        let good = shapes.iter().flatten().count() as u64;
        if records != Some(good * record_bytes(self.picture_bytes) as u64) {
            return Err(damaged());
        }
        let pictures = PictureFile::new(file, &self.path, HEAD as u64, self.picture_bytes);
        Ok(Some(Cached { pictures, shapes }))
    }

    /// Begins to write a new one under a temporary name.
    pub(crate) fn create(&self) -> io::Result<(NamedTempFile, PictureWriter)> {
        fs::create_dir_all(&self.folder)?;
        self.remove_unfinished();
        let mut named = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.folder)?;
        named.write_all(MAGIC)?;
        named.write_all(&self.key)?;
        let file = named.as_file().try_clone()?;
        let writer = PictureWriter::new(file, &self.path, HEAD as u64, self.picture_bytes);
        Ok((named, writer))
    }

    /// Removes what killed runs have left, as far as it can: a run that is not killed removes its own.
    fn remove_unfinished(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            let written = entry.metadata().and_then(|metadata| metadata.modified());
            let age = written.ok().and_then(|written| written.elapsed().ok());
            let is_ours = entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes());
            if is_ours && age > Some(ABANDONED) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Gives a file its name, whose index is written.
    pub(crate) fn keep(&self, named: NamedTempFile) -> io::Result<()> {
        named.persist(&self.path).map(drop).map_err(|error| error.error)
    }

    /// The file's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The index of the files of a listing, with its checksum.
pub(crate) fn index(shapes: &[Option<Shape>]) -> Vec<u8> {
    let entry = |shape: &Option<Shape>| {
        let Shape { h, w, c } = shape.unwrap_or(Shape::new(0, 0, 0));
        // Sides of decoded pictures have 16 bits, see MAX_SIDE.
        let [h, w] = [h, w].map(|side| (side as u16).to_le_bytes());
        [h[0], h[1], w[0], w[1], c as u8]
    };
    let mut bytes: Vec<u8> = shapes.iter().flat_map(entry).collect();
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

fn read_index(bytes: &[u8]) -> Option<Vec<Option<Shape>>> {
    let (entries, checksum) = bytes.split_last_chunk::<4>()?;
    if crc32fast::hash(entries).to_le_bytes() != *checksum {
        return None;
    }
    let shape = |&[h0, h1, w0, w1, c]: &[u8; ENTRY]| {
        let side = |bytes| usize::from(u16::from_le_bytes(bytes));
        (c > 0).then(|| Shape::new(side([h0, h1]), side([w0, w1]), usize::from(c)))
    };
    Some(entries.as_chunks().0.iter().map(shape).collect())
}

fn add_file(key: &mut FieldHasher, file: &Path, metadata: Option<&Metadata>) {
    key.bytes(std::path::absolute(file).unwrap_or_default().as_os_str().as_encoded_bytes());
    let nanoseconds = |time: io::Result<SystemTime>| {
        let since = time.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        since.map_or(0, |since| since.as_nanos()).to_le_bytes()
    };
    if let Some(metadata) = metadata {
        key.bytes(&metadata.len().to_le_bytes());
        key.bytes(&nanoseconds(metadata.modified()));
        // A file that was replaced by one with the times of an archive has another birth, where systems tell it.
        key.bytes(&nanoseconds(metadata.created()));
    }
}
