//! `thumbnet data lint` on a set with planted faults: what it finds of them, and what else.

use parity::{Outcome, write_idx};
use std::collections::BTreeSet;
use thumbnet_data::augment::Augmentation;
use thumbnet_data::{Dataset, Random, load};
use thumbnet_train::Recipe;

/// The embedded set with 5 % wrong labels, and pictures of it again: to the byte, and brighter and with noise.
struct Planted {
    dataset: Dataset,
    wrong: BTreeSet<String>,
    again: BTreeSet<String>,
}

impl Planted {
    fn new() -> Self {
        let recipe = Recipe::find("seed-cnn").expect("it is built in");
        let mut dataset = load("", recipe.input_spec()).expect("it is embedded");
        let mut random = Random::new(3, 3);
        let count = dataset.train.len();
        let mut order: Vec<u32> = (0..count as u32).collect();
        random.shuffle(&mut order);
        let name = |index: usize| format!("training picture {index}");
        let (wrong, right) = order.split_at(count / 20);
        for index in wrong {
            let label = &mut dataset.train.labels[*index as usize];
            *label = (*label + 1 + random.below(9)) % 10;
        }
        let change = Augmentation { brightness: 0.05, noise: 0.01, ..Augmentation::default() };
        for (index, source) in right[..60].iter().enumerate() {
            let source = *source as usize;
            let mut picture = dataset.train.picture(source).to_vec();
            if index >= 30 {
                change.apply(&mut picture, dataset.train.shape, &mut random);
            }
            dataset.train.push(&picture, dataset.train.labels[source]);
        }
        Self {
            wrong: wrong.iter().map(|index| name(*index as usize)).collect(),
            again: (count..count + 60).map(name).collect(),
            dataset,
        }
    }
}

/// The pictures of these reasons in the report.
fn found(report: &serde_json::Value, reasons: &[&str]) -> BTreeSet<String> {
    let pictures = report["pictures"].as_array().expect("a list of pictures");
    let of_reason =
        |finding: &&serde_json::Value| reasons.iter().any(|reason| finding["reason"] == **reason);
    let name =
        |finding: &serde_json::Value| finding["picture"].as_str().expect("a name").to_owned();
    pictures.iter().filter(of_reason).map(name).collect()
}

#[test]
fn planted_wrong_labels_and_duplicates_are_found_and_left_out() {
    let planted = Planted::new();
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    write_idx(&folder.path().join("pictures"), &planted.dataset);
    let report =
        Outcome::in_folder(folder.path(), &["data", "lint", "pictures", "--json"]).good().json();

    let doubted = found(&report, &["wrong-label"]);
    let right = doubted.intersection(&planted.wrong).count() as f64;
    let [recall, precision] = [right / planted.wrong.len() as f64, right / doubted.len() as f64];
    println!(
        "wrong labels: {:.1} % found, {:.1} % of the doubts right",
        recall * 100.0,
        precision * 100.0
    );
    assert!(recall >= 0.8, "{recall}");
    assert!(precision >= 0.6, "{precision}");

    let again = found(&report, &["duplicate", "near-duplicate", "other-label", "leakage"]);
    assert!(planted.again.is_subset(&again), "{:?}", planted.again.difference(&again));
    println!("duplicates: all 60 found, and {} others", again.len() - 60);

    let page = std::fs::read_to_string(folder.path().join("lint.html")).expect("the page");
    assert!(page.contains("labels that are likely wrong") && page.contains("data:image/png"));
    let arguments =
        ["train", "--data", "pictures", "--exclude", "exclude.txt", "--epochs", "1", "-o", "model"];
    let trained = Outcome::in_folder(folder.path(), &arguments).good();
    assert!(trained.stderr.contains("exclude.txt: "), "{}", trained.stderr);
}
