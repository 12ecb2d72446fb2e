//! How good predictions are: accuracy, top-k, precision and recall of each class, the confusion matrix.

use serde::Serialize;

/// The index of the largest score; the first one, if several are. 0 of an empty slice.
pub fn largest<T: PartialOrd + Copy>(scores: &[T]) -> usize {
    let mut best = 0;
    for (index, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = index;
        }
    }
    best
}

/// The class of the largest score for each row of `[n, classes]` scores, f32 logits and int8 codes alike.
///
/// # Panics
/// If `classes` is 0.
pub fn predictions<T: PartialOrd + Copy>(scores: &[T], classes: usize) -> Vec<usize> {
    scores.chunks_exact(classes).map(largest).collect()
}

/// The share of rows of `[n, classes]` scores whose right class is among the `k` first; equal scores rank in the
/// order of their classes. 0 of no rows.
///
/// # Panics
/// If `classes` is 0 or a label is not a class.
pub fn top_k_accuracy<T: PartialOrd + Copy>(
    scores: &[T],
    classes: usize,
    labels: &[usize],
    k: usize,
) -> f64 {
    let hit = |&(row, &label): &(&[T], &usize)| {
        let before = |(class, score): (usize, &T)| {
            *score > row[label] || (*score == row[label] && class < label)
        };
        row.iter().enumerate().filter(|&ranked| before(ranked)).count() < k
    };
    let hits = scores.chunks_exact(classes).zip(labels).filter(hit).count();
    share(hits, labels.len()).unwrap_or(0.0)
}

/// Predictions against the truth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metrics {
    /// Pictures judged.
    pub pictures: usize,
    /// Share classified rightly, 0 to 1; 0 of no pictures.
    pub accuracy: f64,
    /// Mean of the classes' F1, an undefined one counting 0.
    pub macro_f1: f64,
    /// In the order of the labels.
    pub classes: Vec<ClassMetrics>,
    /// `confusion[actual][predicted]`: pictures of one class taken for another.
    pub confusion: Vec<Vec<usize>>,
}

/// How well one class is told from the others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassMetrics {
    /// The class's name.
    pub name: String,
    /// Pictures of it.
    pub pictures: usize,
    /// Share of the pictures taken for it that are of it; `None` if none was.
    pub precision: Option<f64>,
    /// Share of its pictures that were taken for it; `None` if it has none.
    pub recall: Option<f64>,
    /// Harmonic mean of precision and recall, `2 right / (predicted + actual)`; `None` if it has no pictures
    /// and none was taken for it.
    pub f1: Option<f64>,
}

impl Metrics {
    /// Judges one predicted class a picture.
    ///
    /// # Panics
    /// If there are not as many predictions as labels, or one is not a class.
    pub fn new(predicted: &[usize], labels: &[usize], names: &[String]) -> Self {
        assert_eq!(predicted.len(), labels.len(), "one prediction a label");
        let mut confusion = vec![vec![0; names.len()]; names.len()];
        for (&predicted, &label) in predicted.iter().zip(labels) {
            confusion[label][predicted] += 1;
        }
        let classes: Vec<ClassMetrics> = (0..names.len())
            .map(|class| ClassMetrics::new(class, &names[class], &confusion))
            .collect();
        let right: usize = (0..names.len()).map(|class| confusion[class][class]).sum();
        let f1: f64 = classes.iter().filter_map(|class| class.f1).sum();
        Self {
            pictures: labels.len(),
            accuracy: share(right, labels.len()).unwrap_or(0.0),
            macro_f1: f1 / names.len().max(1) as f64,
            classes,
            confusion,
        }
    }
}

impl ClassMetrics {
    fn new(class: usize, name: &str, confusion: &[Vec<usize>]) -> Self {
        let right = confusion[class][class];
        let actual = confusion[class].iter().sum();
        let predicted: usize = confusion.iter().map(|row| row[class]).sum();
        Self {
            name: name.to_owned(),
            pictures: actual,
            precision: share(right, predicted),
            recall: share(right, actual),
            f1: share(2 * right, predicted + actual),
        }
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::{Metrics, largest, predictions, top_k_accuracy};

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_first_of_equal_scores_is_the_largest() {
        assert_eq!(largest(&[1, 3, 3, 2]), 1);
        assert_eq!(largest(&[-128i8]), 0);
        assert_eq!(largest::<f32>(&[]), 0);
        assert_eq!(predictions(&[0.1, 0.9, 0.8, 0.2], 2), [1, 0]);
    }

    #[test]
    fn six_pictures_judged_by_hand() {
        // cat: 2 of 3 found, one of them taken for a dog; dog: both found; owl: its one taken for a cat.
        let labels = [0, 0, 0, 1, 1, 2];
        let predicted = [0, 0, 1, 1, 1, 0];
        let metrics = Metrics::new(&predicted, &labels, &names(&["cat", "dog", "owl", "yak"]));
        assert_eq!(metrics.confusion[0], [2, 1, 0, 0]);
        assert_eq!(metrics.confusion[1], [0, 2, 0, 0]);
        assert_eq!(metrics.confusion[2], [1, 0, 0, 0]);
        assert_eq!(metrics.confusion[3], [0, 0, 0, 0]);
        assert_eq!((metrics.pictures, metrics.accuracy), (6, 4.0 / 6.0));
        let cat = &metrics.classes[0];
        assert_eq!((cat.precision, cat.recall), (Some(2.0 / 3.0), Some(2.0 / 3.0)));
        assert_eq!(cat.f1, Some(4.0 / 6.0));
        let dog = &metrics.classes[1];
        assert_eq!((dog.precision, dog.recall, dog.f1), (Some(2.0 / 3.0), Some(1.0), Some(0.8)));
        let owl = &metrics.classes[2];
        assert_eq!((owl.precision, owl.recall, owl.f1), (None, Some(0.0), Some(0.0)));
        let yak = &metrics.classes[3];
        assert_eq!((yak.precision, yak.recall, yak.f1), (None, None, None));
        assert_eq!(metrics.macro_f1, (4.0 / 6.0 + 0.8) / 4.0);
    }

    #[test]
    fn top_k_counts_the_right_class_among_the_first() {
        // The right class ranks 1st, 2nd, 3rd; equal scores rank by class.
        let scores = [9, 1, 1, 5, 5, 0, 7, 8, 2];
        let labels = [0, 1, 2];
        assert_eq!(top_k_accuracy(&scores, 3, &labels, 0), 0.0);
        assert_eq!(top_k_accuracy(&scores, 3, &labels, 1), 1.0 / 3.0);
        assert_eq!(top_k_accuracy(&scores, 3, &labels, 2), 2.0 / 3.0);
        assert_eq!(top_k_accuracy(&scores, 3, &labels, 3), 1.0);
        assert_eq!(top_k_accuracy::<f32>(&[], 3, &[], 1), 0.0);
    }
}
