//! Element-wise operators: on two maps, on a map and one pixel, on a map and constants.

use super::Lowering;
use super::operands::Operand;
use super::precision::Precision;
use super::tables::binary_of;
use super::value::{Codes, Real, Source, Value};
use super::view::View;
use crate::codes_op::{CodesOp, Combine};
use crate::formula::Binary;
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawNode;
use crate::op::Op;
use thumbnet_kernels::geometry::Shape;
use thumbnet_kernels::portable::Function;

impl Lowering<'_> {
    /// Add, Sub, Mul and Div, Min, Max, Pow and PRelu.
    pub(crate) fn elementwise(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &[])?;
        if node.inputs.len() != 2 {
            let reason = format!("it has {} inputs", node.inputs.len());
            return Err(self.refuse(node, reason, "combine two maps at a time"));
        }
        for (map, constant) in [(0, 1), (1, 0)] {
            if let Value::Constant(_) | Value::Weights(_) = self.value(node, constant)? {
                if let Some(value) = self.on_input(node, map, constant)? {
                    return Ok(value);
                }
                return match self.value(node, map)? {
                    Value::Real(Real { source: Source::Pending(_), .. }) if node.op == "Add" => {
                        self.add_bias(node, map, constant)
                    }
                    _ => self.with_constant(node, map, constant),
                };
            }
        }
        if let Some(operation) = binary_of(node)
            && !matches!(operation, Binary::Pow | Binary::PRelu)
            && let Some(value) = self.of_one_map(node, operation)?
        {
            return Ok(value);
        }
        match function_of_maps(node) {
            Some(function) => self.combined(node, function),
            None => Err(self.refuse(
                node,
                "it combines two different maps".to_owned(),
                "add, subtract or multiply maps; anything else with constants only",
            )),
        }
    }

    /// A float operator on two maps.
    fn combined(&mut self, node: &RawNode, function: Function) -> Result<Value, OnnxError> {
        let lhs = self.real_operand(node, 0)?;
        let rhs = self.real_operand(node, 1)?;
        if function == Function::Add && self.same_layout(&lhs, &rhs).is_some() {
            return self.add(node);
        }
        let swaps = function != Function::Subtract;
        let Pair { lhs, rhs, view } = self.pair(node, lhs, rhs, swaps)?;
        let op = Op::Codes(CodesOp::Combine(Combine::Real(function)));
        match self.pend(node, op, vec![lhs, rhs])? {
            Value::Real(real) => Ok(Value::Real(Real { view, ..real })),
            other => Ok(other),
        }
    }

    /// com.microsoft QLinearAdd and QLinearMul.
    pub(crate) fn qlinear_combined(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &[])?;
        for (map, constant) in [(0, 3), (3, 0)] {
            if let Value::Constant(_) = self.value(node, constant)? {
                return self.qlinear_with_constant(node, map, constant);
            }
        }
        let (lhs, from) = self.codes_operand(node, 0)?;
        let (rhs, _) = self.codes_operand(node, 3)?;
        let unsigned = from.unsigned;
        // Sums are not commutative here: which product is added first decides the rounding.
        let (combine, swaps) = match node.op.as_str() {
            "QLinearAdd" => (Combine::QLinearAdd { unsigned }, false),
            _ => (Combine::QLinearMul { unsigned }, true),
        };
        let Pair { lhs, rhs, view } = self.pair(node, lhs, rhs, swaps)?;
        let op = Op::Codes(CodesOp::Combine(combine));
        match self.emit_codes(node, op, &[lhs.0, rhs.0], [6, 7])? {
            Value::Codes(codes) => Ok(Value::Codes(Codes { view, ..codes })),
            other => Ok(other),
        }
    }
}

impl<P: Precision> Lowering<'_, P> {
    /// Two maps of one shape that lie alike, or a map and one pixel; with the pixel on the right.
    pub(crate) fn pair(
        &mut self,
        node: &RawNode,
        lhs: Operand,
        rhs: Operand,
        swaps: bool,
    ) -> Result<Pair, OnnxError> {
        self.bind_input_if_open(lhs.tensor);
        self.bind_input_if_open(rhs.tensor);
        if let Some((shape, view)) = self.same_layout(&lhs, &rhs) {
            return Ok(Pair { lhs: (lhs, shape), rhs: (rhs, shape), view });
        }
        if let Some((shapes, view)) = self.pixel_layout(&lhs, &rhs) {
            return Ok(Pair { lhs: (lhs, shapes[0]), rhs: (rhs, shapes[1]), view });
        }
        if let Some((shapes, view)) = self.pixel_layout(&rhs, &lhs).filter(|_| swaps) {
            return Ok(Pair { lhs: (rhs, shapes[0]), rhs: (lhs, shapes[1]), view });
        }
        Err(self.refuse(
            node,
            format!(
                "it combines maps of different shapes, {:?} and {:?}",
                lhs.view.dims(),
                rhs.view.dims()
            ),
            "combine maps of one shape, or a map and one number a channel",
        ))
    }

    /// The common shape of two maps and how ONNX sees both.
    pub(crate) fn same_layout(&self, lhs: &Operand, rhs: &Operand) -> Option<(Shape, View)> {
        let shape = self.draft.shape(lhs.tensor)?;
        let view = self.draft.memory_view(lhs.tensor, &lhs.view)?;
        let other = self.draft.memory_view(rhs.tensor, &rhs.view)?;
        let same = self.draft.shape(rhs.tensor) == Some(shape) && other == view;
        same.then_some((shape, view))
    }

    /// The shapes of a map and of one pixel that ONNX broadcasts over it.
    fn pixel_layout(&self, map: &Operand, pixel: &Operand) -> Option<([Shape; 2], View)> {
        let shapes = [self.draft.shape(map.tensor)?, self.draft.shape(pixel.tensor)?];
        let view = self.draft.memory_view(map.tensor, &map.view)?;
        let other = self.draft.memory_view(pixel.tensor, &pixel.view)?;
        let (rank, other_rank) = (view.dims().len(), other.dims().len());
        let lead = rank.checked_sub(other_rank)?;
        let channels = shapes[1].c;
        if [shapes[1].h, shapes[1].w] != [1, 1] || (channels != shapes[0].c && channels != 1) {
            return None;
        }
        let alike = (0..other_rank)
            .all(|axis| other.axis(axis).is_empty() || other.axis(axis) == view.axis(lead + axis));
        alike.then_some((shapes, view))
    }
}

/// What combines two maps in kernels, if it is that operator.
pub(crate) fn function_of_maps(node: &RawNode) -> Option<Function> {
    match node.op.as_str() {
        "Add" => Some(Function::Add),
        "Sub" => Some(Function::Subtract),
        "Mul" => Some(Function::Multiply),
        _ => None,
    }
}

/// Two operands with their shapes, and how ONNX sees what is made of them.
pub(crate) struct Pair {
    pub(crate) lhs: (Operand, Shape),
    pub(crate) rhs: (Operand, Shape),
    pub(crate) view: View,
}
