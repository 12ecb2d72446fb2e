//! What an ONNX value is while a file is lowered.

use super::view::View;
use crate::graph::{Quantization, TensorId};
use crate::onnx::interface::{TailStep, quantize};
use crate::onnx::raw::{Array, Data};
use crate::op::{Int8Weights, Op};
use std::rc::Rc;
use thumbnet_kernels::geometry::Shape;

/// What an ONNX name stands for.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Numbers known now.
    Constant(Rc<Array>),
    /// Quantized numbers known now, behind a DequantizeLinear.
    Weights(Rc<QuantizedConstant>),
    /// The codes of a map.
    Codes(Codes),
    /// A map in float.
    Real(Real),
    /// What the float steps behind the logits make of them.
    Probabilities(Probabilities),
}

/// The codes of a map.
#[derive(Clone, Debug)]
pub(crate) struct Codes {
    pub(crate) tensor: TensorId,
    pub(crate) view: View,
    /// Whether the file's codes are unsigned, 128 above ours.
    pub(crate) unsigned: bool,
}

/// The result of a softmax. Whatever follows it does not change the order of the classes.
#[derive(Clone, Debug)]
pub(crate) struct Probabilities {
    pub(crate) logits: TensorId,
    pub(crate) view: View,
    pub(crate) tail: Vec<TailStep>,
    /// Whether they are codes now, after a QuantizeLinear.
    pub(crate) codes: bool,
}

/// A map in float.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Real {
    pub(crate) source: Source,
    pub(crate) view: View,
    pub(crate) clamp: Clamp,
}

impl Real {
    /// Whether it stands for more than the codes of a map: it waits for a QuantizeLinear.
    pub(crate) fn is_float(&self) -> bool {
        !matches!(self.source, Source::Tensor(_)) || !self.clamp.is_none()
    }
}

/// What activation functions leave of a map's range.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Clamp {
    /// Smallest and largest value.
    pub(crate) limits: [f32; 2],
    /// Name of the last activation function's node.
    pub(crate) node: String,
}

impl Clamp {
    /// `max(x, 0)`.
    pub(crate) const RELU: [f32; 2] = [0.0, f32::INFINITY];

    /// No activation function.
    pub(crate) const NONE: Self =
        Self { limits: [f32::NEG_INFINITY, f32::INFINITY], node: String::new() };

    /// Whether it leaves values of codes in `format` values of such codes: each limit is one, but
    /// for rounding, or beyond them all.
    pub(crate) fn is_on_grid(&self, format: Quantization) -> bool {
        let value = |code: i8| f32::from(code) - f32::from(format.zero_point);
        let [least, most] = [i8::MIN, i8::MAX].map(|code| value(code) * format.scale);
        let is_code = |limit: f32| {
            let nearest = value(quantize(limit, format)) * format.scale;
            (nearest - limit).abs() <= format.scale * 1e-3
        };
        let [low, high] = self.limits;
        (low <= least || is_code(low)) && (high >= most || is_code(high))
    }

    /// Whether there is no activation function, or one that does nothing.
    pub(crate) fn is_none(&self) -> bool {
        self.limits == Self::NONE.limits
    }
}

/// Where a float map comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The graph's float input, to be quantized.
    Input,
    /// A quantized map, dequantized.
    Tensor(TensorId),
    /// The result of an operation that waits for its QuantizeLinear; an index of
    /// `Lowering::pending`.
    Pending(usize),
    /// A function of a quantized map, element by element; an index of `Lowering::tables`.
    Table(usize),
    /// Maps that are joined once a QuantizeLinear says in which codes; an index of
    /// `Lowering::joins`.
    Join(usize),
}

/// An operation whose float result has not been quantized yet.
#[derive(Debug)]
pub(crate) struct Pending<P = Int8Weights> {
    /// Name of its ONNX node.
    pub(crate) node: String,
    pub(crate) op: Op<P>,
    /// The quantized maps that it reads; none if it stands behind a float map.
    pub(crate) inputs: Vec<TensorId>,
    /// The float map that it reads.
    pub(crate) behind: Option<(Source, Clamp)>,
    /// How many operations it stands behind.
    pub(crate) depth: usize,
    pub(crate) shape: Shape,
    /// What was made of it so far.
    pub(crate) made: Vec<(MapCodes, TensorId)>,
}

/// In which codes a QuantizeLinear wants a map.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MapCodes {
    pub(crate) format: Quantization,
    /// The file's scale of each channel, if they have different ones; the format's is the largest.
    pub(crate) channel_scales: Option<Rc<[f32]>>,
}

/// Constant codes with their scales and zero points.
#[derive(Clone, Debug)]
pub(crate) struct QuantizedConstant {
    /// Integers of any width.
    pub(crate) codes: Rc<Array>,
    /// One, or one for each index of `axis`.
    pub(crate) scales: Vec<f32>,
    /// As many as scales.
    pub(crate) zero_points: Vec<i64>,
    /// Which axis has scales of its own; `None` for one scale.
    pub(crate) axis: Option<usize>,
}

impl QuantizedConstant {
    /// The element type of the codes, for messages.
    pub(crate) fn type_name(&self) -> &'static str {
        self.codes.data.type_name()
    }

    /// The code at `position` less its zero point, and which scale it has. `None` for floats.
    pub(crate) fn centred(&self, position: usize) -> Option<(i64, f32)> {
        let index = match self.axis {
            Some(axis) => {
                let inner: usize = self.codes.dims[axis + 1..].iter().product();
                position / inner % self.scales.len()
            }
            None => 0,
        };
        let code = self.codes.data.integer(position)?;
        Some((code - self.zero_points[index], self.scales[index]))
    }

    /// With its axes in the order of `permutation`, which is one.
    pub(crate) fn transposed(&self, permutation: &[usize]) -> Option<Self> {
        let codes = Rc::new(transposed(&self.codes, permutation)?);
        let axis = match self.axis {
            Some(axis) => Some(permutation.iter().position(|&from| from == axis)?),
            None => None,
        };
        Some(Self {
            codes,
            axis,
            scales: self.scales.clone(),
            zero_points: self.zero_points.clone(),
        })
    }
}

/// A constant with its axes in the order of `permutation`; `None` if that is none or there is no
/// element.
pub(crate) fn transposed(array: &Array, permutation: &[usize]) -> Option<Array> {
    if array.data.len() == 0 {
        return None;
    }
    let view = View::row_major(&array.dims).transposed(permutation)?;
    let data: Data = array.data.gather(&view.offsets());
    Some(Array { dims: permutation.iter().map(|&axis| array.dims[axis]).collect(), data })
}
