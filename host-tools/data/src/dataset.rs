//! A labelled set of pictures in memory.

use crate::digest::Digest;
use std::fmt;
use thumbnet_kernels::geometry::Shape;

/// Training and test pictures of one shape, with class names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Where it came from: `fashion-mnist-subset`, a folder's name.
    pub name: String,
    /// Class names; a label is an index.
    pub classes: Vec<String>,
    /// Pictures to learn from.
    pub train: Pictures,
    /// Pictures to judge by, never learned from.
    pub test: Pictures,
}

/// Labelled pictures of one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pictures {
    /// `[h, w, c]`, `c` 1 (grey) or 3 (RGB).
    pub shape: Shape,
    /// `[n, h, w, c]`, 0 black to 255 white.
    pub pixels: Vec<u8>,
    /// One label a picture.
    pub labels: Vec<usize>,
}

impl Dataset {
    /// The SHA-256 of what a training run sees: shape, class names, pixels and labels of both parts, but not
    /// [`Dataset::name`]. A recipe names its data by it.
    pub fn digest(&self) -> Digest {
        let mut hasher = Digest::hasher("thumbnet data set 1");
        for part in [&self.train, &self.test] {
            hasher.numbers([part.shape.h, part.shape.w, part.shape.c, part.len()]);
            hasher.numbers(part.labels.iter().copied());
            hasher.bytes(&part.pixels);
        }
        for class in &self.classes {
            hasher.bytes(class.as_bytes());
        }
        hasher.finish()
    }
}

/// One line: `fashion-mnist-subset: 10 classes, 5000 training and 1000 test pictures of 28 x 28, grey`.
impl fmt::Display for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape { h, w, c } = self.train.shape;
        let [train, test] = [self.train.len(), self.test.len()];
        let colour = if c == 1 { "grey" } else { "RGB" };
        write!(
            f,
            "{}: {} classes, {train} training and {test} test pictures of {h} x {w}, {colour}",
            self.name,
            self.classes.len()
        )
    }
}

impl Pictures {
    /// No pictures, of a shape.
    pub fn empty(shape: Shape) -> Self {
        Self { shape, pixels: Vec::new(), labels: Vec::new() }
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The bytes of picture `index`.
    ///
    /// # Panics
    /// If there is no such picture.
    pub fn picture(&self, index: usize) -> &[u8] {
        let len = self.shape.len();
        &self.pixels[index * len..][..len]
    }

    /// Adds one picture.
    ///
    /// # Panics
    /// If its length is not that of the shape.
    pub fn push(&mut self, picture: &[u8], label: usize) {
        assert_eq!(picture.len(), self.shape.len(), "the length of a picture of {:?}", self.shape);
        self.pixels.extend_from_slice(picture);
        self.labels.push(label);
    }

    /// The pictures with these indices, in their order.
    ///
    /// # Panics
    /// If there is no picture with such an index.
    pub fn select(&self, indices: &[usize]) -> Self {
        let mut selection = Self::empty(self.shape);
        for &index in indices {
            selection.push(self.picture(index), self.labels[index]);
        }
        selection
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

#[cfg(test)]
mod tests {
    use super::{Dataset, Pictures};
    use thumbnet_kernels::geometry::Shape;

    fn pictures(labels: &[usize]) -> Pictures {
        let mut pictures = Pictures::empty(Shape::new(1, 2, 1));
        for (index, &label) in labels.iter().enumerate() {
            pictures.push(&[index as u8, label as u8], label);
        }
        pictures
    }

    fn dataset() -> Dataset {
        let classes = vec!["a".into(), "b".into()];
        let [train, test] = [pictures(&[0, 0, 1]), pictures(&[1, 0])];
        Dataset { name: "x".into(), classes, train, test }
    }

    #[test]
    fn a_subset_takes_the_classes_in_turn_and_keeps_the_order() {
        let sorted = pictures(&[0, 0, 0, 0, 1, 1, 2]);
        assert_eq!(sorted.subset(4).labels, [0, 0, 1, 2]);
        assert_eq!(sorted.subset(4).pixels, [0, 0, 1, 0, 4, 1, 6, 2]);
        assert_eq!(pictures(&[0, 1, 2, 0, 1, 2]).subset(3).labels, [0, 1, 2]);
        assert_eq!(sorted.subset(100), sorted);
        assert!(sorted.subset(0).is_empty());
    }

    #[test]
    fn class_counts_include_classes_without_pictures() {
        assert_eq!(pictures(&[0, 2, 2]).class_counts(4), [1, 0, 2, 0]);
    }

    #[test]
    fn the_summary_is_one_line() {
        let expected = "x: 2 classes, 3 training and 2 test pictures of 1 x 2, grey";
        assert_eq!(dataset().to_string(), expected);
    }

    #[test]
    fn the_digest_sees_every_byte_but_not_the_name() {
        let original = dataset();
        let mut renamed = original.clone();
        renamed.name = "y".into();
        assert_eq!(renamed.digest(), original.digest());
        let mut others = [original.clone(), original.clone(), original.clone(), original.clone()];
        others[0].classes[1] = "c".into();
        others[1].train.pixels[3] ^= 1;
        others[2].test.labels[0] = 0;
        others[3].train.shape = Shape::new(2, 1, 1);
        for other in others {
            assert_ne!(other.digest(), original.digest());
        }
    }
}
