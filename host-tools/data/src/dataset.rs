//! A labelled set of pictures in memory.

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

impl Pictures {
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
}
