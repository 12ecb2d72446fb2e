//! Logits that the file leaves in float: some tools quantize everything but the last result. A
//! device needs codes, so a scale is chosen from the last layer's weights.

use super::Lowering;
use super::value::{Clamp, MapCodes, Pending, Real, Source, Value};
use crate::codes_op::CodesOp;
use crate::graph::{Quantization, TensorId};
use crate::onnx::error::OnnxError;
use crate::onnx::interface::FloatLogits;
use crate::onnx::raw::{Data, RawNode};
use crate::op::{Conv2d, Int8Weights, Op};
use crate::validate::is_scale;

impl Lowering<'_> {
    /// Quantizes the model's output if it is the float result of a layer.
    pub(super) fn quantize_output(&mut self) -> Result<(), OnnxError> {
        let name = &self.raw.output;
        match self.raw.nodes.iter().find(|node| node.outputs.contains(name)) {
            Some(maker) => self.quantize_value(maker, name),
            None => Ok(()),
        }
    }

    /// Quantizes what a softmax reads if it is the float result of a layer.
    pub(super) fn quantize_logits(&mut self, softmax: &RawNode) -> Result<(), OnnxError> {
        match softmax.inputs.first() {
            Some(Some(name)) => self.quantize_value(softmax, name),
            _ => Ok(()),
        }
    }

    fn quantize_value(&mut self, node: &RawNode, name: &str) -> Result<(), OnnxError> {
        let Some(Value::Real(real)) = self.values.get(name) else { return Ok(()) };
        let quantized = self.quantized_by_us(node, real.clone())?;
        if let Some(value) = self.values.get_mut(name) {
            *value = Value::Real(quantized);
        }
        Ok(())
    }

    /// `real` as codes, if it is the unquantized result of a layer; else as it is.
    fn quantized_by_us(&mut self, node: &RawNode, real: Real) -> Result<Real, OnnxError> {
        let Source::Pending(index) = real.source else { return Ok(real) };
        let Pending { op, inputs, .. } = &self.pending[index];
        let format = match (op, inputs.first()) {
            (Op::Conv2d(conv), Some(&x)) => self.range_of(conv, x),
            (Op::Codes(CodesOp::Mean(_)), Some(&x)) => self.draft.format(x),
            _ => None,
        };
        let Some(format) = format else { return Ok(real) };
        let codes = MapCodes { format, channel_scales: None };
        let name = self.output_name(node).to_owned();
        let limits = real.clamp.limits;
        let tensor = self.settle(node, index, real.clamp, &codes, name)?;
        let bias = self.float_biases.get(&index).cloned();
        let made = self.pending[index].made.iter().find(|(made, _)| *made == codes);
        self.float_logits = made.map(|&(_, layer)| FloatLogits { layer, bias, limits });
        Ok(Real { source: Source::Tensor(tensor), view: real.view, clamp: Clamp::NONE })
    }

    /// The constant in input `index`, if it is float.
    pub(super) fn float_bias(&self, node: &RawNode, index: usize) -> Option<Vec<f32>> {
        match self.optional(node, index)? {
            Value::Constant(array) => match &array.data {
                Data::F32(values) => Some(values.clone()),
                _ => None,
            },
            _ => None,
        }
    }

    /// Notes that the next pending layer is layer `index` with one more bias.
    pub(super) fn add_float_bias(&mut self, index: usize, more: Option<Vec<f32>>, channels: usize) {
        let sum = match (self.float_biases.get(&index), more) {
            (None, None) => return,
            (None, Some(more)) => spread(&more, channels),
            (Some(bias), None) => bias.clone(),
            (Some(bias), Some(more)) => {
                bias.iter().zip(spread(&more, channels)).map(|(bias, more)| bias + more).collect()
            }
        };
        self.float_biases.insert(self.pending.len(), sum);
    }

    /// A format that holds what `conv` makes of the codes `x`.
    ///
    /// The bounds of a sum of n products are never met by real inputs: its spread grows with the
    /// root of n, its bounds with n. `4 / sqrt(n)` of the way to the bounds is far outside the
    /// values of trained networks (where it is below 1), and keeps four times as many codes for
    /// them at n = 256 as the bounds would.
    fn range_of(&self, conv: &Conv2d<Int8Weights>, x: TensorId) -> Option<Quantization> {
        let Quantization { scale, zero_point } = self.draft.format(x)?;
        let [least, most] = [i8::MIN, i8::MAX]
            .map(|code| f64::from(scale) * f64::from(i32::from(code) - i32::from(zero_point)));
        let Int8Weights { values, bias, scales } = &conv.weights;
        let products = values.len().checked_div(scales.len()).filter(|&products| products > 0)?;
        let part = (4.0 / (products as f64).sqrt()).min(1.0);
        let [mut low, mut high] = [0.0_f64; 2];
        for ((weights, &bias), &weight_scale) in values.chunks(products).zip(bias).zip(scales) {
            let weight_scale = f64::from(weight_scale);
            let sum = |end: &dyn Fn(f64) -> f64| -> f64 {
                weights.iter().map(|&weight| end(f64::from(weight) * weight_scale)).sum()
            };
            let bias = f64::from(bias) * weight_scale * f64::from(scale);
            let ends = |weight: f64| [weight * least, weight * most];
            low = low.min(bias + part * sum(&|weight| ends(weight)[0].min(ends(weight)[1])));
            high = high.max(bias + part * sum(&|weight| ends(weight)[0].max(ends(weight)[1])));
        }
        let scale = ((high - low) / 255.0) as f32;
        let zero_point = (-128.0 - low / f64::from(scale)).round().clamp(-128.0, 127.0) as i8;
        is_scale(scale).then_some(Quantization { scale, zero_point })
    }
}

/// One bias for each channel; a single number is that of all.
pub(super) fn spread(bias: &[f32], channels: usize) -> Vec<f32> {
    if bias.len() == 1 { vec![bias[0]; channels] } else { bias.to_vec() }
}
