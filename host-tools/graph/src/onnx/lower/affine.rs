//! Batch normalization and sums and products with constants: a scale and a shift for each channel,
//! which is a depthwise convolution of one tap.

use super::Lowering;
use super::operands::Operand;
use super::precision::Precision;
use super::value::Value;
use super::view::{Piece, View};
use crate::onnx::error::OnnxError;
use crate::onnx::raw::{Array, RawNode};
use crate::op::{Conv2d, FloatWeights, Op};
use thumbnet_kernels::geometry::{Shape, Window};

impl Lowering<'_, FloatWeights> {
    /// `scale * (x - mean) / sqrt(variance + epsilon) + bias`, with numbers fixed by training.
    pub(crate) fn batch_normalization(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        let file = &self.raw.file;
        node.only(file, &["epsilon", "momentum", "training_mode", "spatial"])?;
        if node.int(file, "training_mode", 0)? != 0 || node.int(file, "spatial", 1)? != 1 {
            let reason = "it is exported for training".to_owned();
            return Err(self.refuse(node, reason, "export the model for inference (eval mode)"));
        }
        let epsilon = f64::from(node.float(file, "epsilon", 1e-5)?);
        let [scale, bias, mean, variance] = [1, 2, 3, 4].map(|index| self.channel_row(node, index));
        let (scale, bias, mean, variance) = (scale?, bias?, mean?, variance?);
        let channels = scale.len();
        if [&bias, &mean, &variance].iter().any(|row| row.len() != channels) {
            let reason = "its constants have different lengths".to_owned();
            return Err(self.refuse(node, reason, "export the model again"));
        }
        let mut factors = Vec::with_capacity(channels);
        let mut shifts = Vec::with_capacity(channels);
        for channel in 0..channels {
            let deviation = (variance[channel] + epsilon).sqrt();
            let factor = scale[channel] / deviation;
            factors.push(factor);
            shifts.push(bias[channel] - mean[channel] * factor);
        }
        self.affine(node, 0, 1, &factors, &shifts)
    }

    /// Add, Sub, Mul or Div of a map and a constant.
    pub(crate) fn scaled_by_constant(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &[])?;
        let is_constant = |index| matches!(self.optional(node, index), Some(Value::Constant(_)));
        let (map, constant) = match (is_constant(0), is_constant(1)) {
            (false, true) => (0, 1),
            (true, false) => (1, 0),
            _ => {
                let reason = "it combines two maps that are computed".to_owned();
                return Err(self.refuse(node, reason, "combine two maps by Add only"));
            }
        };
        let array = FloatWeights::constant(self, node, constant)?;
        let values: Vec<f64> =
            self.floats(node, &array)?.iter().map(|&value| f64::from(value)).collect();
        let one = |number: f64| vec![number; values.len()];
        let negated = || values.iter().map(|value| -value).collect();
        let (factors, shifts) = match (node.op.as_str(), map) {
            ("Add", _) => (one(1.0), values.clone()),
            ("Sub", 0) => (one(1.0), negated()),
            ("Sub", _) => (one(-1.0), values.clone()),
            ("Mul", _) => (values.clone(), one(0.0)),
            ("Div", 0) => (values.iter().map(|value| 1.0 / value).collect(), one(0.0)),
            _ => {
                let reason = "it divides by a map".to_owned();
                return Err(self.refuse(node, reason, "divide by constants only"));
            }
        };
        let axis = self.constant_axis(node, &array, map)?;
        self.affine(node, map, axis, &factors, &shifts)
    }

    /// Which axis of input `map` a constant has one number for each index of.
    fn constant_axis(
        &mut self,
        node: &RawNode,
        array: &Array,
        map: usize,
    ) -> Result<usize, OnnxError> {
        let rank = self.real_operand(node, map)?.view.dims().len();
        let mut sides = array.dims.iter().rev().enumerate().filter(|(_, side)| **side != 1);
        match (sides.next(), sides.next()) {
            (None, _) => Ok(0),
            (Some((from_end, _)), None) if from_end < rank => Ok(rank - 1 - from_end),
            _ => Err(self.refuse(
                node,
                format!("its constant of shape {:?} is not one number a channel", array.dims),
                "scale and shift whole channels only",
            )),
        }
    }

    /// A scale and a shift for each index of `axis`, or one for all, of input `map`.
    fn affine(
        &mut self,
        node: &RawNode,
        map: usize,
        axis: usize,
        factors: &[f64],
        shifts: &[f64],
    ) -> Result<Value, OnnxError> {
        let operand = self.real_operand(node, map)?;
        self.bind_input_channels(&operand, axis);
        let (shape, view) = self.as_anything(node, &operand)?;
        if factors.len() != 1 && !along_channels(&view, axis, shape, factors.len()) {
            return Err(self.refuse(
                node,
                format!(
                    "it scales or shifts axis {axis} of its input {:?}, which is not that of the \
                     channels",
                    view.dims()
                ),
                "scale and shift whole channels only",
            ));
        }
        self.spend(node, shape.c)?;
        let spread = |values: &[f64]| -> Vec<f32> {
            let one = values.len() == 1;
            (0..shape.c).map(|channel| values[if one { 0 } else { channel }] as f32).collect()
        };
        let weights = FloatWeights { values: spread(factors), bias: spread(shifts) };
        if !weights.values.iter().chain(&weights.bias).all(|value| value.is_finite()) {
            let reason = "its scale or shift is infinite or not a number".to_owned();
            let rewrite = "train again: a variance must not be negative, nor a divisor 0";
            return Err(self.refuse(node, reason, rewrite));
        }
        let op = Op::Conv2d(Conv2d { window: Window::UNIT, groups: shape.c, weights });
        self.emit(node, op, vec![(operand, shape)], Some(view))
    }

    /// An input of open shape, of which a node calls `axis` the channels, has them there.
    fn bind_input_channels(&mut self, operand: &Operand, axis: usize) {
        let is_open = self.draft.shape(operand.tensor).is_none();
        let channels_first = match (operand.view.dims().len(), axis) {
            (4, 1) => Some(operand.view.clone()),
            (4, 3) => operand.view.transposed(&[0, 3, 1, 2]),
            _ => None,
        };
        if let Some(view) = channels_first.filter(|_| is_open) {
            self.draft.bind_input_channels_first(&view);
        }
    }

    /// A one-dimensional constant.
    fn channel_row(&self, node: &RawNode, index: usize) -> Result<Vec<f64>, OnnxError> {
        let array = FloatWeights::constant(self, node, index)?;
        Ok(self.floats(node, &array)?.iter().map(|&value| f64::from(value)).collect())
    }
}

/// Whether `axis` of `view` runs over all channels of a map of `shape`, of which there are `count`.
fn along_channels(view: &View, axis: usize, shape: Shape, count: usize) -> bool {
    let pieces = if axis < view.dims().len() { view.axis(axis) } else { &[] };
    count == shape.c && (count == 1 || pieces == [Piece { size: count, stride: 1 }])
}
