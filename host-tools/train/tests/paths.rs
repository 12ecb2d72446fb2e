//! Trainings of networks with paths, batch normalization and dropout: the same bytes again and again.

mod stripes;
mod written;

use std::ops::ControlFlow;
use std::time::Duration;
use stripes::dataset;
use thumbnet_train::{EpochResult, Observer, Recipe, TrainError, load, resume, train};
use written::files;

const LAYERS: &str = "
name = 'paths'
input.shape = [8, 8, 1]
[[layers]]
type = 'conv2d'
filters = 6
kernel = [3, 3]
batch_norm = true
activation = 'relu'
[[layers]]
type = 'residual'
activation = 'relu'
body = [
    { type = 'depthwise_conv2d', kernel = [3, 3], stride = [2, 2], padding = 'same', batch_norm = true },
    { type = 'conv2d', filters = 8, kernel = [1, 1], batch_norm = true },
]
shortcut = [{ type = 'conv2d', filters = 8, kernel = [1, 1], stride = [2, 2], batch_norm = true }]
[[layers]]
type = 'dropout'
rate = 0.1
[[layers]]
type = 'average_pool2d'
[[layers]]
type = 'dense'
[training]
epochs = 5
batch = 20
learning_rate = 0.02
";

fn recipe() -> Recipe {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("model.toml");
    std::fs::write(&path, LAYERS).expect("a file for the test");
    Recipe::read(&path).expect("the test's recipe")
}

/// Stops after the second epoch.
struct Stop;

impl Observer for Stop {
    fn epoch(&mut self, result: &EpochResult, _: Duration) -> ControlFlow<()> {
        if result.epoch == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn it_learns_to_the_same_bytes_with_any_number_of_threads_and_in_parts() {
    let (mut recipe, dataset) = (recipe(), dataset(203));
    for (average, quantized_epochs) in [(None, 0), (Some(0.9), 0), (None, 4), (Some(0.9), 1)] {
        recipe.training.average = average;
        recipe.training.quantized_epochs = quantized_epochs;
        let whole = tempfile::tempdir().expect("a folder for the test");
        let trained = train(&recipe, &dataset, whole.path(), &mut ()).expect("it trains");
        let last = trained.history.last().expect("there are epochs");
        assert!(last.test_accuracy.expect("there are test pictures") > 0.8, "{last:?}");
        assert_eq!(load(whole.path()).expect("it was written"), trained);

        let alone = tempfile::tempdir().expect("a folder for the test");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
        pool.install(|| train(&recipe, &dataset, alone.path(), &mut ())).expect("it trains");
        assert_eq!(files(alone.path()), files(whole.path()));

        let parts = tempfile::tempdir().expect("a folder for the test");
        train(&recipe, &dataset, parts.path(), &mut Stop).expect("two epochs");
        resume(parts.path(), &dataset, &mut ()).expect("the rest");
        assert_eq!(files(parts.path()), files(whole.path()));
    }
}

#[test]
fn all_pictures_at_once_are_too_many_for_batch_norm() {
    let mut recipe = recipe();
    recipe.training.optimizer = thumbnet_train::Optimizer::Gd;
    let folder = tempfile::tempdir().expect("a folder for the test");
    let error = train(&recipe, &dataset(1100), folder.path(), &mut ()).expect_err("too many");
    assert!(matches!(error, TrainError::Field { field: "training.batch", .. }), "{error}");
}
