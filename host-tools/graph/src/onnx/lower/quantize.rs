//! QuantizeLinear and DequantizeLinear: the borders between codes and float.

use super::fold::dequantized;
use super::formats::{FileFormat, normalized};
use super::value::{Clamp, Codes, MapCodes, Probabilities, Real, Source, Value};
use super::view::View;
use super::{Lowering, relu};
use crate::codes_op::CodesOp;
use crate::graph::{Quantization, TensorId};
use crate::onnx::error::OnnxError;
use crate::onnx::interface::{TailStep, quantize};
use crate::onnx::raw::{Array, Data, RawNode};
use crate::op::{Int8Weights, Op};
use std::rc::Rc;
use thumbnet_kernels::geometry::Shape;

/// Most steps that may follow the logits.
const MAX_TAIL: usize = 8;

const EXPORT_AGAIN: &str = "quantize the model again";

impl Lowering<'_> {
    pub(crate) fn quantize_linear(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(
            &self.raw.file,
            &["axis", "saturate", "block_size", "output_dtype", "precision"],
        )?;
        match self.value(node, 0)?.clone() {
            Value::Real(real) => self.quantize(node, real),
            Value::Probabilities(mut probabilities) if !probabilities.codes => {
                let to = self.format(node, 1, 2)?;
                probabilities.tail.push(TailStep::Round(to.format));
                if probabilities.tail.len() > MAX_TAIL {
                    let reason = "the softmax is quantized again and again".to_owned();
                    return Err(self.refuse_quantization(node, reason, "quantize it once"));
                }
                Ok(Value::Probabilities(Probabilities { codes: true, ..probabilities }))
            }
            Value::Constant(array) => self.quantize_constant(node, &array),
            Value::Weights(weights) => {
                self.spend(node, weights.codes.data.len())?;
                match dequantized(&weights) {
                    Some(array) => self.quantize_constant(node, &array),
                    None => Err(self.refuse_quantization(
                        node,
                        "its input is not float".to_owned(),
                        EXPORT_AGAIN,
                    )),
                }
            }
            Value::Codes(_) | Value::Probabilities(_) => Err(self.refuse_quantization(
                node,
                "its input is not float".to_owned(),
                EXPORT_AGAIN,
            )),
        }
    }

    pub(crate) fn dequantize_linear(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &["axis", "block_size", "output_dtype"])?;
        match self.value(node, 0)?.clone() {
            Value::Codes(codes) => {
                let (from, unsigned) = self.map_format(node, &codes.view)?;
                self.agree(node, &codes, FileFormat { format: from.format, unsigned })?;
                self.same_channel_scales(node, codes.tensor, &from)?;
                let Codes { tensor, view, .. } = codes;
                Ok(Value::Real(Real { source: Source::Tensor(tensor), view, clamp: Clamp::NONE }))
            }
            Value::Probabilities(probabilities) if probabilities.codes => {
                self.same_round(node, probabilities)
            }
            Value::Constant(array) => {
                let axis = node.int(&self.raw.file, "axis", 1)?;
                self.quantized_constant(node, array, [1, 2], Some(axis)).map(Value::Weights)
            }
            _ => Err(self.refuse_quantization(
                node,
                "its input is float, not codes".to_owned(),
                EXPORT_AGAIN,
            )),
        }
    }

    /// Probabilities read back in the format they were rounded to.
    fn same_round(&self, node: &RawNode, probabilities: Probabilities) -> Result<Value, OnnxError> {
        let from = self.format(node, 1, 2)?;
        if probabilities.tail.last() != Some(&TailStep::Round(from.format)) {
            return Err(self.refuse_quantization(
                node,
                "it reads probabilities with another scale than they were written with".to_owned(),
                "give a tensor one scale and zero point",
            ));
        }
        Ok(Value::Probabilities(Probabilities { codes: false, ..probabilities }))
    }

    fn quantize(&mut self, node: &RawNode, real: Real) -> Result<Value, OnnxError> {
        let name = self.output_name(node).to_owned();
        let (codes, unsigned) = self.map_format(node, &real.view)?;
        let to = FileFormat { format: codes.format, unsigned };
        let Real { source, view, clamp } = real;
        let tensor = match source {
            Source::Input if clamp.is_none() && codes.channel_scales.is_none() => {
                let input = self.draft.input();
                self.draft.set_input_format(to.format, &name);
                let codes = Codes { tensor: input, view: view.clone(), unsigned: to.unsigned };
                self.agree(node, &codes, to)?;
                input
            }
            Source::Input => {
                return Err(self.refuse_quantization(
                    node,
                    "the input passes an activation function before it is quantized, or has scales \
                     per channel"
                        .to_owned(),
                    "quantize the input first, per tensor",
                ));
            }
            Source::Tensor(tensor) => self.requantize(node, tensor, clamp, &codes, name)?,
            Source::Table(_) => {
                let real = Real { source, view: view.clone(), clamp };
                self.quantize_function(node, &real, &codes, name)?
            }
            Source::Join(index) => {
                let (tensor, view) =
                    self.quantize_join(node, (index, &view), clamp, &codes, name)?;
                return Ok(Value::Codes(Codes { tensor, view, unsigned: to.unsigned }));
            }
            Source::Pending(index) => self.settle(node, index, clamp, &codes, name)?,
        };
        Ok(Value::Codes(Codes { tensor, view, unsigned: to.unsigned }))
    }

    /// A function of a dequantized map, quantized.
    pub(crate) fn quantize_function(
        &mut self,
        node: &RawNode,
        real: &Real,
        codes: &MapCodes,
        name: String,
    ) -> Result<TensorId, OnnxError> {
        let table = self.table_of(node, real)?;
        match table.filter(|_| codes.channel_scales.is_none()) {
            Some(table) => self.emit_table(node, &table, codes.format, name),
            None => Err(self.refuse_quantization(
                node,
                "it gives several scales to what is no layer's result".to_owned(),
                "quantize activations per tensor",
            )),
        }
    }

    /// Joined maps, quantized, and the activation function behind them.
    fn quantize_join(
        &mut self,
        node: &RawNode,
        join: (usize, &View),
        clamp: Clamp,
        codes: &MapCodes,
        name: String,
    ) -> Result<(TensorId, View), OnnxError> {
        if codes.channel_scales.is_some() {
            return Err(self.refuse_quantization(
                node,
                "it gives several scales to joined maps".to_owned(),
                "quantize activations per tensor",
            ));
        }
        let (tensor, view) = self.emit_join(node, join, codes.format, name.clone())?;
        let name = format!("{name}_clamped");
        Ok((self.clamp_codes(node, tensor, clamp, codes, name)?, view))
    }

    /// A dequantized map, quantized again.
    pub(crate) fn requantize(
        &mut self,
        node: &RawNode,
        tensor: TensorId,
        clamp: Clamp,
        codes: &MapCodes,
        name: String,
    ) -> Result<TensorId, OnnxError> {
        let format = self.draft.format(tensor);
        let same_scales = self.draft.channel_scales(tensor) == codes.channel_scales.as_ref();
        if format != Some(codes.format) || !same_scales {
            if codes.channel_scales.is_some() && self.draft.channel_scales(tensor).is_none() {
                return self.scale_channels(node, tensor, clamp, codes, name);
            }
            let view = View::row(1, 1);
            let real = Real { source: Source::Tensor(tensor), view, clamp };
            return self.quantize_function(node, &real, codes, name);
        }
        // Codes come back as they were: (q - z) * s / s differs from q - z by less than a half.
        let op = match self.activation(node, &clamp, codes)? {
            Some(op) => op,
            // A Relu of its own stays one, though it changes no code.
            None if clamp.limits == Clamp::RELU => Op::Relu,
            None => return Ok(tensor),
        };
        self.bind_input_if_open(tensor);
        let shape = self.draft.shape(tensor).unwrap_or(Shape::new(0, 0, 0));
        let made = self.draft.emit((clamp.node, op, vec![tensor]), (name, shape, codes.format));
        self.draft.lies_like(made, tensor);
        Ok(made)
    }

    /// The operation on codes that `clamp` is; none if the ends of the codes clamp already.
    pub(crate) fn activation(
        &self,
        node: &RawNode,
        clamp: &Clamp,
        codes: &MapCodes,
    ) -> Result<Option<Op<Int8Weights>>, OnnxError> {
        let zero_point = codes.format.zero_point;
        let range = |scale| relu::codes_range(clamp, Quantization { scale, zero_point });
        let first = codes.channel_scales.as_deref().map_or(codes.format.scale, |all| all[0]);
        let mut channels = codes.channel_scales.as_deref().unwrap_or_default().iter();
        let same = channels.all(|&scale| range(scale) == range(first));
        match range(first) {
            [-128, 127] if same => Ok(None),
            [min, 127] if same && min == zero_point => Ok(Some(Op::Relu)),
            range if same => Ok(Some(Op::Codes(CodesOp::Clip(range)))),
            _ => Err(self.refuse_quantization(
                node,
                "the activation function before it clamps each channel at another code".to_owned(),
                "quantize activations per tensor",
            )),
        }
    }

    /// Float constants, quantized now.
    fn quantize_constant(&mut self, node: &RawNode, array: &Array) -> Result<Value, OnnxError> {
        let Data::F32(values) = &array.data else {
            let reason = "it quantizes integers".to_owned();
            return Err(self.refuse_quantization(node, reason, EXPORT_AGAIN));
        };
        let (scales, zero_points, unsigned) = self.formats(node, 1, 2)?;
        let axis = normalized(node.int(&self.raw.file, "axis", 1)?, array.dims.len());
        let expected = if scales.len() == 1 { Some(1) } else { axis.map(|axis| array.dims[axis]) };
        if expected != Some(scales.len()) || zero_points.len() != scales.len() {
            return Err(self.refuse_quantization(
                node,
                format!("it gives {} scales to a constant of {:?}", scales.len(), array.dims),
                "give one scale, or one for each channel along its axis",
            ));
        }
        self.spend(node, values.len())?;
        let inner: usize = match axis {
            Some(axis) => array.dims[axis + 1..].iter().product::<usize>().max(1),
            None => 1,
        };
        let code = |(position, &value): (usize, &f32)| {
            let index = position / inner % scales.len();
            let format = Quantization { scale: scales[index], zero_point: zero_points[index] };
            quantize(value, format)
        };
        let codes: Vec<i8> = values.iter().enumerate().map(code).collect();
        let data = if unsigned {
            Data::U8(codes.into_iter().map(|code| code.cast_unsigned() ^ 0x80).collect())
        } else {
            Data::I8(codes)
        };
        Ok(Value::Constant(Rc::new(Array { dims: array.dims.clone(), data })))
    }
}
