//! Averages of int8 models, in the order of sums in which onnxruntime adds them.

use super::Lowering;
use super::operands::Operand;
use super::precision::Precision;
use super::value::{Codes, Real, Value};
use super::window;
use crate::codes_op::{CodesOp, Mean, MeanArithmetic, ZeroPoint};
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawNode;
use crate::op::Op;
use thumbnet_kernels::geometry::Shape;
use thumbnet_kernels::portable::SumOrder;

impl Lowering<'_> {
    /// AveragePool between DequantizeLinear and QuantizeLinear.
    pub(crate) fn mean_pool(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        self.check_average_pool(node)?;
        let mut x = self.real_operand(node, 0)?;
        let shape = self.as_map(node, &mut x)?;
        let mean = self.average(node, shape, self.raw.opset)?;
        self.pend(node, Op::Codes(CodesOp::Mean(mean)), vec![(x, shape)])
    }

    /// GlobalAveragePool between DequantizeLinear and QuantizeLinear.
    pub(crate) fn mean_of_map(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &[])?;
        let mut x = self.real_operand(node, 0)?;
        let shape = self.as_map(node, &mut x)?;
        self.pend(node, whole_map(shape, SumOrder::Lanes), vec![(x, shape)])
    }

    /// ReduceMean between DequantizeLinear and QuantizeLinear, over rows and columns.
    pub(crate) fn mean_over_axes(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        let x = self.real_operand(node, 0)?;
        let mut spatial = self.spatial_mean(node, &x)?;
        let shape = self.as_map(node, &mut spatial.x)?;
        let order = if spatial.channels_first { SumOrder::Packets } else { SumOrder::Rows };
        let value = self.pend(node, whole_map(shape, order), vec![(spatial.x, shape)])?;
        Ok(match value {
            Value::Real(real) => {
                let view = real.view.reshaped(&spatial.dims).unwrap_or(real.view);
                Value::Real(Real { view, ..real })
            }
            other => other,
        })
    }

    /// com.microsoft QLinearAveragePool.
    pub(crate) fn qlinear_average_pool(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        self.check_average_pool(node)?;
        let (x, from) = self.codes_operand(node, 0)?;
        let (mut x, channels_last) = self.channels_first(node, x)?;
        let shape = self.as_map(node, &mut x)?;
        let mut mean = self.average(node, shape, 1)?;
        let zero_point = ZeroPoint::BeforeRounding { unsigned: from.unsigned };
        mean.arithmetic = MeanArithmetic::Real(SumOrder::Rows, zero_point);
        let value = self.emit_codes(node, Op::Codes(CodesOp::Mean(mean)), &[x], [3, 4])?;
        Ok(restored(value, channels_last))
    }

    /// com.microsoft QLinearGlobalAveragePool.
    pub(crate) fn qlinear_global_average_pool(
        &mut self,
        node: &RawNode,
    ) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &["channels_last"])?;
        let (x, _) = self.codes_operand(node, 0)?;
        let (mut x, channels_last) = self.channels_first(node, x)?;
        let shape = self.as_map(node, &mut x)?;
        let op = Op::Codes(CodesOp::Mean(Mean::whole(shape, MeanArithmetic::ScaledSum)));
        let value = self.emit_codes(node, op, &[x], [3, 4])?;
        Ok(restored(value, channels_last))
    }

    /// An operand seen with its channels first, and whether they were last.
    fn channels_first(&self, node: &RawNode, x: Operand) -> Result<(Operand, bool), OnnxError> {
        let channels_last = node.int(&self.raw.file, "channels_last", 0)? != 0;
        let view = if channels_last { x.view.transposed(&[0, 3, 1, 2]) } else { None };
        Ok((Operand { view: view.unwrap_or(x.view), ..x }, channels_last))
    }
}

impl<P: Precision> Lowering<'_, P> {
    pub(crate) fn check_average_pool(&self, node: &RawNode) -> Result<(), OnnxError> {
        let known =
            [window::ATTRIBUTES.as_slice(), &["ceil_mode", "count_include_pad", "channels_last"]];
        node.only(&self.raw.file, &known.concat())
    }

    /// The mean over the windows that `node` says.
    pub(crate) fn average(
        &self,
        node: &RawNode,
        input: Shape,
        opset: i64,
    ) -> Result<Mean, OnnxError> {
        let file = &self.raw.file;
        let window = self.window(node, None, input)?;
        let rounded_up = self.round_up(node, window, input)?;
        let counts_padding = node.int(file, "count_include_pad", 0)? != 0;
        if counts_padding && rounded_up != window {
            return Err(self.refuse(
                node,
                "it counts padding that its ceil_mode adds".to_owned(),
                "export the model with ceil_mode=False",
            ));
        }
        Ok(Mean::average_pool(rounded_up, input, counts_padding, opset))
    }
}

/// `value` with its channels last again.
fn restored(value: Value, channels_last: bool) -> Value {
    match value {
        Value::Codes(codes) if channels_last => {
            let view = codes.view.transposed(&[0, 2, 3, 1]).unwrap_or(codes.view);
            Value::Codes(Codes { view, ..codes })
        }
        value => value,
    }
}

fn whole_map(shape: Shape, order: SumOrder) -> Op<crate::Int8Weights> {
    let arithmetic = MeanArithmetic::Real(order, ZeroPoint::AfterRounding);
    Op::Codes(CodesOp::Mean(Mean::whole(shape, arithmetic)))
}

/// A mean over rows and columns.
pub(crate) struct SpatialMean {
    /// Its operand, seen as `[1, c, h, w]`.
    pub(crate) x: Operand,
    /// Whether the file has it so too.
    pub(crate) channels_first: bool,
    /// Shape of the result in the file.
    pub(crate) dims: Vec<usize>,
}
