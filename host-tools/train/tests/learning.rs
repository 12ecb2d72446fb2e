//! The seed CNN learns real pictures: two epochs of the embedded subset.

use thumbnet_data::EMBEDDED;
use thumbnet_train::{Recipe, train};

#[test]
fn two_epochs_of_the_embedded_subset_reach_80_percent() {
    let mut recipe = Recipe::find("seed-cnn").expect("it is built in");
    let dataset = thumbnet_data::load(EMBEDDED, recipe.input_spec()).expect("it is embedded");
    recipe.training.epochs = 2;
    let folder = tempfile::tempdir().expect("a folder for the test");
    let trained = train(&recipe, &dataset, folder.path(), &mut ()).expect("it trains");
    let last = trained.history.last().expect("two epochs");
    assert!(last.test_accuracy > Some(0.8), "{last:?}");
}
