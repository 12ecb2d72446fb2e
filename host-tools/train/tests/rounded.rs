//! Training that is aware of quantization: what is trained is what is exported.

mod stripes;

use std::path::Path;
use stripes::dataset;
use thumbnet_graph::onnx::Form;
use thumbnet_quantize::{integer, quantize};
use thumbnet_train::metrics::largest;
use thumbnet_train::{CALIBRATION_PICTURES, Recipe, Rounded, train};

/// Every kind of layer whose output has codes: normalized and plain convolutions, sums with and without ReLU, both pools.
const LAYERS: &str = "
name = 'rounded'
input.shape = [8, 8, 1]
[[layers]]
type = 'conv2d'
filters = 6
kernel = [3, 3]
padding = 'same'
batch_norm = true
activation = 'relu'
[[layers]]
type = 'residual'
activation = 'relu'
body = [
    { type = 'depthwise_conv2d', kernel = [3, 3], padding = 'same', batch_norm = true },
    { type = 'conv2d', filters = 6, kernel = [1, 1], batch_norm = true },
]
[[layers]]
type = 'max_pool2d'
window = [2, 2]
[[layers]]
type = 'residual'
body = [{ type = 'conv2d', filters = 6, kernel = [3, 3], padding = 'same', activation = 'relu' }]
[[layers]]
type = 'conv2d'
filters = 8
kernel = [3, 3]
[[layers]]
type = 'max_pool2d'
window = [1, 2]
[[layers]]
type = 'average_pool2d'
[[layers]]
type = 'dense'
[training]
epochs = 3
quantized_epochs = 2
batch = 20
learning_rate = 0.01
";

/// Channels side by side that come from a normalized convolution, a pool, what there was before, a concat inside a sum, and
/// from plain convolutions of very different ranges.
const BRANCHES: &str = "
name = 'branches'
input.shape = [8, 8, 1]
layers = [
    { type = 'conv2d', filters = 6, kernel = [3, 3], padding = 'same', batch_norm = true, activation = 'relu' },
    { type = 'concat', branches = [
        [],
        [{ type = 'conv2d', filters = 4, kernel = [1, 1] }],
        [
            { type = 'depthwise_conv2d', kernel = [3, 3], padding = 'same', batch_norm = true, activation = 'relu' },
            { type = 'conv2d', filters = 6, kernel = [1, 1], batch_norm = true },
        ],
    ] },
    { type = 'relu' },
    { type = 'residual', activation = 'relu', body = [
        { type = 'concat', branches = [
            [{ type = 'conv2d', filters = 8, kernel = [3, 3], padding = 'same', batch_norm = true, activation = 'relu' }],
            [{ type = 'conv2d', filters = 8, kernel = [1, 1], activation = 'relu' }],
        ] },
    ] },
    { type = 'concat', branches = [
        [{ type = 'max_pool2d', window = [2, 2] }],
        [{ type = 'conv2d', filters = 8, kernel = [3, 3], stride = [2, 2], padding = 'same', activation = 'relu' }],
    ] },
    { type = 'average_pool2d' },
    { type = 'dense' },
]
[training]
epochs = 3
quantized_epochs = 2
batch = 20
learning_rate = 0.01
";

/// A recipe in a file.
fn recipe(folder: &Path, text: &str) -> Recipe {
    let path = folder.join("recipe.toml");
    std::fs::write(&path, text).expect("a file for the test");
    Recipe::read(&path).expect("the test's recipe")
}

/// Trains a recipe and compares the network that was trained with the file that is exported.
fn assert_export_is_what_was_trained(text: &str) {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let recipe = recipe(folder.path(), text);
    let dataset = dataset(1000);
    let trained = train(&recipe, &dataset, folder.path(), &mut ()).expect("it trains");
    let last = trained.history.last().expect("there are epochs");
    assert!(last.test_accuracy.expect("there are test pictures") > 0.8, "{last:?}");

    let rounded = Rounded::new(&trained.network, &dataset).expect("it can be quantized");
    let expected = rounded.predict_pictures(&dataset.train);
    let graph = trained.network.to_graph();
    let calibration = dataset.train.subset(CALIBRATION_PICTURES);
    let quantized = quantize(&graph, &calibration.pixels(), Form::QLinear).expect("it can be");
    let levels = quantized.meaning.levels[graph.output.0];
    let (mut classes, mut codes) = (0, 0);
    for (picture, expected) in dataset.train.pixels().chunks(64).zip(expected.chunks(3)) {
        let maps = integer::run_picture(&quantized.graph, picture).expect("it runs");
        let logits = &maps[quantized.graph.output.0];
        classes += usize::from(largest(logits) == largest(expected));
        for (&code, value) in logits.iter().zip(expected) {
            let real = (f64::from(code) - f64::from(levels.zero_point)) * levels.step;
            codes += usize::from((real - f64::from(*value)).abs() < levels.step / 1000.0);
        }
    }
    // What is left are accumulators so near a tie that floats fall on the other side.
    assert!(classes >= 999, "{classes} of 1000 classes");
    assert!(codes >= 2997, "{codes} of 3000 codes");
}

#[test]
fn the_export_is_what_was_trained() {
    assert_export_is_what_was_trained(LAYERS);
}

#[test]
fn the_export_of_branches_is_what_was_trained() {
    assert_export_is_what_was_trained(BRANCHES);
}

#[test]
fn normalized_pictures_are_refused_before_the_first_epoch() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let normalized = LAYERS.replace("input.shape", "input.mean = 0.5\ninput.shape");
    let recipe = recipe(folder.path(), &normalized);
    let error = train(&recipe, &dataset(20), folder.path(), &mut ()).expect_err("both");
    assert!(error.to_string().contains("training.quantized_epochs: input.mean"), "{error}");
}
