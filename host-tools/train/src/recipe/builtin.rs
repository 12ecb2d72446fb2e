//! The networks that come with the tool.

use super::{Input, Layer, Padding, Recipe, Training};
use thumbnet_data::{Fit, Resize, Turn};

/// Names that [`Recipe::find`] knows; `mobilenet` may be followed by its width, `mobilenet-0.5`.
pub const BUILT_IN: &[&str] = &["seed-cnn", "lenet5", "ds-cnn", "mobilenet", "resnet8"];

/// MobileNet's usual width on microcontrollers.
const MOBILENET_WIDTH: f64 = 0.25;

impl Recipe {
    /// The built-in network of this name with an output for each class, or `None`.
    pub fn built_in(name: &str) -> Option<Self> {
        let (layers, shape) = match name {
            "seed-cnn" => (seed_cnn(), GREY),
            "lenet5" => (lenet5(), GREY),
            "ds-cnn" => (ds_cnn(), GREY),
            "mobilenet" => (mobilenet(MOBILENET_WIDTH), [96, 96, 3]),
            "resnet8" => (resnet8(), [32, 32, 3]),
            _ => (mobilenet(width(name)?), [96, 96, 3]),
        };
        let (fit, resize, turn) = (Fit::Stretch, Resize::Area, Turn::Upright);
        let input = Input { shape, fit, resize, turn, invert: false, mean: 0.0, std: 1.0 };
        Some(Self {
            name: name.to_owned(),
            producer: String::new(),
            input,
            layers,
            training: Training::default(),
            start: None,
            pseudo_labels: None,
            data: None,
        })
    }
}

const GREY: [usize; 3] = [28, 28, 1];

/// The width in `mobilenet-0.5`.
fn width(name: &str) -> Option<f64> {
    let width: f64 = name.strip_prefix("mobilenet-")?.parse().ok()?;
    (0.05..=1.0).contains(&width).then_some(width)
}

/// Two convolutions with pools, one hidden dense layer; 2.5 M multiplications, 121,930 parameters.
fn seed_cnn() -> Vec<Layer> {
    vec![
        Layer::conv2d(32, 3, Padding::Valid),
        Layer::HALVING,
        Layer::conv2d(64, 3, Padding::Valid),
        Layer::HALVING,
        Layer::Flatten,
        Layer::dense(64),
        Layer::logits(),
    ]
}

/// LeNet-5 with today's activations and pools; 0.42 M multiplications, 61,706 parameters.
fn lenet5() -> Vec<Layer> {
    vec![
        Layer::conv2d(6, 5, Padding::Same),
        Layer::HALVING,
        Layer::conv2d(16, 5, Padding::Valid),
        Layer::HALVING,
        Layer::Flatten,
        Layer::dense(120),
        Layer::dense(84),
        Layer::logits(),
    ]
}

/// A convolution and four depthwise separable ones, all of 64 channels, as in MLPerf Tiny's keyword spotting, its first
/// window square for pictures; 3.8 M multiplications, 21,066 parameters.
fn ds_cnn() -> Vec<Layer> {
    let mut layers = vec![Layer::normalized_conv2d(64, 3, 2)];
    for _ in 0..4 {
        layers.extend([Layer::depthwise(3, 1), Layer::normalized_conv2d(64, 1, 1)]);
    }
    layers.extend([Layer::Dropout { rate: 0.2 }, Layer::MEAN, Layer::logits()]);
    layers
}

/// MobileNet V1: 13 depthwise separable convolutions; at width 0.25 215,642 parameters and, over 96x96x3, 7.5 M
/// multiplications.
fn mobilenet(width: f64) -> Vec<Layer> {
    // The channels of a width, a multiple of 8, as the kernels on the device like them.
    let filters = |full: usize| ((full as f64 * width / 8.0).round() as usize).max(1) * 8;
    let mut layers = vec![Layer::normalized_conv2d(filters(32), 3, 2)];
    let blocks = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)];
    let blocks = blocks.into_iter().chain([(512, 1); 5]).chain([(1024, 2), (1024, 1)]);
    for (full, stride) in blocks {
        layers.extend([Layer::depthwise(3, stride), Layer::normalized_conv2d(filters(full), 1, 1)]);
    }
    layers.extend([Layer::MEAN, Layer::logits()]);
    layers
}

/// MLPerf Tiny's residual network: three sums of two paths; 12.5 M multiplications, 78,042 parameters.
fn resnet8() -> Vec<Layer> {
    let mut layers = vec![Layer::normalized_conv2d(16, 3, 1)];
    for (channels, stride) in [([16, 16], 1), ([16, 32], 2), ([32, 64], 2)] {
        layers.push(Layer::residual(channels, 3, stride));
    }
    layers.extend([Layer::MEAN, Layer::logits()]);
    layers
}
