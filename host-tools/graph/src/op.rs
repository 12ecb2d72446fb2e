//! The operations a network can have.

use crate::codes_op::CodesOp;
use crate::real_op::RealOp;
use thumbnet_kernels::geometry::Window;

/// An operation over `[h, w, c]` maps, with weights `W`.
#[derive(Clone, Debug, PartialEq)]
pub enum Op<W> {
    /// Convolution; a dense layer is one whose window covers the whole map, a depthwise one has
    /// `groups == ic`.
    Conv2d(Conv2d<W>),
    /// Max pool; taps on the padding are ignored.
    MaxPool2d(Window),
    /// Average over the window; no padding.
    AveragePool2d(Window),
    /// Element-wise sum of two maps of one shape.
    Add,
    /// `max(x, 0)`; in an [`crate::Int8Graph`] a clamp at the code of real 0.
    Relu,
    /// `min(max(x, low), high)` with `low <= 0 < high`. A [`crate::FloatGraph`] alone has it:
    /// quantization makes it the ends of the codes.
    Clip([f32; 2]),
    /// What an [`crate::Int8Graph`] alone may have; a [`crate::FloatGraph`] with it is not valid.
    Codes(CodesOp),
    /// What a [`crate::FloatGraph`] alone may have; an [`crate::Int8Graph`] with it is not valid.
    Real(RealOp),
}

/// A convolution's window and constants.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv2d<W> {
    /// Window over the input.
    pub window: Window,
    /// Divides input and output channels; 1 for an ordinary convolution.
    pub groups: usize,
    /// Weights and bias.
    pub weights: W,
}

/// Float weights of a convolution.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatWeights {
    /// `[oc, kh, kw, ic / groups]`.
    pub values: Vec<f32>,
    /// `[oc]`.
    pub bias: Vec<f32>,
}

/// Quantized weights of a convolution: `real = scale[oc] * code`, zero point 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Int8Weights {
    /// `[oc, kh, kw, ic / groups]`.
    pub values: Vec<i8>,
    /// `[oc]`, as int32 codes of scale `x_scale * scale[oc]`; the input's zero point is *not*
    /// folded in.
    pub bias: Vec<i32>,
    /// `[oc]`.
    pub scales: Vec<f32>,
}

impl<W> Op<W> {
    /// The operation's name in the ONNX world, for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv2d(_) => "Conv",
            Self::MaxPool2d(_) => "MaxPool",
            Self::AveragePool2d(_) => "AveragePool",
            Self::Add => "Add",
            Self::Relu => "Relu",
            Self::Clip(_) => "Clip",
            Self::Codes(op) => op.name(),
            Self::Real(op) => op.name(),
        }
    }
}

/// What [`FloatWeights`] and [`Int8Weights`] have in common.
pub trait Weights {
    /// Number of output channels.
    fn channels(&self) -> usize;

    /// Number of weights, without the bias.
    fn count(&self) -> usize;
}

impl Weights for FloatWeights {
    fn channels(&self) -> usize {
        self.bias.len()
    }

    fn count(&self) -> usize {
        self.values.len()
    }
}

impl Weights for Int8Weights {
    fn channels(&self) -> usize {
        self.scales.len()
    }

    fn count(&self) -> usize {
        self.values.len()
    }
}
