//! What a model's input looks like, and pictures made to fit it.

use crate::{DataError, dataset::Pictures};
use firmware::preprocess::{self, MAX_SIDE, PictureError, Recipe, preprocess};
use rayon::prelude::*;
use std::path::Path;
use thumbnet_graph::{Fit, Preprocessing};
use thumbnet_kernels::geometry::Shape;

/// The most bytes of prepared pictures in memory: 1.3 million grey pictures of 56 x 56.
const MAX_PREPARED_BYTES: u64 = 1 << 32;

/// What every picture is turned into: the input of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputSpec {
    /// `[h, w, c]`, `c` 1 (grey) or 3 (RGB).
    pub shape: Shape,
    /// How a picture meets the input's rectangle.
    pub fit: Fit,
    /// Whether `byte` becomes `255 - byte` (dark strokes on light paper).
    pub invert: bool,
}

impl InputSpec {
    /// The input of a model as its metadata says it.
    pub const fn new(shape: Shape, preprocessing: Preprocessing) -> Self {
        Self { shape, fit: preprocessing.fit, invert: preprocessing.invert }
    }

    /// What goes into the model's metadata.
    pub const fn preprocessing(&self) -> Preprocessing {
        Preprocessing { fit: self.fit, invert: self.invert }
    }

    /// The same for the code that runs on the board.
    pub const fn recipe(&self) -> Recipe {
        let fit = match self.fit {
            Fit::Stretch => preprocess::Fit::Stretch,
            Fit::Crop => preprocess::Fit::Crop,
        };
        Recipe { shape: self.shape, fit, invert: self.invert }
    }

    /// Writes the bytes of the input that the board makes of this picture; `picture` is `[h, w, c]` of `shape`, `c` 1
    /// or 3.
    ///
    /// # Errors
    /// [`PictureError`] if a shape is unusable or a length disagrees with its shape.
    pub fn prepare(
        &self,
        picture: &[u8],
        shape: Shape,
        bytes: &mut [u8],
    ) -> Result<(), PictureError> {
        let mut codes = vec![0; bytes.len()];
        preprocess(picture, shape, &self.recipe(), &mut codes)?;
        for (byte, code) in bytes.iter_mut().zip(codes) {
            *byte = code as u8 ^ 0x80; // byte = code + 128
        }
        Ok(())
    }

    /// Whether a model can have this input.
    ///
    /// # Errors
    /// [`DataError::InputShape`].
    pub(crate) fn check(&self) -> Result<(), DataError> {
        let Shape { h, w, c } = self.shape;
        let sides = 1..=MAX_SIDE;
        if (c == 1 || c == 3) && sides.contains(&h) && sides.contains(&w) {
            return Ok(());
        }
        Err(DataError::InputShape { h, w, c })
    }

    /// Whether `count` prepared pictures can be held in memory; `path` is for the message.
    ///
    /// # Errors
    /// [`DataError::TooLarge`].
    pub(crate) fn check_memory(&self, path: &Path, count: usize) -> Result<(), DataError> {
        let bytes = (self.shape.len() as u64).saturating_mul(count as u64);
        if bytes <= MAX_PREPARED_BYTES {
            return Ok(());
        }
        Err(DataError::TooLarge { path: path.to_owned(), bytes })
    }

    /// Prepares all pictures of a set, on all cores. `self` and the pictures' shape have been checked.
    pub(crate) fn prepare_all(&self, pictures: Pictures) -> Pictures {
        if pictures.shape == self.shape && !self.invert {
            return pictures;
        }
        let mut pixels = vec![0; pictures.len() * self.shape.len()];
        pixels
            .par_chunks_exact_mut(self.shape.len())
            .zip(pictures.pixels.par_chunks_exact(pictures.shape.len()))
            .for_each(|(bytes, picture)| {
                self.prepare(picture, pictures.shape, bytes).expect("both shapes were checked");
            });
        Pictures { shape: self.shape, pixels, labels: pictures.labels }
    }
}

/// The int8 input codes of prepared bytes: `byte - 128` (scale 1/255, zero point -128).
pub fn to_codes(bytes: &[u8]) -> Vec<i8> {
    bytes.iter().map(|&byte| (byte ^ 0x80) as i8).collect()
}

#[cfg(test)]
mod tests {
    use super::{InputSpec, to_codes};
    use crate::Pictures;
    use thumbnet_graph::Fit;
    use thumbnet_kernels::geometry::Shape;

    #[test]
    fn prepared_bytes_and_codes_are_those_of_the_board() {
        let picture = [0, 255, 128, 7];
        let [square, row] = [Shape::new(2, 2, 1), Shape::new(1, 4, 1)];
        let input = InputSpec { shape: square, fit: Fit::Stretch, invert: true };
        let mut bytes = [0; 4];
        input.prepare(&picture, square, &mut bytes).unwrap();
        assert_eq!(bytes, [255, 0, 127, 248]);
        assert_eq!(to_codes(&bytes), [127, -128, -1, 120]);
        let pictures = Pictures { shape: row, pixels: picture.to_vec(), labels: vec![3] };
        let cropped = InputSpec { shape: Shape::new(1, 2, 1), fit: Fit::Crop, invert: false };
        assert_eq!(cropped.prepare_all(pictures).pixels, [255, 128]);
    }

    #[test]
    fn unusable_inputs_are_refused() {
        let input =
            |h, w, c| InputSpec { shape: Shape::new(h, w, c), fit: Fit::Crop, invert: false };
        assert!(input(28, 28, 1).check().is_ok());
        for bad in [input(0, 28, 1), input(28, 28, 2), input(28, 70_000, 3)] {
            let message = bad.check().unwrap_err().to_string();
            assert!(message.contains("needs 1 or 3 channels"), "{message}");
        }
    }
}
