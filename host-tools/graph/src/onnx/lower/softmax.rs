//! Softmax: what may follow the logits.

use super::Lowering;
use super::formats::normalized;
use super::operands::Operand;
use super::precision::Precision;
use super::value::{Probabilities, Value};
use super::view::View;
use crate::onnx::error::OnnxError;
use crate::onnx::interface::TailStep;
use crate::onnx::raw::RawNode;

impl<P: Precision> Lowering<'_, P> {
    /// Strips a softmax over all classes: the network ends in its input.
    pub(crate) fn softmax(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &["axis"])?;
        let Operand { tensor, view } = self.real_operand(node, 0)?;
        self.check_softmax(node, &view, self.raw.opset)?;
        let step = if node.op == "Softmax" { TailStep::Softmax } else { TailStep::LogSoftmax };
        let tail = vec![step];
        Ok(Value::Probabilities(Probabilities { logits: tensor, view, tail, codes: false }))
    }

    /// Refuses a softmax of operator set `opset` that is not one over all of `view`.
    fn check_softmax(&self, node: &RawNode, view: &View, opset: i64) -> Result<(), OnnxError> {
        let dims = view.dims();
        let default = if opset < 13 { 1 } else { -1 };
        let axis = normalized(node.int(&self.raw.file, "axis", default)?, dims.len());
        if axis.map(|axis| dims[axis]) == Some(view.len()) {
            return Ok(());
        }
        Err(self.refuse(
            node,
            format!("it is taken over a part of its input {dims:?}"),
            "end the model with one softmax over all classes",
        ))
    }
}

impl Lowering<'_> {
    /// com.microsoft QLinearSoftmax: stripped as well, with the rounding of its result.
    pub(crate) fn qlinear_softmax(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &["axis", "opset"])?;
        let (Operand { tensor, view }, _) = self.codes_operand(node, 0)?;
        let opset = node.int(&self.raw.file, "opset", self.raw.opset)?;
        self.check_softmax(node, &view, opset)?;
        let to = self.format(node, 3, 4)?;
        let tail = vec![TailStep::Softmax, TailStep::Round(to.format)];
        Ok(Value::Probabilities(Probabilities { logits: tensor, view, tail, codes: true }))
    }
}
