//! Setting apart test pictures where a folder has none: a fifth of each class, chosen by a seed.
//!
//! Pictures are ranked by the SHA-256 of seed, class and file name, and the first fifth is for the test. So the
//! choice is the same on every machine, and adding another class does not touch it.

use crate::{DataError, Pictures, digest::Digest};
use std::path::{Path, PathBuf};

/// One picture in so many is for the test.
const TEST_SHARE: usize = 5;

/// The indices of the `[train, test]` parts of pictures with their files; every class has pictures in both.
///
/// # Errors
/// [`DataError::SinglePicture`] if a class has only one picture to share.
pub(crate) fn split(
    pictures: &Pictures,
    files: &[PathBuf],
    classes: &[String],
    seed: u64,
) -> Result<[Vec<usize>; 2], DataError> {
    let mut is_test = vec![false; pictures.len()];
    for (label, class) in classes.iter().enumerate() {
        let labels = pictures.labels.iter().enumerate();
        let members: Vec<usize> =
            labels.filter(|&(_, &found)| found == label).map(|(index, _)| index).collect();
        if let [single] = members[..] {
            let (path, class) = (files[single].clone(), class.clone());
            return Err(DataError::SinglePicture { path, class });
        }
        for index in test_members(members, files, class, seed) {
            is_test[index] = true;
        }
    }
    Ok([false, true]
        .map(|part| (0..is_test.len()).filter(|&index| is_test[index] == part).collect()))
}

/// A line for the user that [`split`] was needed; `place` is the folder or the list.
pub(crate) fn note(place: &Path, [train, test]: &[Vec<usize>; 2]) -> String {
    let [test, all] = [test.len(), train.len() + test.len()];
    let place = place.display();
    format!("{place}: names no test pictures; {test} of {all} pictures are set apart for the test")
}

/// Leaving out unreadable pictures may have emptied a class.
pub(crate) fn check_all_present(
    place: &Path,
    classes: &[String],
    [train, test]: [&Pictures; 2],
) -> Result<(), DataError> {
    for (part, name) in [(train, "training"), (test, "test")] {
        if let Some(empty) = part.class_counts(classes.len()).iter().position(|&count| count == 0) {
            let (path, class) = (place.to_owned(), classes[empty].clone());
            return Err(DataError::EmptyClass { path, class, part: name });
        }
    }
    Ok(())
}

fn test_members(members: Vec<usize>, files: &[PathBuf], class: &str, seed: u64) -> Vec<usize> {
    // A fifth to the nearest, but never none: two or more leave at least one on each side.
    let count = ((members.len() + TEST_SHARE / 2) / TEST_SHARE).max(1);
    let mut ranked: Vec<([u8; 32], usize)> =
        members.into_iter().map(|index| (rank(seed, class, &files[index]), index)).collect();
    ranked.sort_unstable();
    ranked.into_iter().take(count).map(|(_, index)| index).collect()
}

fn rank(seed: u64, class: &str, file: &Path) -> [u8; 32] {
    let mut hasher = Digest::hasher("thumbnet test split 1");
    hasher.bytes(&seed.to_le_bytes());
    hasher.bytes(class.as_bytes());
    hasher.bytes(file.file_name().unwrap_or_default().to_string_lossy().as_bytes());
    *hasher.finish().bytes()
}

#[cfg(test)]
mod tests {
    use super::split;
    use crate::{DataError, Pictures};
    use std::path::PathBuf;
    use thumbnet_kernels::geometry::Shape;

    /// Pictures whose one byte is their index, alternately of two classes.
    fn run(folder: &str, count: u8, seed: u64) -> Result<[Pictures; 2], DataError> {
        let mut pictures = Pictures::empty(Shape::new(1, 1, 1));
        (0..count).for_each(|index| pictures.push(&[index], usize::from(index % 2)));
        let files: Vec<PathBuf> =
            (0..count).map(|index| format!("{folder}/{index:03}.png").into()).collect();
        let parts = split(&pictures, &files, &["cat".into(), "dog".into()], seed)?;
        Ok(parts.map(|indices| pictures.select(&indices)))
    }

    #[test]
    fn a_fifth_of_each_class_is_for_the_test_and_nothing_is_lost() {
        for (count, expected) in [(4, 1), (6, 1), (14, 1), (16, 2), (20, 2), (200, 20)] {
            let [train, test] = run("a", count, 1).unwrap();
            assert_eq!(test.class_counts(2), [expected; 2], "of {count}");
            let [train, test] = [train.pixels(), test.pixels()];
            assert!(train.is_sorted() && test.is_sorted());
            let mut all = [train, test].concat();
            all.sort();
            assert_eq!(all, (0..count).collect::<Vec<u8>>());
        }
    }

    #[test]
    fn the_choice_depends_on_the_seed_but_not_on_the_place() {
        let chosen = |folder: &str, seed| run(folder, 200, seed).unwrap();
        assert_eq!(chosen("a", 1), chosen("some/where/else", 1));
        assert_ne!(chosen("a", 1), chosen("a", 2));
    }

    #[test]
    fn a_single_picture_cannot_be_shared() {
        let message = run("a", 3, 1).unwrap_err().to_string();
        assert!(message.starts_with("a/001.png: class `dog` has only one picture"), "{message}");
    }
}
