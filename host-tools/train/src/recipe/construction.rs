//! Layers as networks use them most, so that built-in ones and those that are searched are made of the same.

use super::{Activation, Layer, Padding};

impl Layer {
    /// A max pool that halves both sides.
    pub const HALVING: Self = Self::MaxPool2d { window: [2, 2], stride: None };

    /// The mean of each channel.
    pub const MEAN: Self = Self::AveragePool2d { window: None, stride: None };

    /// A convolution of square windows and ReLU.
    pub const fn conv2d(filters: usize, size: usize, padding: Padding) -> Self {
        Self::Conv2d {
            filters,
            kernel: [size, size],
            stride: [1, 1],
            padding,
            groups: 1,
            batch_norm: false,
            activation: Activation::Relu,
        }
    }

    /// A convolution of square windows with padding, batch normalization and ReLU.
    pub const fn normalized_conv2d(filters: usize, size: usize, stride: usize) -> Self {
        Self::normalized(filters, size, stride, Activation::Relu)
    }

    /// A depthwise convolution of square windows with padding, batch normalization and ReLU.
    pub const fn depthwise(size: usize, stride: usize) -> Self {
        Self::DepthwiseConv2d {
            kernel: [size, size],
            stride: [stride, stride],
            padding: Padding::Same,
            batch_norm: true,
            activation: Activation::Relu,
        }
    }

    /// ReLU of the sum of two normalized convolutions, the first with the stride, and a shortcut: what comes in, or a
    /// pointwise convolution of it where the shape changes. `from` and `to` are channels.
    pub fn residual([from, to]: [usize; 2], size: usize, stride: usize) -> Self {
        let linear = |size, stride| Self::normalized(to, size, stride, Activation::None);
        let same = stride == 1 && from == to;
        Self::Residual {
            body: vec![Self::normalized_conv2d(to, size, stride), linear(size, 1)],
            shortcut: if same { Vec::new() } else { vec![linear(1, stride)] },
            activation: Activation::Relu,
        }
    }

    /// A hidden dense layer with ReLU.
    pub const fn dense(units: usize) -> Self {
        Self::Dense { units: Some(units), activation: Activation::Relu }
    }

    /// One logit a class.
    pub const fn logits() -> Self {
        Self::Dense { units: None, activation: Activation::None }
    }

    const fn normalized(
        filters: usize,
        size: usize,
        stride: usize,
        activation: Activation,
    ) -> Self {
        Self::Conv2d {
            filters,
            kernel: [size, size],
            stride: [stride, stride],
            padding: Padding::Same,
            groups: 1,
            batch_norm: true,
            activation,
        }
    }
}
