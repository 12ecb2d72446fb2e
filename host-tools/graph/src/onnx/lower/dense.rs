//! Gemm, MatMul and their quantized forms: convolutions over the whole map.

use super::Lowering;
use super::operands::Operand;
use super::precision::{LayerConstants, Precision};
use super::value::{Codes, Real, Value};
use super::view::View;
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawNode;
use crate::op::{Conv2d, Int8Weights, Op};
use thumbnet_kernels::geometry::{Padding, Shape, Window};

/// A dense layer over a map.
struct Dense<P> {
    op: Op<P>,
    input: Shape,
    /// Of the output.
    view: View,
}

impl<P: Precision> Lowering<'_, P> {
    pub(crate) fn gemm(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &["alpha", "beta", "transA", "transB", "broadcast"])?;
        let x = self.real_operand(node, 0)?;
        let weights = P::constant(self, node, 1)?;
        let transposed = self.plain_gemm(node)?;
        let dense = self.dense(node, &x, &weights, transposed, Some(2))?;
        self.pend_dense(node, x, dense)
    }

    pub(crate) fn matmul(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &[])?;
        let x = self.real_operand(node, 0)?;
        let weights = P::constant(self, node, 1)?;
        let dense = self.dense(node, &x, &weights, false, None)?;
        self.pend_dense(node, x, dense)
    }

    /// Whether the weights are `[oc, ic]`, of a Gemm that only multiplies and adds.
    fn plain_gemm(&self, node: &RawNode) -> Result<bool, OnnxError> {
        let file = &self.raw.file;
        let scaled =
            node.float(file, "alpha", 1.0)? != 1.0 || node.float(file, "beta", 1.0)? != 1.0;
        if scaled || node.int(file, "transA", 0)? != 0 {
            let reason = "it scales its operands or transposes its input".to_owned();
            return Err(self.refuse(node, reason, "fold alpha and beta into the weights"));
        }
        Ok(node.int(file, "transB", 0)? != 0)
    }

    /// The dense layer of `weights`, `[ic, oc]` or `transposed`.
    fn dense(
        &mut self,
        node: &RawNode,
        x: &Operand,
        weights: &P::Constant,
        transposed: bool,
        bias: Option<usize>,
    ) -> Result<Dense<P>, OnnxError> {
        let &[rows, columns] = P::dims(weights) else {
            let reason = format!("its weights have shape {:?}", P::dims(weights));
            return Err(self.refuse(node, reason, "multiply by a constant matrix"));
        };
        let (ic, oc) = if transposed { (columns, rows) } else { (rows, columns) };
        let (input, offsets) = self.as_vector(node, x, ic)?;
        let mut from_memory = vec![0; ic];
        offsets.into_iter().enumerate().for_each(|(index, offset)| from_memory[offset] = index);
        let positions = (0..oc).flat_map(|oc_at| {
            let position =
                move |ic_at| if transposed { oc_at * ic + ic_at } else { ic_at * oc + oc_at };
            from_memory.iter().map(move |&ic_at| position(ic_at))
        });
        let axis = if transposed { 0 } else { 1 };
        let layer = LayerConstants { constant: weights, axis, channels: oc, bias, x: x.tensor };
        let weights = P::weights(self, node, layer, positions)?;
        let window = Window {
            kernel: [input.h, input.w],
            stride: [1, 1],
            dilation: [1, 1],
            padding: Padding::NONE,
        };
        let op = Op::Conv2d(Conv2d { window, groups: 1, weights });
        Ok(Dense { op, input, view: View::row(oc, x.view.dims().len()) })
    }

    fn pend_dense(
        &mut self,
        node: &RawNode,
        x: Operand,
        dense: Dense<P>,
    ) -> Result<Value, OnnxError> {
        let Dense { op, input, view } = dense;
        match self.pend(node, op, vec![(x, input)])? {
            Value::Real(real) => Ok(Value::Real(Real { view, ..real })),
            other => Ok(other),
        }
    }
}

impl Lowering<'_> {
    pub(crate) fn qlinear_matmul(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &[])?;
        let (x, _) = self.codes_operand(node, 0)?;
        let weights = self.weight_codes(node, 3, 1)?;
        let dense = self.dense(node, &x, &weights, false, None)?;
        self.emit_dense(node, x, dense, [6, 7])
    }

    pub(crate) fn qgemm(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &["alpha", "transA", "transB"])?;
        let (x, _) = self.codes_operand(node, 0)?;
        let transposed = self.plain_gemm(node)?;
        let weights = self.weight_codes(node, 3, if transposed { 0 } else { 1 })?;
        let dense = self.dense(node, &x, &weights, transposed, Some(6))?;
        self.emit_dense(node, x, dense, [7, 8])
    }

    fn emit_dense(
        &mut self,
        node: &RawNode,
        x: Operand,
        dense: Dense<Int8Weights>,
        format: [usize; 2],
    ) -> Result<Value, OnnxError> {
        match self.emit_codes(node, dense.op, &[x], format)? {
            Value::Codes(codes) => Ok(Value::Codes(Codes { view: dense.view, ..codes })),
            other => Ok(other),
        }
    }
}
