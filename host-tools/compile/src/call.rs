//! What one step of a program calls: a kernel with its constants.

use thumbnet_graph::{Shape, Window};
use thumbnet_kernels::portable::{Add, AddFloat, AveragePoolFloat, Combine, Pad, Rearrange};

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
    /// The same with packed weights and scratch memory.
    PackedConv2d {
        /// Order of the weights, and with it the kernel.
        layout: PackedLayout,
        /// Input map.
        input: Shape,
        /// Window of the convolution.
        window: Window,
        /// Fused max pool, or [`Window::UNIT`].
        pool: Window,
        /// Code of real 0 in the input.
        input_zero_point: i8,
        /// In the layout of the kernel.
        weights: Vec<i32>,
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
    /// Fully connected layer with packed weights.
    PackedDense {
        /// In the layout of the kernel.
        weights: Vec<i32>,
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
    /// Residual add by shifts.
    Add(Add),
    /// Residual add of any scales.
    AddFloat(AddFloat),
    /// Average pool in f32.
    AveragePoolFloat(AveragePoolFloat),
    /// Element-wise operation on two maps.
    Combine(Combine),
    /// Element-wise function of one map.
    Lookup {
        /// `[256]` or `[c, 256]`.
        tables: Vec<i8>,
    },
    /// Concatenation.
    Concat {
        /// Bytes of each input that follow each other.
        lengths: Vec<usize>,
    },
    /// Copy in another order.
    Rearrange(Rearrange),
    /// Border of one value.
    Pad(Pad),
}

impl Call {
    /// Name of the kernel, as in [`thumbnet_kernels::Backend`].
    pub fn kernel(&self) -> &'static str {
        match self {
            Self::Conv2d { .. } => "conv2d",
            Self::PackedConv2d { layout, .. } => layout.kernel(),
            Self::DepthwiseConv2d { .. } => "depthwise_conv2d",
            Self::Dense { .. } => "dense",
            Self::PackedDense { .. } => "packed_dense",
            Self::MaxPool2d { .. } => "max_pool2d",
            Self::AveragePool2d { .. } => "average_pool2d",
            Self::Add(_) => "add",
            Self::AddFloat(_) => "add_float",
            Self::AveragePoolFloat(_) => "average_pool_float",
            Self::Combine(_) => "combine",
            Self::Lookup { .. } => "lookup",
            Self::Concat { .. } => "concat",
            Self::Rearrange(_) => "rearrange",
            Self::Pad(_) => "pad",
        }
    }

    /// Its int8 weights or tables; empty if it has none, or packed ones.
    pub fn weights(&self) -> &[i8] {
        match self {
            Self::Conv2d { weights, .. }
            | Self::DepthwiseConv2d { weights, .. }
            | Self::Dense { weights, .. }
            | Self::Lookup { tables: weights } => weights,
            _ => &[],
        }
    }

    /// Its packed weights; empty if it has none.
    pub fn packed_weights(&self) -> &[i32] {
        match self {
            Self::PackedConv2d { weights, .. } | Self::PackedDense { weights, .. } => weights,
            _ => &[],
        }
    }

    /// Its biases; empty if it has none of its own in the weight file.
    pub fn bias(&self) -> &[i32] {
        match self {
            Self::Conv2d { bias, .. }
            | Self::PackedConv2d { bias, .. }
            | Self::DepthwiseConv2d { bias, .. }
            | Self::Dense { bias, .. }
            | Self::PackedDense { bias, .. } => bias,
            _ => &[],
        }
    }

    /// Its requantization; `None` where codes pass through, and for kernels that have scales of
    /// their own.
    pub fn requantize(&self) -> Option<&Requantize> {
        match self {
            Self::Conv2d { requantize, .. }
            | Self::PackedConv2d { requantize, .. }
            | Self::DepthwiseConv2d { requantize, .. }
            | Self::Dense { requantize, .. }
            | Self::PackedDense { requantize, .. }
            | Self::AveragePool2d { requantize, .. } => Some(requantize),
            _ => None,
        }
    }

    /// Its window over the input, for the kernels that have one.
    pub fn window(&self) -> Option<&Window> {
        match self {
            Self::Conv2d { window, .. }
            | Self::PackedConv2d { window, .. }
            | Self::DepthwiseConv2d { window, .. }
            | Self::MaxPool2d { window, .. }
            | Self::AveragePool2d { window, .. } => Some(window),
            Self::AveragePoolFloat(pool) => Some(&pool.window),
            _ => None,
        }
    }

    /// Bytes of weights, biases and factors in flash.
    pub fn constant_bytes(&self) -> usize {
        let factors = self.requantize().map_or(0, |requantize| requantize.factors.len());
        let words = self.packed_weights().len() + self.bias().len() + factors;
        self.weights().len() + 4 * words
    }
}

/// Order of the packed weights of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackedLayout {
    /// For many input channels.
    Deep,
    /// For windows of one element.
    Pointwise,
    /// For few input channels.
    Shallow,
    /// Transformed, for the Winograd form with tiles of 2 x 2 outputs.
    Winograd,
    /// Transformed, for the Winograd form with tiles of 4 x 4 outputs.
    Winograd4,
    /// As int8, for the kernel that transforms them itself.
    CompactWinograd4,
}

impl PackedLayout {
    /// Name of its kernel, as in [`thumbnet_kernels::Backend`].
    pub(crate) const fn kernel(self) -> &'static str {
        match self {
            Self::Deep => "deep_conv2d",
            Self::Pointwise => "pointwise_conv2d",
            Self::Shallow => "shallow_conv2d",
            Self::Winograd => "winograd_conv2d",
            Self::Winograd4 => "winograd4_conv2d",
            Self::CompactWinograd4 => "compact_winograd4_conv2d",
        }
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
    /// `thumbnet_kernels::requantize::Mixed` scales.
    Mixed(Vec<i32>),
}

impl Factors {
    /// Number of channels.
    pub fn len(&self) -> usize {
        match self {
            Self::Fixed(scales) | Self::Mixed(scales) => scales.len(),
            Self::Float(factors) => factors.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `fixed`, `float` or `mixed`.
    pub fn form(&self) -> &'static str {
        match self {
            Self::Fixed(_) => "fixed",
            Self::Float(_) => "float",
            Self::Mixed(_) => "mixed",
        }
    }
}
