//! Weights and biases: from whatever a file holds to int8 codes and int32 codes.

use super::Lowering;
use super::value::{QuantizedConstant, Value};
use crate::graph::TensorId;
use crate::onnx::error::OnnxError;
use crate::onnx::raw::{Data, RawNode};
use crate::validate::is_scale;
use std::rc::Rc;

impl Lowering<'_> {
    /// Input `index` of a float operator: dequantized weights.
    pub(crate) fn weights(
        &self,
        node: &RawNode,
        index: usize,
    ) -> Result<Rc<QuantizedConstant>, OnnxError> {
        match self.value(node, index)? {
            Value::Weights(weights) => Ok(Rc::clone(weights)),
            Value::Constant(_) => Err(self.refuse_quantization(
                node,
                "its weights are float".to_owned(),
                "quantize the weights of every layer",
            )),
            _ if node.op == "Conv" => Err(self.computed_weights(node)),
            _ => Err(self.refuse(
                node,
                "it multiplies two matrices that are computed while the model runs".to_owned(),
                "use constant weights: attention and the like are not supported",
            )),
        }
    }

    fn computed_weights(&self, node: &RawNode) -> OnnxError {
        let reason = "its weights are computed while the model runs".to_owned();
        self.refuse(node, reason, "use constant weights")
    }

    /// Input `index` of an operator on codes: constant codes whose scales and zero points are the
    /// next two inputs, along `axis` if there are several.
    pub(crate) fn weight_codes(
        &self,
        node: &RawNode,
        index: usize,
        axis: i64,
    ) -> Result<Rc<QuantizedConstant>, OnnxError> {
        match self.value(node, index)? {
            Value::Constant(array) => {
                self.quantized_constant(node, Rc::clone(array), [index + 1, index + 2], Some(axis))
            }
            _ => Err(self.computed_weights(node)),
        }
    }

    /// One scale for each of `channels`.
    pub(crate) fn channel_scales(
        &self,
        node: &RawNode,
        weights: &QuantizedConstant,
        axis: usize,
        channels: usize,
    ) -> Result<Vec<f32>, OnnxError> {
        match weights.axis {
            None => Ok(vec![weights.scales[0]; channels]),
            Some(given) if given == axis => Ok(weights.scales.clone()),
            Some(_) => Err(self.refuse_quantization(
                node,
                "its weights have scales along their input channels".to_owned(),
                "quantize weights per output channel",
            )),
        }
    }

    /// The bias in input `index` as int32 codes of scale `x_scale * scales[c]`; zeros if it is not
    /// given.
    pub(crate) fn bias(
        &self,
        node: &RawNode,
        index: usize,
        x: TensorId,
        scales: &[f32],
    ) -> Result<Vec<i32>, OnnxError> {
        let x_scale = self.draft.format(x).map_or(1.0, |format| format.scale);
        let wanted: Vec<f32> = scales.iter().map(|scale| scale * x_scale).collect();
        if !wanted.iter().all(|&scale| is_scale(scale)) {
            return Err(self.refuse_quantization(
                node,
                "the scales of its input and its weights multiply to no usable number".to_owned(),
                "quantize the model again",
            ));
        }
        let channels = scales.len();
        let wrong = |len: usize| {
            let reason = format!("its bias has {len} values for {channels} output channels");
            self.refuse(node, reason, "give one bias a channel")
        };
        let code = |value: f64, scale: f32| int32(value / f64::from(scale));
        let codes: Option<Vec<i32>> = match self.optional(node, index) {
            None => return Ok(vec![0; channels]),
            Some(Value::Constant(array)) => match &array.data {
                Data::F32(values) if values.len() == channels => values
                    .iter()
                    .zip(&wanted)
                    .map(|(&bias, &scale)| code(bias.into(), scale))
                    .collect(),
                // The codes of QLinearConv are of this very scale.
                Data::I32(values) if values.len() == channels => Some(values.clone()),
                data => return Err(wrong(data.len())),
            },
            Some(Value::Weights(bias)) => {
                let len = bias.codes.data.len();
                if len != channels || (bias.scales.len() != 1 && bias.scales.len() != channels) {
                    return Err(wrong(len));
                }
                (0..channels).map(|channel| requantized(bias, channel, wanted[channel])).collect()
            }
            Some(_) => {
                let reason = "its bias is computed while the model runs".to_owned();
                return Err(self.refuse(node, reason, "use a constant bias"));
            }
        };
        codes.ok_or_else(|| {
            self.refuse_quantization(
                node,
                "its bias is too large for int32 codes or no number".to_owned(),
                "quantize the model again",
            )
        })
    }
}

/// The code of `bias[channel]` at scale `wanted`: unchanged if it has that scale.
fn requantized(bias: &QuantizedConstant, channel: usize, wanted: f32) -> Option<i32> {
    let (code, scale) = bias.centred(channel)?;
    if scale == wanted {
        return i32::try_from(code).ok();
    }
    int32(code as f64 * f64::from(scale) / f64::from(wanted))
}

/// `value` rounded, if it is in range.
fn int32(value: f64) -> Option<i32> {
    let rounded = value.round_ties_even();
    let fits = rounded >= f64::from(i32::MIN) && rounded <= f64::from(i32::MAX);
    fits.then_some(rounded as i32)
}
