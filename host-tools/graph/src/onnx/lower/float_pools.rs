//! Float models: averages.

use super::Lowering;
use super::mean::SpatialMean;
use super::pool::reshaped_real;
use super::value::Value;
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawNode;
use crate::op::{FloatWeights, Op};
use crate::real_op::RealOp;
use thumbnet_kernels::geometry::{Padding, Shape, Window};

impl Lowering<'_, FloatWeights> {
    pub(crate) fn average_pool(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        self.check_average_pool(node)?;
        let mut x = self.real_operand(node, 0)?;
        let shape = self.as_map(node, &mut x)?;
        let mean = self.average(node, shape, self.raw.opset)?;
        let (window, counts_padding) = (mean.window, mean.counts_padding);
        let op = if window.padding == Padding::NONE {
            Op::AveragePool2d(window)
        } else {
            Op::Real(RealOp::Mean { window, counts_padding })
        };
        self.pend(node, op, vec![(x, shape)])
    }

    pub(crate) fn global_average_pool(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &[])?;
        let mut x = self.real_operand(node, 0)?;
        let shape = self.as_map(node, &mut x)?;
        self.pend(node, whole_map(shape), vec![(x, shape)])
    }

    /// A mean over rows and columns is a global average pool.
    pub(crate) fn reduce_mean(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        let x = self.real_operand(node, 0)?;
        let SpatialMean { mut x, dims, .. } = self.spatial_mean(node, &x)?;
        let shape = self.as_map(node, &mut x)?;
        let value = self.pend(node, whole_map(shape), vec![(x, shape)])?;
        Ok(reshaped_real(value, &dims))
    }
}

fn whole_map(shape: Shape) -> Op<FloatWeights> {
    Op::AveragePool2d(Window { kernel: [shape.h, shape.w], ..Window::UNIT })
}
