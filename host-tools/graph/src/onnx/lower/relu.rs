//! Activation functions that clamp: Relu and Clip.

use super::Lowering;
use super::precision::Precision;
use super::value::{Clamp, Real, Value};
use crate::graph::Quantization;
use crate::onnx::error::OnnxError;
use crate::onnx::interface::quantize;
use crate::onnx::raw::{Data, RawNode};

impl<P: Precision> Lowering<'_, P> {
    pub(crate) fn relu(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &["consumed_inputs"])?;
        P::clamped(self, node, Clamp::RELU)
    }

    pub(crate) fn clip(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &["min", "max"])?;
        let limits = if self.raw.opset < 11 {
            let file = &self.raw.file;
            [node.float(file, "min", f32::NEG_INFINITY)?, node.float(file, "max", f32::INFINITY)?]
        } else {
            [self.limit(node, 1, f32::NEG_INFINITY)?, self.limit(node, 2, f32::INFINITY)?]
        };
        P::clamped(self, node, limits)
    }

    /// The limit in input `index`, or `default` if it is not given.
    fn limit(&self, node: &RawNode, index: usize, default: f32) -> Result<f32, OnnxError> {
        match self.optional(node, index) {
            None => Ok(default),
            Some(Value::Constant(array)) => match &array.data {
                Data::F32(values) if values.len() == 1 && !values[0].is_nan() => Ok(values[0]),
                _ => Err(self.refuse(
                    node,
                    "its limits are not single numbers".to_owned(),
                    "fix them",
                )),
            },
            Some(Value::Weights(limit)) if limit.codes.data.len() == 1 => {
                let (code, scale) = limit.centred(0).unwrap_or((0, 0.0));
                Ok(code as f32 * scale)
            }
            Some(_) => Err(self.refuse(
                node,
                "its limits are computed while the model runs".to_owned(),
                "clip at constants",
            )),
        }
    }
}

impl Lowering<'_> {
    /// Notes that the map in input 0 is clamped; its QuantizeLinear says what that means.
    pub(crate) fn clamp(&mut self, node: &RawNode, limits: [f32; 2]) -> Result<Value, OnnxError> {
        let Value::Real(real) = self.value(node, 0)? else {
            return Err(self.refuse_quantization(
                node,
                "it works on codes, whose zero is not the real 0".to_owned(),
                "put it between DequantizeLinear and QuantizeLinear",
            ));
        };
        let [min, max] = real.clamp.limits;
        // As ONNX defines Clip: max(min(x, upper), lower), so the lower limit wins.
        let limits = [min.min(limits[1]).max(limits[0]), max.min(limits[1]).max(limits[0])];
        let clamp = Clamp { limits, node: node.name.clone() };
        Ok(Value::Real(Real { clamp, ..real.clone() }))
    }
}

/// The smallest and the largest code that a map in `format` can have after `clamp`. Quantizing is
/// monotone, so clamping the real value is clamping the code.
pub(crate) fn codes_range(clamp: &Clamp, format: Quantization) -> [i8; 2] {
    clamp.limits.map(|limit| quantize(limit, format))
}
