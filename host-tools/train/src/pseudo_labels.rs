//! More to learn from where only few pictures have labels: a trained network labels others, those that look alike have a say,
//! and where that leaves little doubt, it is believed.

use crate::likeness::Likeness;
use crate::network::Network;
use crate::recipe::{Labelling, PseudoLabels, Recipe};
use thumbnet_data::{Dataset, Pictures};

/// Pictures whose labels are a network's word, and which those were.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    /// Those that it is confident about, in their order.
    pub pictures: Pictures,
    /// How many each class got.
    pub counts: Vec<usize>,
    /// How many it is not confident enough about.
    pub left: usize,
}

impl Network {
    /// Labels the pictures of which some class is as likely as `how` asks for, or more; whatever labels they have are not looked at.
    ///
    /// The softmax of the logits is what is thought of a picture alone. With neighbours, it spreads between pictures that
    /// look alike, those of `labelled` among them, whose own labels are certain.
    pub fn label(&self, labelled: &Pictures, unlabelled: &Pictures, how: Labelling) -> Labelled {
        let classes = self.labels().len();
        let mut rows = probabilities(self.predict_pictures(unlabelled), classes);
        if how.neighbours > 0 {
            let mut all = vec![0.0; labelled.len() * classes];
            for (row, &label) in all.chunks_exact_mut(classes).zip(&labelled.labels) {
                row[label] = 1.0;
            }
            all.extend(rows);
            let likeness = Likeness::new(&[labelled, unlabelled], how.neighbours);
            rows = likeness.spread(&all, classes).split_off(labelled.len() * classes);
        }
        let mut counts = vec![0; classes];
        let (mut indices, mut labels) = (Vec::new(), Vec::new());
        for (index, row) in rows.chunks_exact(classes).enumerate() {
            let class = most_likely(row);
            if row[class] >= how.threshold {
                counts[class] += 1;
                indices.push(index);
                labels.push(class);
            }
        }
        let mut pictures = unlabelled.select(&indices);
        pictures.labels = labels;
        let left = unlabelled.len() - pictures.len();
        Labelled { pictures, counts, left }
    }
}

/// The softmax of each row.
fn probabilities(logits: Vec<f32>, classes: usize) -> Vec<f64> {
    let mut rows: Vec<f64> = logits.into_iter().map(f64::from).collect();
    for row in rows.chunks_exact_mut(classes) {
        let largest = row.iter().fold(f64::MIN, |a, &b| a.max(b));
        row.iter_mut().for_each(|value| *value = libm::exp(*value - largest));
        let sum: f64 = row.iter().sum();
        row.iter_mut().for_each(|value| *value /= sum);
    }
    rows
}

/// The first of the largest.
fn most_likely(row: &[f64]) -> usize {
    (0..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best })
}

impl Labelled {
    /// What to train with: the data set with these pictures after its own, which are in memory then, and a recipe that says
    /// so. Pictures to be held out are those of the data set alone, the same ones as without.
    pub fn join(
        &self,
        recipe: &Recipe,
        dataset: &Dataset,
        source: &str,
        how: Labelling,
    ) -> (Recipe, Dataset) {
        let mut recipe = recipe.clone();
        recipe.pseudo_labels = Some(PseudoLabels {
            source: source.to_owned(),
            how,
            labelled: dataset.train.len(),
            digest: dataset.digest().to_string(),
        });
        let mut dataset = dataset.clone();
        for index in 0..self.pictures.len() {
            dataset.train.push(&self.pictures.picture(index), self.pictures.labels[index]);
        }
        (recipe, dataset)
    }
}
