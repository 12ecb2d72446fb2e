//! Weights with a zero point of their own: less it they need nine bits.
//!
//! Such a weight is the sum of two int8 weights. The layer gets every input channel twice, one for
//! each of the two: the same sums, at twice the cost.

use super::Lowering;
use super::value::QuantizedConstant;
use crate::graph::{Quantization, TensorId};
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawNode;
use crate::op::{Conv2d, Int8Weights, Op};
use thumbnet_kernels::geometry::{Shape, Window};

impl Lowering<'_> {
    /// The codes of `weights` less their zero points at `positions`; two for each if some need
    /// nine bits.
    pub(crate) fn centred_codes(
        &self,
        node: &RawNode,
        weights: &QuantizedConstant,
        positions: impl Iterator<Item = usize>,
    ) -> Result<Vec<i8>, OnnxError> {
        self.spend(node, weights.codes.data.len())?;
        let code = |position| {
            let code = weights.centred(position).and_then(|(code, _)| i16::try_from(code).ok());
            code.filter(|code| (2 * i16::from(i8::MIN)..=2 * i16::from(i8::MAX)).contains(code))
        };
        let codes: Option<Vec<i16>> = positions.map(code).collect();
        let codes = codes.ok_or_else(|| {
            let reason =
                format!("its weights are {} codes of more than 8 bits", weights.type_name());
            let rewrite = "quantize weights to int8 (in Python: weight_type=QuantType.QInt8)";
            self.refuse_quantization(node, reason, rewrite)
        })?;
        let narrow: Option<Vec<i8>> = codes.iter().map(|&code| i8::try_from(code).ok()).collect();
        if let Some(narrow) = narrow {
            return Ok(narrow);
        }
        self.spend(node, codes.len())?;
        let halves = |code: i16| {
            let most = code.clamp(i8::MIN.into(), i8::MAX.into());
            [most as i8, (code - most) as i8]
        };
        Ok(codes.into_iter().flat_map(halves).collect())
    }

    /// What `op` reads instead of `inputs`, of `shapes`: if its weights come in pairs, a map with
    /// each channel twice.
    pub(crate) fn widened(
        &mut self,
        node: &RawNode,
        op: &Op<Int8Weights>,
        inputs: Vec<TensorId>,
        shapes: Vec<Shape>,
    ) -> Result<(Vec<TensorId>, Vec<Shape>), OnnxError> {
        let (Op::Conv2d(conv), &[x], &[shape]) = (op, inputs.as_slice(), shapes.as_slice()) else {
            return Ok((inputs, shapes));
        };
        let [rows, columns] = conv.window.kernel;
        let taps = [rows, columns, shape.c / conv.groups.max(1), conv.weights.scales.len()];
        let narrow = taps.into_iter().try_fold(2_usize, usize::checked_mul);
        if narrow != Some(conv.weights.values.len()) {
            return Ok((inputs, shapes));
        }
        let doubled = Shape { c: 2 * shape.c, ..shape };
        if let Some(&known) = self.doubled.get(&x) {
            return Ok((vec![known], vec![doubled]));
        }
        let format = self.draft.format(x);
        let (Some(format), None) = (format, self.draft.channel_scales(x)) else {
            return Err(self.refuse_channels(node, shape.c));
        };
        let tensor = self.double_channels(node, (x, shape), format)?;
        Ok((vec![tensor], vec![doubled]))
    }

    /// A map with each channel of `x` twice, by weights that are exactly 1.
    fn double_channels(
        &mut self,
        node: &RawNode,
        (x, shape): (TensorId, Shape),
        format: Quantization,
    ) -> Result<TensorId, OnnxError> {
        let channels = 2 * shape.c;
        self.spend(node, channels)?;
        let weights = Int8Weights {
            values: vec![1; channels],
            bias: vec![0; channels],
            scales: vec![1.0; channels],
        };
        let op = Op::Conv2d(Conv2d { window: Window::UNIT, groups: shape.c, weights });
        let name = format!("{}_doubled", self.draft.name(x));
        let made = (format!("{}_doubling", node.name), op, vec![x]);
        let tensor = self.draft.emit(made, (name, Shape { c: channels, ..shape }, format));
        self.doubled.insert(x, tensor);
        Ok(tensor)
    }
}
