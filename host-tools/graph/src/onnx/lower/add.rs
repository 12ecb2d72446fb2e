//! Element-wise sums of two maps.

use super::Lowering;
use super::operands::Operand;
use super::value::{Codes, Real, Value};
use super::view::View;
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawNode;
use crate::op::Op;
use thumbnet_kernels::geometry::Shape;

impl Lowering<'_> {
    pub(crate) fn add(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &[])?;
        let lhs = self.real_operand(node, 0)?;
        let rhs = self.real_operand(node, 1)?;
        let (shape, view) = self.aligned(node, &lhs, &rhs)?;
        match self.pend(node, Op::Add, vec![(lhs, shape), (rhs, shape)])? {
            Value::Real(real) => Ok(Value::Real(Real { view, ..real })),
            other => Ok(other),
        }
    }

    pub(crate) fn qlinear_add(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &[])?;
        let (lhs, _) = self.codes_operand(node, 0)?;
        let (rhs, _) = self.codes_operand(node, 3)?;
        let (_, view) = self.aligned(node, &lhs, &rhs)?;
        match self.emit_codes(node, Op::Add, &[lhs, rhs], [6, 7])? {
            Value::Codes(codes) => Ok(Value::Codes(Codes { view, ..codes })),
            other => Ok(other),
        }
    }

    /// The common shape of two maps and how ONNX sees both.
    fn aligned(
        &mut self,
        node: &RawNode,
        lhs: &Operand,
        rhs: &Operand,
    ) -> Result<(Shape, View), OnnxError> {
        self.bind_input_if_open(lhs.tensor);
        self.bind_input_if_open(rhs.tensor);
        let shape = self.draft.shape(lhs.tensor);
        let view = self.draft.memory_view(lhs.tensor, &lhs.view);
        let same = shape == self.draft.shape(rhs.tensor)
            && view == self.draft.memory_view(rhs.tensor, &rhs.view);
        match (shape, view) {
            (Some(shape), Some(view)) if same => Ok((shape, view)),
            _ => Err(self.refuse(
                node,
                format!(
                    "it adds maps of different shapes, {:?} and {:?}",
                    lhs.view.dims(),
                    rhs.view.dims()
                ),
                "add maps of one shape",
            )),
        }
    }
}
