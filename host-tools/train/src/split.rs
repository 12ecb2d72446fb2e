//! The part of the training pictures that is held out: to judge epochs by, to stop by, to fit the temperature on.

use crate::error::TrainError;
use crate::recipe::Recipe;
use thumbnet_data::{Dataset, Pictures, Random};

/// The stream of [`Random`] that the held-out pictures come from; an epoch's order comes from that of its number.
const STREAM: u64 = u64::MAX - 1;

/// Which training pictures are learned from, and which are held out; both in the data's order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Split {
    pub learned: Vec<u32>,
    pub held_out: Vec<usize>,
}

impl Split {
    /// The same share of every class is held out, chosen by the seed.
    pub fn new(recipe: &Recipe, dataset: &Dataset) -> Result<Self, TrainError> {
        let labels = &dataset.train.labels;
        let count = u32::try_from(labels.len()).expect("checked with the data");
        // Only labels that are somebody's word, not a network's, may judge.
        let own = recipe.pseudo_labels.as_ref().map_or(labels.len(), |pseudo| pseudo.labelled);
        let own = labels.len().min(own);
        let share = recipe.training.hold_out;
        if share == 0.0 {
            return Ok(Self { learned: (0..count).collect(), held_out: Vec::new() });
        }
        let mut order: Vec<u32> = (0..count).take(own).collect();
        Random::new(recipe.training.seed, STREAM).shuffle(&mut order);
        let mut counts = vec![0usize; dataset.classes.len()];
        labels[..own].iter().for_each(|&label| counts[label] += 1);
        // Of every class as many as rounding gives, but never all.
        let mut open: Vec<usize> = counts
            .iter()
            .map(|&count| ((count as f64 * share).round() as usize).min(count.saturating_sub(1)))
            .collect();
        let mut is_held_out = vec![false; labels.len()];
        for index in order {
            let open = &mut open[labels[index as usize]];
            is_held_out[index as usize] = *open > 0;
            *open = open.saturating_sub(1);
        }
        let held_out: Vec<usize> = (0..labels.len()).filter(|&index| is_held_out[index]).collect();
        if held_out.is_empty() {
            let problem = format!(
                "no class has enough pictures to hold out {share} of them: get more, or train without hold_out"
            );
            return Err(TrainError::Data { name: dataset.name.clone(), problem });
        }
        let learned = (0..count).filter(|&index| !is_held_out[index as usize]).collect();
        Ok(Self { learned, held_out })
    }
}

impl Recipe {
    /// The training pictures that this recipe holds out of `dataset`; none without `hold_out`.
    ///
    /// # Errors
    /// [`TrainError::Data`] if there are too few to hold any out.
    ///
    /// # Panics
    /// If a label is not one of the data set's classes.
    pub fn held_out(&self, dataset: &Dataset) -> Result<Pictures, TrainError> {
        Ok(dataset.train.select(&Split::new(self, dataset)?.held_out))
    }
}

#[cfg(test)]
mod tests {
    use super::Split;
    use crate::recipe::Recipe;
    use thumbnet_data::{Dataset, Pictures};
    use thumbnet_graph::Shape;

    fn split(labels: &[usize], hold_out: f64, seed: u64) -> Result<Split, String> {
        let shape = Shape::new(1, 1, 1);
        let (pixels, labels) = (vec![0; labels.len()], labels.to_vec());
        let dataset = Dataset {
            name: "test".to_owned(),
            classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
            train: Pictures::new(shape, pixels, labels),
            test: Pictures::empty(shape),
        };
        let mut recipe = Recipe::built_in("seed-cnn").expect("it is built in");
        recipe.training.hold_out = hold_out;
        recipe.training.seed = seed;
        Split::new(&recipe, &dataset).map_err(|error| error.to_string())
    }

    #[test]
    fn every_class_gives_its_share_and_no_picture_is_on_both_sides() {
        let labels: Vec<usize> = (0..100).map(|index| [0, 0, 0, 1, 1][index % 5]).collect();
        let part = split(&labels, 0.1, 1).expect("enough pictures");
        let held_out =
            |class: usize| part.held_out.iter().filter(|&&index| labels[index] == class).count();
        assert_eq!([held_out(0), held_out(1), held_out(2)], [6, 4, 0]);
        let mut all: Vec<usize> = part.learned.iter().map(|&index| index as usize).collect();
        all.extend(&part.held_out);
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<usize>>());
        assert_eq!(split(&labels, 0.1, 1).expect("the same"), part);
        assert_ne!(split(&labels, 0.1, 2).expect("another seed"), part);
    }

    #[test]
    fn nothing_is_held_out_unless_asked_for() {
        let part = split(&[0, 1, 2], 0.0, 1).expect("all are learned");
        assert_eq!((part.learned, part.held_out), (vec![0, 1, 2], vec![]));
    }

    #[test]
    fn a_class_keeps_a_picture_to_learn_from() {
        let part = split(&[0, 0, 1, 0, 0, 0], 0.9, 1).expect("five of class 0");
        assert_eq!(part.held_out.len(), 4);
        assert!(part.learned.contains(&2));
        let problem = split(&[0, 1, 2, 2], 0.1, 1).expect_err("a tenth of two is none");
        assert!(problem.contains("no class has enough pictures to hold out 0.1"), "{problem}");
    }
}
