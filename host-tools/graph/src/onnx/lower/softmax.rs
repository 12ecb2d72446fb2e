//! Softmax: what may follow the logits.

use super::Lowering;
use super::formats::normalized;
use super::operands::Operand;
use super::precision::Precision;
use super::value::{Probabilities, Value};
use crate::onnx::error::OnnxError;
use crate::onnx::interface::TailStep;
use crate::onnx::raw::RawNode;

impl<P: Precision> Lowering<'_, P> {
    /// Strips a softmax over all classes: the network ends in its input.
    pub(crate) fn softmax(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &["axis"])?;
        let Operand { tensor, view } = self.real_operand(node, 0)?;
        let dims = view.dims();
        let default = if self.raw.opset < 13 { 1 } else { -1 };
        let axis = normalized(node.int(&self.raw.file, "axis", default)?, dims.len());
        let classes = axis.map(|axis| dims[axis]);
        if classes != Some(view.len()) {
            return Err(self.refuse(
                node,
                format!("it is taken over a part of its input {dims:?}"),
                "end the model with one softmax over all classes",
            ));
        }
        let step = if node.op == "Softmax" { TailStep::Softmax } else { TailStep::LogSoftmax };
        let tail = vec![step];
        Ok(Value::Probabilities(Probabilities { logits: tensor, view, tail, codes: false }))
    }
}
