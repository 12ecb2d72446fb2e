//! Prepared pictures as they come: kept in memory up to a limit, then in a file.

use crate::{
    DataError, LoadOptions,
    picture_file::PictureWriter,
    pictures::{Pictures, Pixels},
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use thumbnet_kernels::geometry::Shape;

/// Prepared bytes of a block.
const BLOCK_BYTES: usize = 16 << 20;

/// Pictures of a shape that are prepared before they are put away: so many that all cores have work, and no more than
/// memory is sure to have.
pub(crate) fn block(shape: Shape) -> usize {
    (BLOCK_BYTES / shape.len().max(1)).clamp(2 * rayon::current_num_threads(), 1024)
}

/// Takes pictures one by one, in their order.
pub(crate) struct Gathering {
    shape: Shape,
    labels: Vec<usize>,
    /// Bytes that may be in memory.
    limit: u64,
    /// Where a file is made when they are more.
    folder: PathBuf,
    /// All pictures so far, while they may.
    held: Option<Vec<u8>>,
    writer: Option<PictureWriter>,
    /// Why the writer was given up.
    failure: Option<io::Error>,
}

impl Gathering {
    /// If `writer` is there, every picture is written to it too: the cache of the next run.
    pub(crate) fn new(shape: Shape, options: &LoadOptions, writer: Option<PictureWriter>) -> Self {
        let (limit, folder) = (options.memory_bytes, options.scratch_folder());
        let (held, failure) = (Some(Vec::new()), None);
        Self { shape, labels: Vec::new(), limit, folder, held, writer, failure }
    }

    /// Adds a picture of the shape.
    pub(crate) fn push(&mut self, picture: &[u8], label: usize) -> Result<(), DataError> {
        self.labels.push(label);
        if let Some(writer) = &mut self.writer
            && let Err(error) = writer.write(picture)
        {
            self.writer = None;
            self.forgive(error)?;
        }
        if let Some(held) = &mut self.held {
            held.extend_from_slice(picture);
            if held.len() as u64 > self.limit {
                self.let_go()?;
            }
        }
        Ok(())
    }

    /// A cache that cannot be written is no reason to stop while memory holds all pictures.
    fn forgive(&mut self, error: io::Error) -> Result<(), DataError> {
        if self.held.is_none() {
            return Err(DataError::io(&self.folder, "write prepared pictures")(error));
        }
        self.failure = Some(error);
        Ok(())
    }

    /// Leaves to the file what is in memory.
    fn let_go(&mut self) -> Result<(), DataError> {
        let held = self.held.take().unwrap_or_default();
        if self.writer.is_none() {
            let written = spill(&self.folder, &held, self.shape.len());
            let error = DataError::io(&self.folder, "write prepared pictures");
            self.writer = Some(written.map_err(error)?);
        }
        Ok(())
    }

    /// All pictures, and whether the writer has them all, with `end` behind them.
    pub(crate) fn finish(mut self, end: &[u8]) -> Result<(Pictures, io::Result<()>), DataError> {
        let file = match self.writer.take().map(|writer| writer.finish(end)).transpose() {
            Ok(file) => file,
            Err(error) => {
                self.forgive(error)?;
                None
            }
        };
        let pixels = match (self.held, file) {
            (None, Some(file)) => {
                let records = (0..self.labels.len() as u32).collect();
                Pixels::File { file: Arc::new(file), records }
            }
            (held, _) => Pixels::Memory(held.unwrap_or_default()),
        };
        let written = self.failure.map_or(Ok(()), Err);
        Ok((Pictures::of(self.shape, pixels, self.labels), written))
    }
}

fn spill(folder: &Path, pictures: &[u8], picture_bytes: usize) -> io::Result<PictureWriter> {
    let mut writer = PictureWriter::unnamed(folder, picture_bytes)?;
    pictures.chunks_exact(picture_bytes).try_for_each(|picture| writer.write(picture))?;
    Ok(writer)
}

#[cfg(test)]
mod tests {
    use super::Gathering;
    use crate::{LoadOptions, Pictures};
    use thumbnet_kernels::geometry::Shape;

    fn gathered(memory_bytes: u64) -> Pictures {
        let options = LoadOptions { memory_bytes, ..LoadOptions::default() };
        let mut gathering = Gathering::new(Shape::new(2, 2, 1), &options, None);
        (0..9).for_each(|index| gathering.push(&[index; 4], usize::from(index % 2)).unwrap());
        gathering.finish(&[]).unwrap().0
    }

    #[test]
    fn what_does_not_fit_into_memory_is_the_same_in_a_file() {
        let whole = gathered(36);
        assert!(whole.are_in_memory());
        for limit in [0, 3, 4, 20, 35] {
            let filed = gathered(limit);
            assert!(!filed.are_in_memory());
            assert_eq!(filed, whole);
            assert_eq!(filed.pixels(), whole.pixels());
            assert_eq!(filed.select(&[8, 0, 3]), whole.select(&[8, 0, 3]));
            assert_eq!(filed.subset(4), whole.subset(4));
            filed.check().unwrap();
            let mut more = filed.select(&[1]);
            more.push(&[200; 4], 5);
            assert!(more.are_in_memory());
            assert_eq!(*more.pixels(), [[1; 4], [200; 4]].concat());
        }
    }
}
