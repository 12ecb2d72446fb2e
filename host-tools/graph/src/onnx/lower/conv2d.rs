//! Conv and QLinearConv.

use super::Lowering;
use super::operands::Operand;
use super::precision::{LayerConstants, Precision};
use super::unquantized::spread;
use super::value::{Clamp, Pending, Real, Source, Value};
use super::view::View;
use super::window;
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawNode;
use crate::op::{Conv2d, Int8Weights, Op};
use crate::shape::checked_len;
use thumbnet_kernels::geometry::Shape;

impl<P: Precision> Lowering<'_, P> {
    pub(crate) fn conv(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        let mut x = self.real_operand(node, 0)?;
        let weights = P::constant(self, node, 1)?;
        let shape = self.as_map(node, &mut x)?;
        let conv = self.convolution(node, (&x, shape), &weights, 2)?;
        self.pend(node, Op::Conv2d(conv), vec![(x, shape)])
    }

    fn convolution(
        &mut self,
        node: &RawNode,
        (x, input): (&Operand, Shape),
        weights: &P::Constant,
        bias: usize,
    ) -> Result<Conv2d<P>, OnnxError> {
        let known = [window::ATTRIBUTES.as_slice(), &["group"]].concat();
        node.only(&self.raw.file, &known)?;
        let &[oc, ic, kh, kw] = P::dims(weights) else {
            let reason = format!("its weights have shape {:?}", P::dims(weights));
            return Err(self.refuse(node, reason, "use two-dimensional convolutions"));
        };
        let groups = usize::try_from(node.int(&self.raw.file, "group", 1)?).unwrap_or(0);
        if ic.checked_mul(groups) != Some(input.c) {
            let reason = format!(
                "it has {groups} groups of {ic} input channels, but its input has {} channels",
                input.c
            );
            return Err(self.refuse(node, reason, "export the model again"));
        }
        let taps = kh * kw;
        let positions = (0..oc).flat_map(|oc| {
            (0..taps).flat_map(move |tap| (0..ic).map(move |ic_at| (oc * ic + ic_at) * taps + tap))
        });
        let layer = LayerConstants {
            constant: weights,
            axis: 0,
            channels: oc,
            bias: Some(bias),
            x: x.tensor,
        };
        let weights = P::weights(self, node, layer, positions)?;
        Ok(Conv2d { window: self.window(node, Some([kh, kw]), input)?, groups, weights })
    }

    /// The shape that `op` makes, of a countable number of elements.
    pub(crate) fn output_shape(
        &self,
        node: &RawNode,
        op: &Op<P>,
        inputs: &[Shape],
    ) -> Result<Shape, OnnxError> {
        let shape = op
            .output_shape(inputs)
            .map_err(|reason| self.refuse(node, reason, "export the model again"))?;
        match checked_len(shape) {
            Some(_) => Ok(shape),
            None => Err(OnnxError::TooLarge {
                file: self.raw.file.clone(),
                reason: format!("{} makes a map too large for any memory", node.place("").node),
                rewrite: "export the model with the sizes it is used with".to_owned(),
            }),
        }
    }
}

impl Lowering<'_> {
    pub(crate) fn qlinear_conv(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        let (mut x, _) = self.codes_operand(node, 0)?;
        let weights = self.weight_codes(node, 3, 0)?;
        let shape = self.as_map(node, &mut x)?;
        let conv = self.convolution(node, (&x, shape), &weights, 8)?;
        self.emit_codes(node, Op::Conv2d(conv), &[x], [6, 7])
    }

    /// A float operator whose result waits for its QuantizeLinear.
    pub(crate) fn wait_for_quantizer(
        &mut self,
        node: &RawNode,
        op: Op<Int8Weights>,
        inputs: Vec<(Operand, Shape)>,
    ) -> Result<Value, OnnxError> {
        let (inputs, shapes) =
            inputs.into_iter().map(|(operand, shape)| (operand.tensor, shape)).unzip();
        let (inputs, shapes) = self.widened(node, &op, inputs, shapes)?;
        let shape = self.output_shape(node, &op, &shapes)?;
        let name = node.name.clone();
        let (behind, made) = (None, Vec::new());
        if let (Op::Conv2d(conv), Some(bias)) = (&op, self.float_bias(node, 2)) {
            let channels = conv.weights.bias.len();
            self.float_biases.insert(self.pending.len(), spread(&bias, channels));
        }
        self.pending.push(Pending { node: name, op, inputs, behind, depth: 0, shape, made });
        let source = Source::Pending(self.pending.len() - 1);
        Ok(Value::Real(Real { source, view: View::nchw(shape), clamp: Clamp::NONE }))
    }

    /// An operator on codes, whose output's scale and zero point are the inputs `format`.
    pub(crate) fn emit_codes(
        &mut self,
        node: &RawNode,
        op: Op<Int8Weights>,
        inputs: &[Operand],
        format: [usize; 2],
    ) -> Result<Value, OnnxError> {
        let to = self.format(node, format[0], format[1])?;
        let shapes = inputs
            .iter()
            .map(|operand| self.draft.shape(operand.tensor))
            .collect::<Option<Vec<Shape>>>()
            .unwrap_or_default();
        let ids = inputs.iter().map(|operand| operand.tensor).collect();
        let (ids, shapes) = self.widened(node, &op, ids, shapes)?;
        let shape = self.output_shape(node, &op, &shapes)?;
        let name = self.output_name(node).to_owned();
        let tensor = self.draft.emit((node.name.clone(), op, ids), (name, shape, to.format));
        Ok(Value::Codes(super::value::Codes {
            tensor,
            view: View::nchw(shape),
            unsigned: to.unsigned,
        }))
    }
}
