//! `train --folds`: how much the accuracy owes to chance.

use super::observer::Console;
use crate::report::{print_json, table, thousands};
use serde::Serialize;
use thumbnet_data::{Dataset, folds_of};
use thumbnet_train::doubt::cross_validate_on;
use thumbnet_train::metrics::predictions;
use thumbnet_train::{Device, Recipe};

#[derive(Serialize)]
pub(super) struct Report {
    model: String,
    folds: Vec<Fold>,
    mean_accuracy: f64,
    /// Of the accuracies, as a sample.
    standard_deviation: f64,
    seconds: f64,
}

/// A part of the training pictures, judged by the network that learned from the others.
#[derive(Serialize)]
struct Fold {
    pictures: usize,
    accuracy: f64,
}

impl Report {
    /// Trains once for each part.
    pub(super) fn new(
        device: Option<&dyn Device>,
        recipe: &Recipe,
        dataset: &Dataset,
        folds: usize,
        console: &mut Console,
    ) -> anyhow::Result<Self> {
        let start = std::time::Instant::now();
        let Dataset { train, classes, .. } = dataset;
        let probabilities = cross_validate_on(device, recipe, train, classes, folds, console)?;
        let predicted = predictions(&probabilities, classes.len());
        let mut parts = vec![[0_usize; 2]; folds];
        let fold_of = folds_of(&train.labels, folds, recipe.training.seed);
        for ((fold, predicted), label) in fold_of.into_iter().zip(predicted).zip(&train.labels) {
            let [correct, all] = &mut parts[fold];
            *correct += usize::from(predicted == *label);
            *all += 1;
        }
        let fold = |[correct, pictures]: [usize; 2]| Fold {
            pictures,
            accuracy: correct as f64 / pictures.max(1) as f64,
        };
        let folds: Vec<Fold> = parts.into_iter().map(fold).collect();
        let accuracies: Vec<f64> = folds.iter().map(|fold| fold.accuracy).collect();
        let [mean_accuracy, standard_deviation] = spread(&accuracies);
        let model = recipe.name.clone();
        let seconds = start.elapsed().as_secs_f64();
        Ok(Self { model, folds, mean_accuracy, standard_deviation, seconds })
    }

    pub(super) fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            return print_json(self);
        }
        let row = |(index, fold): (usize, &Fold)| {
            let accuracy = format!("{:.2}", fold.accuracy * 100.0);
            vec![(index + 1).to_string(), thousands(fold.pictures as u64), accuracy]
        };
        let rows = self.folds.iter().enumerate().map(row).collect();
        println!("{}", table(&["part", "pictures", "accuracy %"], &[0, 1, 2], rows));
        println!(
            "\naccuracy of {} {:.2} %, standard deviation {:.2} points over {} parts ({:.0} s); nothing is written: train \
             without --folds for the network",
            self.model,
            self.mean_accuracy * 100.0,
            self.standard_deviation * 100.0,
            self.folds.len(),
            self.seconds
        );
        Ok(())
    }
}

/// Mean and standard deviation of a sample of two or more.
fn spread(values: &[f64]) -> [f64; 2] {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    [mean, (squares / (count - 1.0)).sqrt()]
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn the_spread_is_that_of_a_sample() {
        assert_eq!(spread(&[1.0, 3.0]), [2.0, 2.0_f64.sqrt()]);
        assert_eq!(spread(&[0.5, 0.5, 0.5]), [0.5, 0.0]);
    }
}
