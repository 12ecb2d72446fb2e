//! Lists of pictures to leave out: by what they show, so that a list stays right when files move or are added.

use super::{At, Part};
use crate::DataError;
use crate::digest::Digest;
use crate::{Dataset, Pictures};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Digits of an identity: enough for a billion pictures.
const DIGITS: usize = 20;

/// One identity a picture: the beginning of the SHA-256 of label and bytes, and `#2`, `#3`, … from the second
/// picture with both the same.
pub fn identities(pictures: &Pictures) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let identity = |index: usize| {
        let mut hasher = Digest::hasher("thumbnet picture 1");
        hasher.numbers([pictures.labels[index]]);
        hasher.bytes(&pictures.picture(index));
        let mut text = hasher.finish().to_string();
        text.truncate(DIGITS);
        let count = seen.entry(text.clone()).or_insert(0);
        *count += 1;
        if *count > 1 { format!("{text}#{count}") } else { text }
    };
    (0..pictures.len()).map(identity).collect()
}

/// A list of pictures to leave out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    path: PathBuf,
    identities: HashSet<String>,
}

impl Exclusion {
    /// Reads a list: an identity a line; what follows it on the line is for people, and so are lines with `#` first.
    ///
    /// # Errors
    /// [`DataError::Io`] if the file cannot be read, [`DataError::List`] for a line without an identity.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let text = fs::read_to_string(path).map_err(DataError::io(path, "read"))?;
        let mut identities = HashSet::new();
        for (index, line) in text.lines().enumerate() {
            let Some(word) = line.split_whitespace().next() else { continue };
            if word.starts_with('#') {
                continue;
            }
            let digits = word.split('#').next().unwrap_or_default();
            if digits.len() != DIGITS || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                let problem =
                    format!("`{word}` is no identity of a picture, as `data lint` writes them");
                let line = index as u64 + 1;
                return Err(DataError::Exclusion { path: path.to_owned(), line, problem });
            }
            identities.insert(word.to_owned());
        }
        Ok(Self { path: path.to_owned(), identities })
    }

    /// Takes the pictures out of both parts; returns how many.
    ///
    /// # Errors
    /// [`DataError::EmptyClass`] if nothing would be left of a class.
    pub fn apply(&self, dataset: &mut Dataset) -> Result<usize, DataError> {
        let mut removed = 0;
        for part in Part::BOTH {
            let pictures = part.of(dataset);
            let names = identities(pictures);
            let keep: Vec<usize> = (0..names.len())
                .filter(|&index| !self.identities.contains(&names[index]))
                .collect();
            let kept = pictures.select(&keep);
            let counts = kept.class_counts(dataset.classes.len());
            if let Some(empty) = counts.iter().position(|&count| count == 0) {
                let class = dataset.classes[empty].clone();
                return Err(DataError::EmptyClass {
                    path: self.path.clone(),
                    class,
                    part: part.name(),
                });
            }
            removed += names.len() - keep.len();
            match part {
                Part::Train => dataset.train = kept,
                Part::Test => dataset.test = kept,
            }
        }
        Ok(removed)
    }
}

/// The lines of a list that leaves these pictures out, each with a reason for people.
pub fn lines(dataset: &Dataset, pictures: &[(At, String)]) -> String {
    let names = Part::BOTH.map(|part| identities(part.of(dataset)));
    let line = |(at, reason): &(At, String)| {
        format!(
            "{} {} picture {}: {reason}\n",
            names[at.part as usize][at.index],
            at.part.name(),
            at.index
        )
    };
    pictures.iter().map(line).collect()
}
