//! What int8 and float models do differently while they are lowered; everything else is one code
//! for both.

use super::Lowering;
use super::operands::Operand;
use super::value::Value;
use crate::codes_op::Axis;
use crate::graph::TensorId;
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawNode;
use crate::op::{Op, Weights};
use std::fmt::Debug;
use std::rc::Rc;
use thumbnet_kernels::geometry::{Padding, Shape};
use thumbnet_kernels::portable::Rearrange;

/// The weights of a model's layers, and with them its precision: [`crate::Int8Weights`] or
/// [`crate::FloatWeights`].
pub(crate) trait Precision: Weights + Debug + Sized {
    /// Number format of a map.
    type Format: Copy + Debug + PartialEq;

    /// A layer's weights as the file has them.
    type Constant;

    /// The outputs of an operator that models of this precision may have.
    fn operator(lowering: &mut Lowering<'_, Self>, node: &RawNode)
    -> Result<Vec<Value>, OnnxError>;

    /// Input `index` of a float operator: a map.
    fn operand(
        lowering: &mut Lowering<'_, Self>,
        node: &RawNode,
        index: usize,
    ) -> Result<Operand, OnnxError>;

    /// Input 0 of an operator that copies elements to other places.
    fn copy_operand(
        lowering: &mut Lowering<'_, Self>,
        node: &RawNode,
    ) -> Result<Operand, OnnxError>;

    /// The operation that copies elements to other places.
    fn rearrange(made: Shape, copy: Rearrange) -> Op<Self>;

    /// The operation that joins maps.
    fn concat(axis: Axis) -> Op<Self>;

    /// The operation by which the Pad `node` puts a border around `tensor`.
    fn border(
        lowering: &Lowering<'_, Self>,
        node: &RawNode,
        tensor: TensorId,
        padding: Padding,
    ) -> Result<Op<Self>, OnnxError>;

    /// A map of this shape, in every place the value by which the Pad `node` puts a border around `tensor`.
    fn filled(
        lowering: &mut Lowering<'_, Self>,
        node: &RawNode,
        tensor: TensorId,
        made: Shape,
        name: String,
    ) -> Result<TensorId, OnnxError>;

    /// What a float operator over `inputs` makes.
    fn result(
        lowering: &mut Lowering<'_, Self>,
        node: &RawNode,
        op: Op<Self>,
        inputs: Vec<(Operand, Shape)>,
    ) -> Result<Value, OnnxError>;

    /// Input 0 of `node` with every value below or above the limits set to them.
    fn clamped(
        lowering: &mut Lowering<'_, Self>,
        node: &RawNode,
        limits: [f32; 2],
    ) -> Result<Value, OnnxError>;

    /// The sum of input `map` and a constant.
    fn add_constant(
        lowering: &mut Lowering<'_, Self>,
        node: &RawNode,
        map: usize,
        constant: usize,
    ) -> Result<Value, OnnxError>;

    /// Input `index` of a float operator: the weights of a layer.
    fn constant(
        lowering: &Lowering<'_, Self>,
        node: &RawNode,
        index: usize,
    ) -> Result<Rc<Self::Constant>, OnnxError>;

    /// The ONNX shape of a layer's weights.
    fn dims(constant: &Self::Constant) -> &[usize];

    /// A layer's weights in memory order: the elements of `constant` at `positions`.
    fn weights(
        lowering: &Lowering<'_, Self>,
        node: &RawNode,
        layer: LayerConstants<'_, Self>,
        positions: impl Iterator<Item = usize>,
    ) -> Result<Self, OnnxError>;
}

/// The constants of a layer and where they belong.
pub(crate) struct LayerConstants<'a, P: Precision> {
    pub(crate) constant: &'a P::Constant,
    /// Axis of the output channels.
    pub(crate) axis: usize,
    /// Number of output channels.
    pub(crate) channels: usize,
    /// Which input of the node is the bias.
    pub(crate) bias: Option<usize>,
    /// What the layer reads.
    pub(crate) x: TensorId,
}

impl<P: Precision> Lowering<'_, P> {
    /// Input `index` of a float operator: a map.
    pub(crate) fn real_operand(
        &mut self,
        node: &RawNode,
        index: usize,
    ) -> Result<Operand, OnnxError> {
        P::operand(self, node, index)
    }

    /// What a float operator over `inputs` makes.
    pub(crate) fn pend(
        &mut self,
        node: &RawNode,
        op: Op<P>,
        inputs: Vec<(Operand, Shape)>,
    ) -> Result<Value, OnnxError> {
        P::result(self, node, op, inputs)
    }
}
