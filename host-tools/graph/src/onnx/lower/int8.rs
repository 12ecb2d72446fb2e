//! Int8 models: float operators work on dequantized maps, and their results wait for a
//! QuantizeLinear.

use super::Lowering;
use super::copies::padded;
use super::operands::Operand;
use super::precision::{LayerConstants, Precision};
use super::value::{QuantizedConstant, Value};
use crate::codes_op::{Axis, CodesOp, ENTRIES, Lookup};
use crate::graph::{Quantization, TensorId};
use crate::onnx::error::OnnxError;
use crate::onnx::raw::{Domain, RawNode};
use crate::op::{Int8Weights, Op};
use crate::shape::checked_len;
use std::rc::Rc;
use thumbnet_kernels::geometry::{Padding, Shape};
use thumbnet_kernels::portable::{Loop, Rearrange};

impl Precision for Int8Weights {
    type Format = Quantization;
    type Constant = QuantizedConstant;

    fn operator(lowering: &mut Lowering<'_>, node: &RawNode) -> Result<Vec<Value>, OnnxError> {
        if node.op == "Split" && node.domain == Domain::Standard {
            return lowering.split(node);
        }
        lowering.operator(node).map(|value| vec![value])
    }

    fn operand(
        lowering: &mut Lowering<'_>,
        node: &RawNode,
        index: usize,
    ) -> Result<Operand, OnnxError> {
        lowering.dequantized_operand(node, index)
    }

    fn copy_operand(lowering: &mut Lowering<'_>, node: &RawNode) -> Result<Operand, OnnxError> {
        lowering.codes_to_copy(node)
    }

    fn rearrange(made: Shape, copy: Rearrange) -> Op<Self> {
        Op::Codes(CodesOp::Rearrange(made, copy))
    }

    fn concat(axis: Axis) -> Op<Self> {
        Op::Codes(CodesOp::Concat(axis))
    }

    fn border(
        lowering: &Lowering<'_>,
        node: &RawNode,
        tensor: TensorId,
        padding: Padding,
    ) -> Result<Op<Self>, OnnxError> {
        let Some(format) = lowering.draft.format(tensor) else {
            let reason = "it works on codes whose scale is not known yet".to_owned();
            return Err(lowering.refuse_quantization(node, reason, "quantize the model's input"));
        };
        Ok(Op::Codes(CodesOp::Pad(padding, lowering.pad_code(node, format)?)))
    }

    fn filled(
        lowering: &mut Lowering<'_>,
        node: &RawNode,
        tensor: TensorId,
        made: Shape,
        name: String,
    ) -> Result<TensorId, OnnxError> {
        let Some(format) = lowering.draft.format(tensor) else {
            let reason = "it works on codes whose scale is not known yet".to_owned();
            return Err(lowering.refuse_quantization(node, reason, "quantize the model's input"));
        };
        let code = lowering.pad_code(node, format)?;
        // Codes of the map, repeated to the shape; then every code becomes the border's.
        let once = checked_len(made).map(|count| Loop { count, stride: 0 });
        let Some(loops) = padded(once.into_iter()) else {
            let reason = "it pads more than any memory holds".to_owned();
            return Err(lowering.refuse(
                node,
                reason,
                "export the model with the sizes it is used with",
            ));
        };
        let op = Self::rearrange(made, Rearrange { start: 0, loops });
        let input = lowering.draft.shape(tensor).unwrap_or(Shape::new(0, 0, 0));
        let made = lowering.output_shape(node, &op, &[input])?;
        let node_name = node.name.clone();
        let copy = (node_name.clone(), op, vec![tensor]);
        let tensor = lowering.draft.emit(copy, (format!("{name}_copy"), made, format));
        let op = Op::Codes(CodesOp::Lookup(Lookup { results: vec![code; ENTRIES], formula: None }));
        Ok(lowering.draft.emit((node_name, op, vec![tensor]), (name, made, format)))
    }

    fn result(
        lowering: &mut Lowering<'_>,
        node: &RawNode,
        op: Op<Self>,
        inputs: Vec<(Operand, Shape)>,
    ) -> Result<Value, OnnxError> {
        lowering.wait_for_quantizer(node, op, inputs)
    }

    fn clamped(
        lowering: &mut Lowering<'_>,
        node: &RawNode,
        limits: [f32; 2],
    ) -> Result<Value, OnnxError> {
        lowering.clamp(node, limits)
    }

    fn add_constant(
        lowering: &mut Lowering<'_>,
        node: &RawNode,
        map: usize,
        constant: usize,
    ) -> Result<Value, OnnxError> {
        lowering.add_bias(node, map, constant)
    }

    fn constant(
        lowering: &Lowering<'_>,
        node: &RawNode,
        index: usize,
    ) -> Result<Rc<QuantizedConstant>, OnnxError> {
        lowering.weights(node, index)
    }

    fn dims(constant: &QuantizedConstant) -> &[usize] {
        &constant.codes.dims
    }

    fn weights(
        lowering: &Lowering<'_>,
        node: &RawNode,
        layer: LayerConstants<'_, Self>,
        positions: impl Iterator<Item = usize>,
    ) -> Result<Self, OnnxError> {
        let LayerConstants { constant, axis, channels, bias, x } = layer;
        let scales = lowering.channel_scales(node, constant, axis, channels)?;
        let scales = lowering.in_units_of(node, x, &constant.codes.dims, scales)?;
        let values = lowering.centred_codes(node, constant, positions)?;
        let bias = match bias {
            Some(index) => lowering.bias(node, index, x, &scales)?,
            None => vec![0; channels],
        };
        Ok(Self { values, bias, scales })
    }
}
