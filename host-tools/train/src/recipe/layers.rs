//! The layers a recipe can list: those that the firmware can run.

use serde::{Deserialize, Serialize};

/// One layer of a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Layer {
    /// Convolution.
    #[serde(rename = "conv2d")]
    Conv2d {
        /// Output channels.
        filters: usize,
        /// `[kh, kw]`.
        kernel: [usize; 2],
        /// `[rows, columns]`.
        #[serde(default = "unit_stride")]
        stride: [usize; 2],
        /// Border of zeros.
        #[serde(default)]
        padding: Padding,
        /// Parts that input channels and filters are cut into; each part of the filters sees its part of the channels.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        groups: usize,
        /// Whether every channel is normalized over the batch before the activation; on the device this is part of the
        /// weights.
        #[serde(default, skip_serializing_if = "is_false")]
        batch_norm: bool,
        /// What follows.
        #[serde(default)]
        activation: Activation,
    },
    /// Convolution of each channel on its own.
    #[serde(rename = "depthwise_conv2d")]
    DepthwiseConv2d {
        /// `[kh, kw]`.
        kernel: [usize; 2],
        /// `[rows, columns]`.
        #[serde(default = "unit_stride")]
        stride: [usize; 2],
        /// Border of zeros.
        #[serde(default)]
        padding: Padding,
        /// As for `conv2d`.
        #[serde(default, skip_serializing_if = "is_false")]
        batch_norm: bool,
        /// What follows.
        #[serde(default)]
        activation: Activation,
    },
    /// Largest value of each window.
    #[serde(rename = "max_pool2d")]
    MaxPool2d {
        /// `[kh, kw]`.
        window: [usize; 2],
        /// `[rows, columns]`; the window's size if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stride: Option<[usize; 2]>,
    },
    /// Mean of each window.
    #[serde(rename = "average_pool2d")]
    AveragePool2d {
        /// `[kh, kw]`; the whole map if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        window: Option<[usize; 2]>,
        /// `[rows, columns]`; the window's size if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stride: Option<[usize; 2]>,
    },
    /// `max(x, 0)`.
    Relu,
    /// A map as one list of features, in the order `[h, w, c]`.
    Flatten,
    /// Every output from every input.
    Dense {
        /// Outputs; one a class if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        units: Option<usize>,
        /// What follows.
        #[serde(default)]
        activation: Activation,
    },
    /// Values forgotten at random while learning; nothing at all on the device.
    Dropout {
        /// Share of values forgotten, in [0, 1).
        rate: f64,
    },
    /// The sum of what two paths make of the same map.
    Residual {
        /// The longer path.
        body: Vec<Layer>,
        /// The shorter path; the map as it is if absent.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        shortcut: Vec<Layer>,
        /// What follows the sum.
        #[serde(default)]
        activation: Activation,
    },
    /// What several paths make of the same map, channels beside channels.
    Concat {
        /// The paths, two or more.
        branches: Vec<Vec<Layer>>,
    },
}

/// What follows a layer's sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
}

/// Border of zeros around a convolution's input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// None: the map shrinks by the kernel's size less one.
    #[default]
    Valid,
    /// As much as gives `ceil(size / stride)` outputs; an odd rest goes to the bottom and right.
    Same,
}

impl Layer {
    /// The layer's name in a recipe.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Conv2d { .. } => "conv2d",
            Self::MaxPool2d { .. } => "max_pool2d",
            Self::AveragePool2d { .. } => "average_pool2d",
            Self::Relu => "relu",
            Self::Flatten => "flatten",
            Self::Dense { .. } => "dense",
            Self::DepthwiseConv2d { .. } => "depthwise_conv2d",
            Self::Dropout { .. } => "dropout",
            Self::Residual { .. } => "residual",
            Self::Concat { .. } => "concat",
        }
    }
}

fn unit_stride() -> [usize; 2] {
    [1, 1]
}

fn one() -> usize {
    1
}

fn is_one(value: &usize) -> bool {
    *value == 1
}

fn is_false(value: &bool) -> bool {
    !value
}
