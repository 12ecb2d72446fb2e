//! Labelled pictures of one shape: in memory, or in a file where they would be too many.

use crate::{DataError, picture_file::PictureFile};
use std::{borrow::Cow, sync::Arc};
use thumbnet_kernels::geometry::Shape;

/// Labelled pictures of one shape.
///
/// Where they are held is not seen from outside: [`Pictures::picture`] borrows or reads. A picture that can no longer be
/// read back from its file (a disk that fails, a file that was changed) is black, and [`Pictures::check`] says so
/// afterwards: whoever has used many asks it once at the end, so that the loops in between need no errors.
#[derive(Clone, Debug)]
pub struct Pictures {
    /// `[h, w, c]`, `c` 1 (grey) or 3 (RGB).
    pub shape: Shape,
    /// One label a picture.
    pub labels: Vec<usize>,
    pixels: Pixels,
}

/// Where the bytes are, 0 black to 255 white.
#[derive(Clone, Debug)]
pub(crate) enum Pixels {
    /// `[n, h, w, c]`.
    Memory(Vec<u8>),
    /// The record of each picture in a file that any number of selections share.
    File { file: Arc<PictureFile>, records: Vec<u32> },
}

impl Pictures {
    /// Pictures in memory, `pixels` `[n, h, w, c]`.
    ///
    /// # Panics
    /// If there are not as many pictures as labels.
    pub fn new(shape: Shape, pixels: Vec<u8>, labels: Vec<usize>) -> Self {
        assert_eq!(pixels.len(), shape.len() * labels.len(), "a label for each picture");
        Self { shape, labels, pixels: Pixels::Memory(pixels) }
    }

    /// No pictures, of a shape.
    pub fn empty(shape: Shape) -> Self {
        Self::new(shape, Vec::new(), Vec::new())
    }

    /// Pictures wherever they are; there are as many as labels.
    pub(crate) fn of(shape: Shape, pixels: Pixels, labels: Vec<usize>) -> Self {
        Self { shape, labels, pixels }
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Whether the pixels are in memory, and not read from a file when they are asked for.
    pub fn are_in_memory(&self) -> bool {
        matches!(self.pixels, Pixels::Memory(_))
    }

    /// The bytes of picture `index`, 0 black to 255 white.
    ///
    /// # Panics
    /// If there is no such picture.
    pub fn picture(&self, index: usize) -> Cow<'_, [u8]> {
        let len = self.shape.len();
        match &self.pixels {
            Pixels::Memory(pixels) => Cow::Borrowed(&pixels[index * len..][..len]),
            Pixels::File { file, records } => Cow::Owned(file.read(records[index])),
        }
    }

