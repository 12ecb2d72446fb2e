//! The maps that an operation reads: which tensor, and whether it lies as the operation needs it.

use super::Lowering;
use super::formats::FileFormat;
use super::layout::Layout;
use super::precision::Precision;
use super::value::{Codes, Value};
use super::view::View;
use crate::graph::TensorId;
use crate::onnx::error::{OnnxError, quoted};
use crate::onnx::raw::RawNode;
use thumbnet_kernels::geometry::Shape;

/// One map that an operation reads, as ONNX sees it.
#[derive(Clone, Debug)]
pub(crate) struct Operand {
    pub(crate) tensor: TensorId,
    pub(crate) view: View,
}

impl Lowering<'_> {
    /// Input `index` of a float operator of an int8 model: a dequantized map.
    pub(crate) fn dequantized_operand(
        &mut self,
        node: &RawNode,
        index: usize,
    ) -> Result<Operand, OnnxError> {
        let value = self.value(node, index)?.clone();
        if let Value::Real(real) = &value
            && let Some(tensor) = self.on_grid(node, real)?
        {
            return match self.draft.channel_scales(tensor) {
                Some(scales) if node.op != "Conv" => Err(self.refuse_channels(node, scales.len())),
                _ => Ok(Operand { tensor, view: real.view.clone() }),
            };
        }
        match value {
            Value::Probabilities(_) => Err(self.refuse(
                node,
                "it works on the result of a softmax".to_owned(),
                "end the model with the softmax",
            )),
            Value::Constant(_) | Value::Weights(_) => Err(self.refuse(
                node,
                format!("its input {index} is a constant"),
                "give it a map, or remove it from the model",
            )),
            Value::Real(_) | Value::Codes(_) => Err(self.refuse_quantization(
                node,
                format!("its input {} is float", quoted(self.input_name(node, index))),
                "quantize it: put a QuantizeLinear and a DequantizeLinear there",
            )),
        }
    }

    /// Input `index` of an operator on codes, whose scale and zero point are the next two inputs.
    pub(crate) fn codes_operand(
        &mut self,
        node: &RawNode,
        index: usize,
    ) -> Result<(Operand, FileFormat), OnnxError> {
        let from = self.format(node, index + 1, index + 2)?;
        let Value::Codes(codes) = self.value(node, index)?.clone() else {
            return Err(self.refuse_quantization(
                node,
                format!(
                    "its input {} holds no codes of a map",
                    quoted(self.input_name(node, index))
                ),
                "quantize it: put a QuantizeLinear there",
            ));
        };
        self.agree(node, &codes, from)?;
        let Codes { tensor, view, .. } = codes;
        Ok((Operand { tensor, view }, from))
    }
}

impl<P: Precision> Lowering<'_, P> {
    /// The shape of an operand that must be a whole map `[1, c, h, w]`; one whose axes lie otherwise
    /// in memory is copied if it can be.
    pub(crate) fn as_map(
        &mut self,
        node: &RawNode,
        operand: &mut Operand,
    ) -> Result<Shape, OnnxError> {
        let dims = operand.view.dims();
        if dims.len() != 4 || dims[0] != 1 {
            return Err(self.refuse(
                node,
                format!("its input has shape {dims:?}, not [1, channels, height, width]"),
                "use two-dimensional layers and a batch of 1 or of open size",
            ));
        }
        if self.draft.shape(operand.tensor).is_none() {
            self.draft.bind_input_channels_first(&operand.view);
        }
        let shape =
            self.draft.shape(operand.tensor).unwrap_or(Shape::new(dims[2], dims[3], dims[1]));
        let view = self.draft.memory_view(operand.tensor, &operand.view);
        if view != Some(View::nchw(shape)) {
            if self.draft.channel_scales(operand.tensor).is_none() {
                *operand = self.copied(node, operand, Layout::ChannelsFirst)?;
                return Ok(Shape::new(dims[2], dims[3], dims[1]));
            }
            return Err(self.refuse(
                node,
                "its input was transposed or reshaped so that channels are mixed with positions"
                    .to_owned(),
                "keep maps as [n, c, h, w] between layers",
            ));
        }
        Ok(shape)
    }

    /// The shape of an operand, and where in its memory each element of the vector lies that ONNX
    /// sees, which must be `[1, ..., 1, len]`.
    pub(crate) fn as_vector(
        &mut self,
        node: &RawNode,
        operand: &Operand,
        len: usize,
    ) -> Result<(Shape, Vec<usize>), OnnxError> {
        let dims = operand.view.dims();
        let count = operand.view.len();
        if dims.last() != Some(&count) || count != len {
            return Err(self.refuse(
                node,
                format!("it multiplies a matrix {dims:?} by weights for vectors of {len}"),
                "flatten the map to [1, length] before it",
            ));
        }
        self.bind_input_if_open(operand.tensor);
        let shape = self.draft.shape(operand.tensor).unwrap_or(Shape::new(1, 1, count));
        let view = self.draft.memory_view(operand.tensor, &operand.view);
        let offsets = view.map(|view| view.offsets()).ok_or_else(|| {
            let reason = "its input was reshaped across rows, columns and channels".to_owned();
            self.refuse(node, reason, "flatten the whole map before it")
        })?;
        Ok((shape, offsets))
    }

    /// Gives the input a shape if it has none yet.
    pub(crate) fn bind_input_if_open(&mut self, tensor: TensorId) {
        if self.draft.shape(tensor).is_none() {
            self.draft.bind_input_by_dims(self.raw);
        }
    }
}
