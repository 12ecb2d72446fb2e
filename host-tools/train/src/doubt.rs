//! Labels that are likely wrong: those that networks which have not seen a picture are sure about, otherwise.

use crate::error::TrainError;
use crate::learner::Device;
use crate::observer::Observer;
use crate::recipe::Recipe;
use crate::train::train_on;
use thumbnet_data::{Dataset, Pictures, folds_of};

/// A label that is likely wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Doubt {
    /// The picture.
    pub index: usize,
    /// Its label.
    pub label: usize,
    /// What it seems to show.
    pub suggestion: usize,
    /// Probability of `label`, of networks that have not learned from the picture.
    pub of_label: f32,
    /// Probability of `suggestion`.
    pub of_suggestion: f32,
}

/// The probability of every class for every picture, `[n, classes]`, by networks that have not learned from it:
/// `folds` trainings of `recipe`, each on all pictures but a part of every class.
///
/// # Errors
/// As [`crate::train`]; [`TrainError::Data`] if a class has fewer pictures than there are parts; [`TrainError::Stopped`] if the
/// observer stops one of the trainings early.
pub fn cross_validate(
    recipe: &Recipe,
    pictures: &Pictures,
    classes: &[String],
    folds: usize,
    observer: &mut dyn Observer,
) -> Result<Vec<f32>, TrainError> {
    cross_validate_on(None, recipe, pictures, classes, folds, observer)
}

/// As [`cross_validate`], the networks learning on a device in place of this machine's cores.
///
/// # Errors
/// As [`cross_validate`] and [`train_on`].
pub fn cross_validate_on(
    device: Option<&dyn Device>,
    recipe: &Recipe,
    pictures: &Pictures,
    classes: &[String],
    folds: usize,
    observer: &mut dyn Observer,
) -> Result<Vec<f32>, TrainError> {
    check_folds(pictures, classes, folds)?;
    let fold_of = folds_of(&pictures.labels, folds, recipe.training.seed);
    let mut probabilities = vec![0.0; pictures.len() * classes.len()];
    for fold in 0..folds {
        let [others, part] = [false, true].map(|inside| -> Vec<usize> {
            (0..fold_of.len()).filter(|&index| (fold_of[index] == fold) == inside).collect()
        });
        let dataset = Dataset {
            name: format!("all but part {} of {folds}", fold + 1),
            classes: classes.to_vec(),
            train: pictures.select(&others),
            test: Pictures::empty(pictures.shape),
        };
        let folder = tempfile::tempdir().map_err(|source| TrainError::Write {
            path: std::env::temp_dir(),
            source,
            kept_epochs: 0,
        })?;
        let trained = train_on(device, recipe, &dataset, folder.path(), observer)?;
        if !trained.is_finished() {
            return Err(TrainError::Stopped);
        }
        let logits = trained.network.predict_pictures(&pictures.select(&part));
        for (logits, index) in logits.chunks_exact(classes.len()).zip(part) {
            let row = &mut probabilities[index * classes.len()..][..classes.len()];
            softmax(logits, row);
        }
    }
    pictures.check()?;
    Ok(probabilities)
}

/// Every part must have pictures of every class.
fn check_folds(pictures: &Pictures, classes: &[String], folds: usize) -> Result<(), TrainError> {
    let problem = |problem| TrainError::Data { name: format!("in {folds} parts"), problem };
    if folds < 2 {
        return Err(problem("nothing is left to learn from: use 2 parts or more".to_owned()));
    }
    let counts = pictures.class_counts(classes.len());
    match counts.iter().zip(classes).find(|(count, _)| **count < folds) {
        None => Ok(()),
        Some((count, class)) => Err(problem(format!(
            "class `{class}` has only {count} training pictures: add some, or use fewer parts"
        ))),
    }
}

fn softmax(logits: &[f32], probabilities: &mut [f32]) {
    let largest = logits.iter().copied().fold(f32::MIN, f32::max);
    for (probability, logit) in probabilities.iter_mut().zip(logits) {
        *probability = libm::expf(logit - largest);
    }
    let sum: f32 = probabilities.iter().sum();
    probabilities.iter_mut().for_each(|probability| *probability /= sum);
}

/// How many times more probable another class must be. At 12, of 5 % wrong labels planted in the embedded set four
/// fifths and more are found, and two thirds and more of what is found was planted (`tests/tests/lint.rs`).
const TIMES: f32 = 12.0;

/// The labels that [`cross_validate`]'s networks contradict, the surest first.
pub fn doubts(probabilities: &[f32], labels: &[usize]) -> Vec<Doubt> {
    let classes = probabilities.len() / labels.len().max(1);
    let rows = probabilities.chunks_exact(classes.max(1)).zip(labels).enumerate();
    let doubt = |(index, (row, &label)): (usize, (&[f32], &usize))| {
        let suggestion = crate::metrics::largest(row);
        let [of_label, of_suggestion] = [row[label], row[suggestion]];
        let doubtful = suggestion != label && of_suggestion >= TIMES * of_label;
        doubtful.then_some(Doubt { index, label, suggestion, of_label, of_suggestion })
    };
    let mut doubts: Vec<Doubt> = rows.filter_map(doubt).collect();
    doubts
        .sort_by(|a, b| (a.of_label / a.of_suggestion).total_cmp(&(b.of_label / b.of_suggestion)));
    doubts
}

#[cfg(test)]
mod tests {
    use super::{check_folds, doubts};
    use thumbnet_data::Pictures;
    use thumbnet_graph::Shape;

    #[test]
    fn labels_are_doubted_where_another_class_is_much_more_probable() {
        let probabilities = [0.05, 0.9, 0.05, 0.01, 0.5, 0.49, 0.2, 0.7, 0.1, 0.3, 0.3, 0.4];
        let found = doubts(&probabilities, &[0, 0, 0, 2]);
        let pairs: Vec<[usize; 3]> =
            found.iter().map(|doubt| [doubt.index, doubt.label, doubt.suggestion]).collect();
        assert_eq!(pairs, [[1, 0, 1], [0, 0, 1]]);
        assert_eq!(doubts(&[], &[]), []);
    }

    #[test]
    fn a_class_too_small_for_the_parts_is_named() {
        let classes = ["cat".to_owned(), "dog".to_owned()];
        let pictures = Pictures::new(Shape::new(1, 1, 1), vec![0; 5], vec![0, 0, 0, 1, 1]);
        assert!(check_folds(&pictures, &classes, 2).is_ok());
        let message = check_folds(&pictures, &classes, 3).expect_err("two dogs").to_string();
        assert!(message.contains("class `dog` has only 2 training pictures"), "{message}");
        assert!(check_folds(&pictures, &classes, 1).is_err());
    }
}
