//! More to learn from where only few pictures have labels: a trained network labels others, and where it is confident,
//! its word is taken.

use crate::network::Network;
use crate::recipe::{PseudoLabels, Recipe};
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
    /// Labels the pictures for which the softmax of the logits gives a class `threshold` or more, 0 to 1; whatever labels they
    /// have are not looked at.
    pub fn label(&self, unlabelled: &Pictures, threshold: f64) -> Labelled {
        let classes = self.labels().len();
        let logits = self.predict_pictures(unlabelled);
        let mut counts = vec![0; classes];
        let (mut indices, mut labels) = (Vec::new(), Vec::new());
        for (index, row) in logits.chunks_exact(classes).enumerate() {
            let (class, confidence) = confidence(row);
            if confidence >= threshold {
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

/// The likeliest class and its softmax.
fn confidence(logits: &[f32]) -> (usize, f64) {
    let class = crate::metrics::largest(logits);
    let largest = f64::from(logits[class]);
    let sum: f64 = logits.iter().map(|&logit| libm::exp(f64::from(logit) - largest)).sum();
    (class, 1.0 / sum)
}

impl Labelled {
    /// What to train with: the data set with these pictures after its own, which are in memory then, and a recipe that says
    /// so. Pictures to be held out are those of the data set alone, the same ones as without.
    pub fn join(
        &self,
        recipe: &Recipe,
        dataset: &Dataset,
        source: &str,
        threshold: f64,
    ) -> (Recipe, Dataset) {
        let mut recipe = recipe.clone();
        recipe.pseudo_labels = Some(PseudoLabels {
            source: source.to_owned(),
            threshold,
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
