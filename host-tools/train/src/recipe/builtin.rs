//! The networks that come with the tool.

use super::{Activation, Input, InputFit, Layer, Padding, Recipe, Training};

/// Names that [`Recipe::find`] knows.
pub const BUILT_IN: &[&str] = &["seed-cnn", "lenet5"];

impl Recipe {
    /// The built-in network of this name with an output for each class, or `None`.
    pub fn built_in(name: &str) -> Option<Self> {
        let layers = match name {
            "seed-cnn" => seed_cnn(),
            "lenet5" => lenet5(),
            _ => return None,
        };
        let input = Input { shape: [28, 28, 1], fit: InputFit::Stretch, invert: false };
        Some(Self {
            name: name.to_owned(),
            producer: String::new(),
            input,
            layers,
            training: Training::default(),
            data: None,
        })
    }
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

const MAX_POOL: Layer = Layer::MaxPool2d { window: [2, 2], stride: None };

fn conv2d(filters: usize, size: usize, padding: Padding) -> Layer {
    Layer::Conv2d {
        filters,
        kernel: [size, size],
        stride: [1, 1],
        padding,
        activation: Activation::Relu,
    }
}

fn dense(units: Option<usize>) -> Layer {
    Layer::Dense { units, activation: Activation::Relu }
}

fn logits() -> Layer {
    Layer::Dense { units: None, activation: Activation::None }
}