    /// The bytes of all pictures in their order, `[n, h, w, c]`: for a few; of many, see [`Pictures::blocks`].
    pub fn pixels(&self) -> Cow<'_, [u8]> {
        self.range(0, self.len())
    }

    /// The bytes of `count` pictures after `count` pictures, in their order; the last block may have fewer.
    ///
    /// # Panics
    /// If `count` is 0.
    pub fn blocks(&self, count: usize) -> impl Iterator<Item = Cow<'_, [u8]>> {
        (0..self.len())
            .step_by(count)
            .map(move |start| self.range(start, self.len().min(start + count)))
    }

    fn range(&self, start: usize, end: usize) -> Cow<'_, [u8]> {
        let len = self.shape.len();
        match &self.pixels {
            Pixels::Memory(pixels) => Cow::Borrowed(&pixels[start * len..end * len]),
            Pixels::File { file, records } => {
                let mut bytes = Vec::with_capacity((end - start) * len);
                records[start..end].iter().for_each(|&record| bytes.extend(file.read(record)));
                Cow::Owned(bytes)
            }
        }
    }

    /// Whether every picture that was asked for so far could be read.
    ///
    /// # Errors
    /// [`DataError::Lost`] if one could not and was black instead.
    pub fn check(&self) -> Result<(), DataError> {
        match &self.pixels {
            Pixels::Memory(_) => Ok(()),
            Pixels::File { file, .. } => file.check(),
        }
    }

    /// Adds one picture, in memory.
    ///
    /// # Panics
    /// If its length is not that of the shape.
    pub fn push(&mut self, picture: &[u8], label: usize) {
        assert_eq!(picture.len(), self.shape.len(), "the length of a picture of {:?}", self.shape);
        if !self.are_in_memory() {
            self.pixels = Pixels::Memory(self.pixels().into_owned());
        }
        if let Pixels::Memory(pixels) = &mut self.pixels {
            pixels.extend_from_slice(picture);
            self.labels.push(label);
        }
    }

    /// The pictures with these indices, in their order.
    ///
    /// # Panics
    /// If there is no picture with such an index.
    pub fn select(&self, indices: &[usize]) -> Self {
        let labels = indices.iter().map(|&index| self.labels[index]).collect();
        let pixels = match &self.pixels {
            Pixels::Memory(_) => {
                let mut pixels = Vec::with_capacity(indices.len() * self.shape.len());
                indices.iter().for_each(|&index| pixels.extend_from_slice(&self.picture(index)));
                Pixels::Memory(pixels)
            }
            Pixels::File { file, records } => {
                let records = indices.iter().map(|&index| records[index]).collect();
                Pixels::File { file: Arc::clone(file), records }
            }
        };
        Self { shape: self.shape, labels, pixels }
    }

    /// At most `n` pictures, spread over the classes as evenly as there are pictures: the first of each class, then
    /// the second of each, until `n` are found; in their present order. For quick looks and calibration.
    pub fn subset(&self, n: usize) -> Self {
        self.select(&self.subset_indices(n))
    }

    /// The indices of the pictures of [`Pictures::subset`].
    pub fn subset_indices(&self, n: usize) -> Vec<usize> {
        // Its rank within its class, then its place: sorting by it takes the classes in turn.
        let mut seen = vec![0; self.labels.iter().max().map_or(0, |&label| label + 1)];
        let mut turns: Vec<(usize, usize)> = Vec::with_capacity(self.len());
        for (index, &label) in self.labels.iter().enumerate() {
            turns.push((seen[label], index));
            seen[label] += 1;
        }
        turns.sort_unstable();
        turns.truncate(n);
        let mut indices: Vec<usize> = turns.into_iter().map(|(_, index)| index).collect();
        indices.sort_unstable();
        indices
    }

    /// How many pictures each of `classes` classes has; labels beyond are not counted.
    pub fn class_counts(&self, classes: usize) -> Vec<usize> {
        let mut counts = vec![0; classes];
        for &label in &self.labels {
            if let Some(count) = counts.get_mut(label) {
                *count += 1;
            }
        }
        counts
    }
}

/// Equal shapes, labels and bytes, wherever those are.
impl PartialEq for Pictures {
    fn eq(&self, other: &Self) -> bool {
        let same = |index: usize| self.picture(index) == other.picture(index);
        self.shape == other.shape && self.labels == other.labels && (0..self.len()).all(same)
    }
}

impl Eq for Pictures {}

#[cfg(test)]
mod tests {
    use super::Pictures;
    use thumbnet_kernels::geometry::Shape;

    fn pictures(labels: &[usize]) -> Pictures {
        let mut pictures = Pictures::empty(Shape::new(1, 2, 1));
        for (index, &label) in labels.iter().enumerate() {
            pictures.push(&[index as u8, label as u8], label);
        }
        pictures
    }

    #[test]
    fn a_subset_takes_the_classes_in_turn_and_keeps_the_order() {
        let sorted = pictures(&[0, 0, 0, 0, 1, 1, 2]);
        assert_eq!(sorted.subset(4).labels, [0, 0, 1, 2]);
        assert_eq!(*sorted.subset(4).pixels(), [0, 0, 1, 0, 4, 1, 6, 2]);
        assert_eq!(pictures(&[0, 1, 2, 0, 1, 2]).subset(3).labels, [0, 1, 2]);
        assert_eq!(sorted.subset(100), sorted);
        assert!(sorted.subset(0).is_empty());
    }

    #[test]
    fn class_counts_include_classes_without_pictures() {
        assert_eq!(pictures(&[0, 2, 2]).class_counts(4), [1, 0, 2, 0]);
    }

    #[test]
    fn blocks_are_all_pictures_in_order() {
        let five = pictures(&[0, 1, 2, 3, 4]);
        let blocks: Vec<Vec<u8>> = five.blocks(2).map(|block| block.into_owned()).collect();
        assert_eq!(blocks.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
        assert_eq!(blocks.concat(), *five.pixels());
        assert_eq!(Pictures::empty(Shape::new(1, 1, 1)).blocks(3).count(), 0);
    }
}
