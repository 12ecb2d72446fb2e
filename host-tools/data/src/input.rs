//! What a model's input looks like, and pictures made to fit it.

use crate::{
    DataError, LoadOptions, Pictures,
    gathering::{Gathering, block},
};
use firmware::preprocess::{MAX_SIDE, PictureError, Recipe, preprocess};
use rayon::prelude::*;
use thumbnet_graph::{Preprocessing, Turn};
use thumbnet_kernels::geometry::Shape;

/// What every picture is turned into: the input of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputSpec {
    /// `[h, w, c]`, `c` 1 (grey) or 3 (RGB).
    pub shape: Shape,
    /// How a picture becomes it.
    pub how: Preprocessing,
}

impl InputSpec {
    /// An input of this shape that pictures become like this.
    pub const fn new(shape: Shape, how: Preprocessing) -> Self {
        Self { shape, how }
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
        let recipe = Recipe { shape: self.shape, how: self.how };
        preprocess(picture, shape, &recipe, &mut codes)?;
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

    /// Prepares all pictures of a set, on all cores. `self` and the pictures' shape have been checked.
    pub(crate) fn prepare_all(
        &self,
        pictures: Pictures,
        options: &LoadOptions,
    ) -> Result<Pictures, DataError> {
        let changes = self.how.invert || self.how.turn != Turn::Upright;
        let as_they_are = pictures.shape == self.shape && !changes;
        let bytes = (pictures.len() * self.shape.len()) as u64;
        if as_they_are && bytes <= options.memory_bytes {
            return Ok(pictures);
        }
        let mut gathering = Gathering::new(self.shape, options, None);
        let count = block(self.shape);
        let mut prepared = vec![0; count.min(pictures.len()) * self.shape.len()];
        for (block, labels) in pictures.blocks(count).zip(pictures.labels.chunks(count)) {
            let originals = block.par_chunks_exact(pictures.shape.len());
            prepared.par_chunks_exact_mut(self.shape.len()).zip(originals).for_each(
                |(bytes, picture)| {
                    self.prepare(picture, pictures.shape, bytes).expect("both shapes were checked");
                },
            );
            for (bytes, &label) in prepared.chunks_exact(self.shape.len()).zip(labels) {
                gathering.push(bytes, label)?;
            }
        }
        Ok(gathering.finish(&[])?.0)
    }
}

/// The int8 input codes of prepared bytes: `byte - 128` (scale 1/255, zero point -128).
pub fn to_codes(bytes: &[u8]) -> Vec<i8> {
    bytes.iter().map(|&byte| (byte ^ 0x80) as i8).collect()
}

#[cfg(test)]
mod tests {
    use super::{InputSpec, to_codes};
    use crate::{LoadOptions, Pictures, Random};
    use thumbnet_graph::{Fit, Preprocessing};
    use thumbnet_kernels::geometry::Shape;

    #[test]
    fn prepared_bytes_and_codes_are_those_of_the_board() {
        let picture = [0, 255, 128, 7];
        let [square, row] = [Shape::new(2, 2, 1), Shape::new(1, 4, 1)];
        let input = InputSpec::new(square, Preprocessing::new(Fit::Stretch, true));
        let mut bytes = [0; 4];
        input.prepare(&picture, square, &mut bytes).unwrap();
        assert_eq!(bytes, [255, 0, 127, 248]);
        assert_eq!(to_codes(&bytes), [127, -128, -1, 120]);
        let pictures = Pictures::new(row, picture.to_vec(), vec![3]);
        let cropped = InputSpec::new(Shape::new(1, 2, 1), Preprocessing::new(Fit::Crop, false));
        let prepared = cropped.prepare_all(pictures, &LoadOptions::default()).unwrap();
        assert_eq!(*prepared.pixels(), [255, 128]);
    }

    #[test]
    fn unusable_inputs_are_refused() {
        let input =
            |h, w, c| InputSpec::new(Shape::new(h, w, c), Preprocessing::new(Fit::Crop, false));
        assert!(input(28, 28, 1).check().is_ok());
        for bad in [input(0, 28, 1), input(28, 28, 2), input(28, 70_000, 3)] {
            let message = bad.check().unwrap_err().to_string();
            assert!(message.contains("needs 1 or 3 channels"), "{message}");
        }
    }

    #[test]
    fn every_fit_keeps_the_range_of_any_picture() {
        let mut random = Random::new(4, 4);
        for round in 0..400 {
            let mut shape = |most| Shape::new(1 + random.below(most), 1 + random.below(most), 1);
            let [from, mut to] = [shape(40), shape(20)];
            let c = [1, 3][round % 2];
            let from = Shape::new(from.h, from.w, c);
            to.c = [1, 3][round / 2 % 2];
            let [low, high] = [20 + round as u8 % 50, 180];
            let picture: Vec<u8> = (0..from.len())
                .map(|_| low + random.below(usize::from(high - low)) as u8)
                .collect();
            for fit in [Fit::Stretch, Fit::Crop] {
                let input = InputSpec::new(to, Preprocessing::new(fit, false));
                let mut bytes = vec![0; to.len()];
                input.prepare(&picture, from, &mut bytes).unwrap();
                let within = bytes.iter().all(|byte| (low..high).contains(byte));
                assert!(within, "{from:?} {input:?} {bytes:?}");
            }
        }
    }
}
