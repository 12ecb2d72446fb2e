//! What a network becomes: a list of kernel calls with planned memory and packed constants.
//!
//! Two consumers: `emit` writes it as straight-line Rust, `thumbnet-simulate` interprets it on the desktop.
//! Both call the same kernels with the same descriptors.

use thumbnet_graph::{Metadata, Quantization, Shape, Window};
use thumbnet_kernels::portable::Add;

/// A compiled network.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// In execution order.
    pub steps: Vec<Step>,
    /// Where the input is written before the first step.
    pub input: Region,
    /// Where the logits stand after the last step.
    pub output: Region,
    /// Shape of the input.
    pub input_shape: Shape,
    /// Number format of the input.
    pub input_quantization: Quantization,
    /// Number format of the logits.
    pub output_quantization: Quantization,
    /// Bytes of activations and scratch.
    pub arena_bytes: usize,
    /// Most bytes alive at one time: no plan can need less than this.
    pub arena_lower_bound_bytes: usize,
    /// Labels, preprocessing, origin.
    pub metadata: Metadata,
    /// First eight bytes of the ONNX file's SHA-256.
    pub digest: [u8; 8],
}

/// One kernel call.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Name of the last ONNX node in it.
    pub name: String,
    /// Name of the tensor it makes, as in the ONNX file.
    pub tensor: String,
    /// The call with its constants.
    pub call: Call,
    /// One region, two for an add.
    pub inputs: Vec<Region>,
    /// Shape of the first input.
    pub input_shape: Shape,
    /// Working memory of the kernel during this step only; disjoint from everything alive.
    pub scratch: Option<Region>,
    /// Where the output goes; disjoint from the inputs.
    pub output: Region,
    /// Shape of the output.
    pub output_shape: Shape,
    /// Number format of the output.
    pub output_quantization: Quantization,
    /// Multiply-accumulates that the kernel executes.
    pub macs: u64,
}

/// Bytes `offset..offset + bytes` of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First byte.
    pub offset: usize,
    /// Length.
    pub bytes: usize,
}

impl Region {
    /// One past the last byte.
    pub fn end(self) -> usize {
        self.offset + self.bytes
    }

    /// The bytes as indices of the arena.
    pub fn range(self) -> std::ops::Range<usize> {
        self.offset..self.end()
    }
}

/// A kernel and its constants; fields as in the descriptor of the same name in `thumbnet_kernels`.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// Convolution with fused clamp and max pool.
    Conv2d {
        /// Input map.
        input: Shape,
        /// Window of the convolution.
        window: Window,
        /// Fused max pool, or [`Window::UNIT`].
        pool: Window,
        /// Code of real 0 in the input.
        input_zero_point: i8,
        /// `[oc, kh, kw, ic]`.
        weights: Vec<i8>,
        /// `[oc]`, input zero point folded in.
        bias: Vec<i32>,
        /// From accumulator to output.
        requantize: Requantize,
    },
    /// Depthwise convolution.
    DepthwiseConv2d {
        /// Input map.
        input: Shape,
        /// Window of the convolution.
        window: Window,
        /// Code of real 0 in the input.
        input_zero_point: i8,
        /// `[kh, kw, c]`.
        weights: Vec<i8>,
        /// `[c]`, input zero point folded in.
        bias: Vec<i32>,
        /// From accumulator to output.
        requantize: Requantize,
    },
    /// Fully connected layer.
    Dense {
        /// `[oc, inputs]`.
        weights: Vec<i8>,
        /// `[oc]`, input zero point folded in.
        bias: Vec<i32>,
        /// From accumulator to output.
        requantize: Requantize,
    },
    /// Max pool.
    MaxPool2d {
        /// Input map.
        input: Shape,
        /// Window over the input.
        window: Window,
    },
    /// Average pool.
    AveragePool2d {
        /// Input map.
        input: Shape,
        /// Window over the input.
        window: Window,
        /// Code of real 0 in the input.
        input_zero_point: i8,
        /// Initial accumulator.
        bias: i32,
        /// From accumulator to output; one factor.
        requantize: Requantize,
    },
    /// Residual add.
    Add(Add),
}

impl Call {
    /// Name of the kernel, as in [`thumbnet_kernels::Backend`].
    pub fn kernel(&self) -> &'static str {
        match self {
            Self::Conv2d { .. } => "conv2d",
            Self::DepthwiseConv2d { .. } => "depthwise_conv2d",
            Self::Dense { .. } => "dense",
            Self::MaxPool2d { .. } => "max_pool2d",
            Self::AveragePool2d { .. } => "average_pool2d",
            Self::Add(_) => "add",
        }
    }

    /// Its int8 weights; empty if it has none.
    pub fn weights(&self) -> &[i8] {
        match self {
            Self::Conv2d { weights, .. }
            | Self::DepthwiseConv2d { weights, .. }
            | Self::Dense { weights, .. } => weights,
            Self::MaxPool2d { .. } | Self::AveragePool2d { .. } | Self::Add(_) => &[],
        }
    }

    /// Its biases; empty if it has none of its own in the weight file.
    pub fn bias(&self) -> &[i32] {
        match self {
            Self::Conv2d { bias, .. }
            | Self::DepthwiseConv2d { bias, .. }
            | Self::Dense { bias, .. } => bias,
            Self::MaxPool2d { .. } | Self::AveragePool2d { .. } | Self::Add(_) => &[],
        }
    }

    /// Its requantization; `None` where codes pass through or shifts do the work.
    pub fn requantize(&self) -> Option<&Requantize> {
        match self {
            Self::Conv2d { requantize, .. }
            | Self::DepthwiseConv2d { requantize, .. }
            | Self::Dense { requantize, .. }
            | Self::AveragePool2d { requantize, .. } => Some(requantize),
            Self::MaxPool2d { .. } | Self::Add(_) => None,
        }
    }

    /// Bytes of weights, biases and factors in flash.
    pub fn constant_bytes(&self) -> usize {
        let factors = self.requantize().map_or(0, |requantize| requantize.factors.len());
        self.weights().len() + 4 * (self.bias().len() + factors)
    }
}

/// How accumulators become int8, with one factor a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Requantize {
    /// Fixed point where its thresholds are proved equal to the f32 form's in every channel, else f32.
    pub factors: Factors,
    /// What real 0 becomes.
    pub zero_point: i8,
    /// Smallest output.
    pub min: i8,
    /// Largest output.
    pub max: i8,
}

/// The factors of a [`Requantize`].
#[derive(Clone, Debug, PartialEq)]
pub enum Factors {
    /// `thumbnet_kernels::requantize::FixedPoint` multipliers.
    Fixed(Vec<i32>),
    /// `thumbnet_kernels::requantize::Float` factors.
    Float(Vec<f32>),
}

impl Factors {
    /// Number of channels.
    pub fn len(&self) -> usize {
        match self {
            Self::Fixed(multipliers) => multipliers.len(),
            Self::Float(factors) => factors.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `fixed` or `float`.
    pub fn form(&self) -> &'static str {
        match self {
            Self::Fixed(_) => "fixed",
            Self::Float(_) => "float",
        }
    }
}
