//! Pools: the largest, the mean, and the mean over the whole map.

use super::Lowering;
use super::formats::normalized;
use super::mean::SpatialMean;
use super::operands::Operand;
use super::precision::Precision;
use super::value::{Codes, Real, Value};
use super::view::View;
use super::window;
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawNode;
use crate::op::Op;
use thumbnet_kernels::geometry::{Shape, Window};

impl<P: Precision> Lowering<'_, P> {
    pub(crate) fn max_pool(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        self.check_max_pool(node)?;
        let mut x = self.real_operand(node, 0)?;
        let shape = self.as_map(node, &mut x)?;
        let window = self.max_window(node, shape)?;
        self.pend(node, Op::MaxPool2d(window), vec![(x, shape)])
    }

    fn check_max_pool(&self, node: &RawNode) -> Result<(), OnnxError> {
        let known = [window::ATTRIBUTES.as_slice(), &["ceil_mode", "storage_order"]].concat();
        node.only(&self.raw.file, &known)
    }

    fn max_window(&self, node: &RawNode, input: Shape) -> Result<Window, OnnxError> {
        if node.op == "GlobalMaxPool" {
            return Ok(Window { kernel: [input.h, input.w], ..Window::UNIT });
        }
        self.round_up(node, self.window(node, None, input)?, input)
    }

    /// The largest value over rows and columns is a global max pool.
    pub(crate) fn reduce_max(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        let x = self.real_operand(node, 0)?;
        let SpatialMean { mut x, dims, .. } = self.spatial_mean(node, &x)?;
        let shape = self.as_map(node, &mut x)?;
        let window = Window { kernel: [shape.h, shape.w], ..Window::UNIT };
        let value = self.pend(node, Op::MaxPool2d(window), vec![(x, shape)])?;
        Ok(reshaped_real(value, &dims))
    }

    /// What a ReduceMean or ReduceMax of `x` is, which must be one over rows and columns.
    pub(crate) fn spatial_mean(
        &self,
        node: &RawNode,
        x: &Operand,
    ) -> Result<SpatialMean, OnnxError> {
        let file = &self.raw.file;
        node.only(file, &["axes", "keepdims", "noop_with_empty_axes"])?;
        let keep = node.int(file, "keepdims", 1)? != 0;
        let axes = match self.optional(node, 1) {
            Some(Value::Constant(array)) => array.data.integers().unwrap_or_default(),
            Some(_) => Vec::new(),
            None => node.ints(file, "axes")?.unwrap_or_default().to_vec(),
        };
        let rank = x.view.dims().len();
        let mut axes: Vec<usize> =
            axes.iter().take(rank).filter_map(|&axis| normalized(axis, rank)).collect();
        axes.sort_unstable();
        // Keras means over [n, h, w, c], PyTorch over [n, c, h, w].
        let (channels_first, view) = match (rank, axes.as_slice()) {
            (4, [2, 3]) => (true, Some(x.view.clone())),
            (4, [1, 2]) => (false, x.view.transposed(&[0, 3, 1, 2])),
            (3, [2]) => (true, with_row(&x.view)),
            (3, [1]) => (false, x.view.transposed(&[0, 2, 1]).as_ref().and_then(with_row)),
            _ => {
                let reason = "it works over other axes than height and width".to_owned();
                return Err(self.refuse(node, reason, "use a global pool"));
            }
        };
        let x = Operand { tensor: x.tensor, view: view.unwrap_or_else(|| x.view.clone()) };
        let kept = if keep { rank } else { 2 };
        let mut dims = vec![1; kept];
        dims[if channels_first { 1 } else { kept - 1 }] = x.view.dims()[1];
        Ok(SpatialMean { x, channels_first, dims })
    }
}

impl Lowering<'_> {
    /// Max pool of a map in float, or of codes.
    pub(crate) fn max_pool_of_any(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        match self.value(node, 0)?.clone() {
            Value::Codes(codes) => self.max_pool_of_codes(node, codes),
            Value::Real(real) if real.is_float() => self.max_pool_of_float(node, real),
            _ => self.max_pool(node),
        }
    }

    /// A pool between a layer and its QuantizeLinear.
    fn max_pool_of_float(&mut self, node: &RawNode, real: Real) -> Result<Value, OnnxError> {
        self.check_max_pool(node)?;
        let Some(shape) = self.shape_of_real(&real) else {
            let reason = "its input is float, or not a map [1, channels, height, width]".to_owned();
            let rewrite = "quantize it: put a QuantizeLinear and a DequantizeLinear there";
            return Err(self.refuse_quantization(node, reason, rewrite));
        };
        let op = Op::MaxPool2d(self.max_window(node, shape)?);
        self.wait_behind(node, op, real, shape)
    }

    fn max_pool_of_codes(&mut self, node: &RawNode, codes: Codes) -> Result<Value, OnnxError> {
        self.check_max_pool(node)?;
        let Codes { tensor, view, unsigned } = codes;
        let mut x = Operand { tensor, view };
        let shape = self.as_map(node, &mut x)?;
        let op = Op::MaxPool2d(self.max_window(node, shape)?);
        let Some(format) = self.draft.format(x.tensor) else {
            let reason = "it works on codes whose scale is not known yet".to_owned();
            return Err(self.refuse_quantization(node, reason, "quantize the model's input"));
        };
        let made = self.output_shape(node, &op, &[shape])?;
        let name = self.output_name(node).to_owned();
        let node = (node.name.clone(), op, vec![x.tensor]);
        let tensor = self.draft.emit(node, (name, made, format));
        Ok(Value::Codes(Codes { tensor, view: View::nchw(made), unsigned }))
    }
}

/// `[n, c, w]` as a map of one row; `None` for any other rank.
pub(crate) fn with_row(line: &View) -> Option<View> {
    match *line.dims().as_slice() {
        [n, c, w] => line.reshaped(&[n, c, 1, w]),
        _ => None,
    }
}

/// `value`, a map in float, with the shape that the file gives it.
pub(crate) fn reshaped_real(value: Value, dims: &[usize]) -> Value {
    match value {
        Value::Real(real) => {
            let view = real.view.reshaped(dims).unwrap_or(real.view);
            Value::Real(Real { view, ..real })
        }
        other => other,
    }
}
