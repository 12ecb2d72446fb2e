//! A network that learns in a second.

use thumbnet_train::Recipe;

/// A convolution with a pool, a convolution with padding, an average, two dense layers.
const LAYERS: &str = "
name = 'small'
input.shape = [8, 8, 1]
[[layers]]
type = 'conv2d'
filters = 5
kernel = [3, 3]
activation = 'relu'
[[layers]]
type = 'max_pool2d'
window = [2, 2]
[[layers]]
type = 'conv2d'
filters = 4
kernel = [2, 2]
padding = 'same'
activation = 'relu'
[[layers]]
type = 'flatten'
[[layers]]
type = 'dense'
units = 20
activation = 'relu'
[[layers]]
type = 'dense'
[training]
epochs = 4
batch = 20
learning_rate = 0.01
";

pub fn recipe() -> Recipe {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("model.toml");
    std::fs::write(&path, LAYERS).expect("a file for the test");
    Recipe::read(&path).expect("the test's recipe")
}
