//! A labelled set of pictures: a part to learn from, and one to judge by.

use crate::{DataError, digest::Digest, pictures::Pictures};
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

impl Dataset {
    /// The SHA-256 of what a training run sees: shape, class names, pixels and labels of both parts, but not
    /// [`Dataset::name`]. A recipe names its data by it.
    pub fn digest(&self) -> Digest {
        let mut hasher = Digest::hasher("thumbnet data set 1");
        for part in [&self.train, &self.test] {
            hasher.numbers([part.shape.h, part.shape.w, part.shape.c, part.len()]);
            hasher.numbers(part.labels.iter().copied());
            hasher.begin(part.len() * part.shape.len());
            part.blocks(BLOCK).for_each(|block| hasher.more(&block));
        }
        for class in &self.classes {
            hasher.bytes(class.as_bytes());
        }
        hasher.finish()
    }

    /// Whether every picture that was asked for so far could be read; see [`Pictures::check`].
    ///
    /// # Errors
    /// As [`Pictures::check`].
    pub fn check(&self) -> Result<(), DataError> {
        self.train.check()?;
        self.test.check()
    }
}

/// Pictures that are hashed at a time.
const BLOCK: usize = 256;

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

#[cfg(test)]
mod tests {
    use super::{Dataset, Pictures};
    use thumbnet_kernels::geometry::Shape;

    const SHAPE: Shape = Shape::new(1, 2, 1);

    fn pictures(labels: &[usize]) -> Pictures {
        let mut pictures = Pictures::empty(SHAPE);
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
        others[1].train = Pictures::new(SHAPE, vec![0, 0, 1, 1, 2, 1], vec![0, 0, 1]);
        others[2].test.labels[0] = 0;
        others[3].train.shape = Shape::new(2, 1, 1);
        for other in others {
            assert_ne!(other.digest(), original.digest());
        }
    }
}
