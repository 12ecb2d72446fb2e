//! The networks that come with the tool.

use super::{Activation, Input, Layer, Padding, Recipe, Training};
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
        conv2d(32, 3, Padding::Valid),
        MAX_POOL,
        conv2d(64, 3, Padding::Valid),
        MAX_POOL,
        Layer::Flatten,
        dense(Some(64)),
        logits(),
    ]
}

/// LeNet-5 with today's activations and pools; 0.42 M multiplications, 61,706 parameters.
fn lenet5() -> Vec<Layer> {
    vec![
        conv2d(6, 5, Padding::Same),
        MAX_POOL,
        conv2d(16, 5, Padding::Valid),
        MAX_POOL,
        Layer::Flatten,
        dense(Some(120)),
        dense(Some(84)),
        logits(),
    ]
}

/// A convolution and four depthwise separable ones, all of 64 channels, as in MLPerf Tiny's keyword spotting, its first
/// window square for pictures; 3.8 M multiplications, 21,066 parameters.
fn ds_cnn() -> Vec<Layer> {
    let mut layers = vec![normalized(64, 3, 2)];
    for _ in 0..4 {
        layers.extend([depthwise(1), normalized(64, 1, 1)]);
    }
    layers.extend([Layer::Dropout { rate: 0.2 }, MEAN, logits()]);
    layers
}

/// MobileNet V1: 13 depthwise separable convolutions; at width 0.25 215,642 parameters and, over 96x96x3, 7.5 M
/// multiplications.
fn mobilenet(width: f64) -> Vec<Layer> {
    // The channels of a width, a multiple of 8, as the kernels on the device like them.
    let filters = |full: usize| ((full as f64 * width / 8.0).round() as usize).max(1) * 8;
    let mut layers = vec![normalized(filters(32), 3, 2)];
    let blocks = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)];
    let blocks = blocks.into_iter().chain([(512, 1); 5]).chain([(1024, 2), (1024, 1)]);
    for (full, stride) in blocks {
        layers.extend([depthwise(stride), normalized(filters(full), 1, 1)]);
    }
    layers.extend([MEAN, logits()]);
    layers
}

/// MLPerf Tiny's residual network: three sums of two paths; 12.5 M multiplications, 78,042 parameters.
fn resnet8() -> Vec<Layer> {
    let mut layers = vec![normalized(16, 3, 1)];
    for (filters, stride) in [(16, 1), (32, 2), (64, 2)] {
        let body = vec![normalized(filters, 3, stride), linear(normalized(filters, 3, 1))];
        let same = stride == 1;
        let shortcut = if same { vec![] } else { vec![linear(normalized(filters, 1, stride))] };
        layers.push(Layer::Residual { body, shortcut, activation: Activation::Relu });
    }
    layers.extend([MEAN, logits()]);
    layers
}

const MAX_POOL: Layer = Layer::MaxPool2d { window: [2, 2], stride: None };
/// The mean of each channel.
const MEAN: Layer = Layer::AveragePool2d { window: None, stride: None };

fn conv2d(filters: usize, size: usize, padding: Padding) -> Layer {
    Layer::Conv2d {
        filters,
        kernel: [size, size],
        stride: [1, 1],
        padding,
        groups: 1,
        batch_norm: false,
        activation: Activation::Relu,
    }
}

/// A convolution, batch normalization and ReLU.
fn normalized(filters: usize, size: usize, stride: usize) -> Layer {
    Layer::Conv2d {
        filters,
        kernel: [size, size],
        stride: [stride, stride],
        padding: Padding::Same,
        groups: 1,
        batch_norm: true,
        activation: Activation::Relu,
    }
}

/// The same without ReLU.
fn linear(mut layer: Layer) -> Layer {
    if let Layer::Conv2d { activation, .. } = &mut layer {
        *activation = Activation::None;
    }
    layer
}

fn depthwise(stride: usize) -> Layer {
    Layer::DepthwiseConv2d {
        kernel: [3, 3],
        stride: [stride, stride],
        padding: Padding::Same,
        batch_norm: true,
        activation: Activation::Relu,
    }
}

fn dense(units: Option<usize>) -> Layer {
    Layer::Dense { units, activation: Activation::Relu }
}

fn logits() -> Layer {
    Layer::Dense { units: None, activation: Activation::None }
}
