//! What can be had from twenty labelled pictures a class: `cargo run --release -p thumbnet-train --example few_labels`.
//!
//! The embedded Fashion-MNIST subset, all but 200 of whose training pictures lose their labels. For each of three seeds: the
//! plain training, the same with augmentation, and that again, augmented more strongly, with those of the pictures without
//! labels that get one. The accuracy is that of the 1,000 test pictures, which have no say in anything. Ends with 1 if the gain is below `--least`
//! points in the mean.

use std::process::ExitCode;
use thumbnet_data::{Dataset, EMBEDDED, Pictures, Random, load};
use thumbnet_train::metrics::{Metrics, predictions};
use thumbnet_train::{
    ClassWeightRule, ClassWeights, Labelled, Labelling, Network, Recipe, TrainError, train,
};

/// Labelled pictures of each class.
const LABELLED: usize = 20;
const CLASSES: usize = 10;
const SEEDS: [u64; 3] = [1, 2, 3];
/// How far pictures are changed.
const AUGMENT: &str = "shift=0.08,zoom=0.1,flip=true";
/// How far they are changed where some labels are wrong: what is mixed and partly hidden is not learned by heart.
const AUGMENT_MORE: &str = "shift=0.08,zoom=0.1,flip=true,cutout=0.3,mixup=0.5";

/// A number of the command line, `--name value`.
fn option(name: &str, usual: f64) -> f64 {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().map_or(usual, |value| value.parse().expect("a number follows the option"))
}

fn accuracy(network: &Network, dataset: &Dataset) -> f64 {
    let predicted = predictions(&network.predict(&dataset.test.pixels()), dataset.classes.len());
    Metrics::new(&predicted, &dataset.test.labels, &dataset.classes).accuracy * 100.0
}

/// The data set with few labels, and the pictures that lost theirs.
fn few_labels(all: &Dataset, seed: u64) -> (Dataset, Pictures) {
    let mut order: Vec<u32> = (0..all.train.len() as u32).collect();
    Random::new(seed, 1).shuffle(&mut order);
    let order: Vec<usize> = order.into_iter().map(|index| index as usize).collect();
    let shuffled = all.train.select(&order);
    let chosen = shuffled.subset_indices(LABELLED * CLASSES);
    let others: Vec<usize> =
        (0..shuffled.len()).filter(|i| chosen.binary_search(i).is_err()).collect();
    let mut unlabelled = shuffled.select(&others);
    unlabelled.labels.fill(0);
    (Dataset { train: shuffled.select(&chosen), ..all.clone() }, unlabelled)
}

fn run(seed: u64, all: &Dataset) -> Result<[f64; 3], TrainError> {
    let (few, unlabelled) = few_labels(all, seed);
    let folder = tempfile::tempdir().expect("a folder for the example");
    // Without test pictures, which would be judged after every epoch.
    let learn = |recipe: &Recipe, dataset: &Dataset| {
        let dataset = Dataset { test: Pictures::empty(all.test.shape), ..dataset.clone() };
        Ok::<_, TrainError>(train(recipe, &dataset, folder.path(), &mut ())?.network)
    };
    let mut recipe = Recipe::find("seed-cnn")?;
    recipe.training.seed = seed;
    recipe.training.epochs = option("--epochs", 60.0) as usize;
    let plain = accuracy(&learn(&recipe, &few)?, all);

    recipe.training.augment = Recipe::augmentation(AUGMENT)?;
    recipe.training.average = Some(0.99);
    recipe.training.epochs = option("--augmented-epochs", 100.0) as usize;
    let teacher = learn(&recipe, &few)?;
    let augmented = accuracy(&teacher, all);

    let neighbours = option("--neighbours", 5.0) as usize;
    let how = Labelling { threshold: option("--threshold", 0.5), neighbours };
    let labelled = teacher.label(&few.train, &unlabelled, how);
    let Labelled { counts, left, .. } = &labelled;
    recipe.training.augment = Recipe::augmentation(AUGMENT_MORE)?;
    recipe.training.class_weights = Some(ClassWeights::Rule(ClassWeightRule::Balanced));
    recipe.training.epochs = option("--last-epochs", 50.0) as usize;
    let (recipe, more) = labelled.join(&recipe, &few, "the rest of the subset", how);
    let last = accuracy(&learn(&recipe, &more)?, all);
    println!(
        "seed {seed}: plain {plain:.2} %, augmented {augmented:.2} %, with {counts:?} more ({left} left) {last:.2} %"
    );
    Ok([plain, augmented, last])
}

/// Mean and the spread around it (standard deviation of the sample).
fn spread(values: &[f64]) -> [f64; 2] {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    [mean, (squares / (values.len() - 1) as f64).sqrt()]
}

fn main() -> ExitCode {
    let input = Recipe::find("seed-cnn").expect("it is built in").input_spec();
    let all = load(EMBEDDED, input).expect("the embedded set is whole");
    let rows: Vec<[f64; 3]> = SEEDS[..option("--seeds", 3.0) as usize]
        .iter()
        .map(|&seed| run(seed, &all).expect("it trains"))
        .collect();
    let column = |index: usize| rows.iter().map(|row| row[index]).collect::<Vec<f64>>();
    for (index, name) in ["plain", "augmented", "augmented, pseudo-labels"].iter().enumerate() {
        let [mean, deviation] = spread(&column(index));
        println!("{name:<26}{mean:6.2} % (spread {deviation:.2}; {:.2?})", column(index));
    }
    let gains: Vec<f64> = rows.iter().map(|row| row[2] - row[0]).collect();
    let [gain, deviation] = spread(&gains);
    println!("gain {gain:.2} points (spread {deviation:.2}; {gains:.2?})");
    if gain < option("--least", 4.0) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
