//! Element-wise sums: of two maps, or of a layer's result and a bias.

use super::Lowering;
use super::operands::Operand;
use super::precision::Precision;
use super::value::{Pending, Real, Source, Value};
use super::view::{Piece, View};
use super::views::dims_of;
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawNode;
use crate::op::Op;
use thumbnet_kernels::geometry::Shape;

impl<P: Precision> Lowering<'_, P> {
    pub(crate) fn add(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &[])?;
        for (map, constant) in [(0, 1), (1, 0)] {
            if let Value::Constant(_) | Value::Weights(_) = self.value(node, constant)? {
                return P::add_constant(self, node, map, constant);
            }
        }
        let lhs = self.real_operand(node, 0)?;
        let rhs = self.real_operand(node, 1)?;
        let (shape, view) = self.aligned(node, &lhs, &rhs)?;
        match self.pend(node, Op::Add, vec![(lhs, shape), (rhs, shape)])? {
            Value::Real(real) => Ok(Value::Real(Real { view, ..real })),
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

impl Lowering<'_> {
    /// A constant added to a layer's result, channel by channel, is that layer's bias.
    pub(crate) fn add_bias(
        &mut self,
        node: &RawNode,
        map: usize,
        constant: usize,
    ) -> Result<Value, OnnxError> {
        let refuse = |lowering: &Self| {
            let reason = "it adds a constant to something that is no layer's result".to_owned();
            lowering.refuse(node, reason, "add constants only as biases, right after a layer")
        };
        let dims = dims_of(self.value(node, constant)?);
        let real = match self.value(node, map)? {
            Value::Real(real) if real.clamp.is_none() => real.clone(),
            _ => return Err(refuse(self)),
        };
        let Source::Pending(index) = real.source else { return Err(refuse(self)) };
        let Pending { node: layer, op: Op::Conv2d(conv), inputs, shape, .. } = &self.pending[index]
        else {
            return Err(refuse(self));
        };
        if !along_channels(&dims, &real.view, conv.weights.scales.len()) {
            return Err(refuse(self));
        }
        let bias = self.bias(node, constant, inputs[0], &conv.weights.scales)?;
        // The layer without this bias may be read elsewhere too.
        self.spend(node, conv.weights.values.len())?;
        let (layer, inputs, shape, mut conv) =
            (layer.clone(), inputs.clone(), *shape, conv.clone());
        for (sum, bias) in conv.weights.bias.iter_mut().zip(bias) {
            // Two biases that together leave int32 are beyond any real network; the layer would
            // saturate.
            *sum = sum.saturating_add(bias);
        }
        let channels = conv.weights.bias.len();
        self.add_float_bias(index, self.float_bias(node, constant), channels);
        let op = Op::Conv2d(conv);
        let (behind, made) = (None, Vec::new());
        self.pending.push(Pending { node: layer, op, inputs, behind, depth: 0, shape, made });
        Ok(Value::Real(Real { source: Source::Pending(self.pending.len() - 1), ..real }))
    }
}

/// Whether a constant of shape `dims` has one value for each of `channels`, which are one axis of
/// `view`.
fn along_channels(dims: &[usize], view: &View, channels: usize) -> bool {
    let rank = view.dims().len();
    let mut sides = dims.iter().rev().enumerate().filter(|(_, side)| **side != 1);
    match (sides.next(), sides.next()) {
        (None, _) => channels == 1,
        (Some((from_end, &side)), None) if side == channels && from_end < rank => {
            view.axis(rank - 1 - from_end) == [Piece { size: channels, stride: 1 }]
        }
        _ => false,
    }
}
