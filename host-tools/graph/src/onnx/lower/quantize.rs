//! QuantizeLinear and DequantizeLinear: the borders between codes and float.

use super::formats::FileFormat;
use super::value::{Clamp, Codes, Pending, Probabilities, Real, Source, Value};
use super::{Lowering, relu};
use crate::graph::TensorId;
use crate::onnx::error::{OnnxError, quoted};
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
        let to = self.format(node, 1, 2)?;
        match self.value(node, 0)?.clone() {
            Value::Real(real) => self.quantize(node, real, to),
            Value::Probabilities(mut probabilities) if !probabilities.codes => {
                probabilities.tail.push(TailStep::Round(to.format));
                if probabilities.tail.len() > MAX_TAIL {
                    let reason = "the softmax is quantized again and again".to_owned();
                    return Err(self.refuse_quantization(node, reason, "quantize it once"));
                }
                Ok(Value::Probabilities(Probabilities { codes: true, ..probabilities }))
            }
            Value::Constant(array) => self.quantize_constant(node, &array, to),
            Value::Codes(_) | Value::Weights(_) | Value::Probabilities(_) => Err(
                self.refuse_quantization(node, "its input is not float".to_owned(), EXPORT_AGAIN)
            ),
        }
    }

    pub(crate) fn dequantize_linear(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &["axis", "block_size", "output_dtype"])?;
        match self.value(node, 0)?.clone() {
            Value::Codes(codes) => {
                let from = self.format(node, 1, 2)?;
                self.agree(node, &codes, from)?;
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

    fn quantize(&mut self, node: &RawNode, real: Real, to: FileFormat) -> Result<Value, OnnxError> {
        let name = self.output_name(node).to_owned();
        let Real { source, view, clamp } = real;
        let tensor = match source {
            Source::Input if clamp.is_none() => {
                let input = self.draft.input();
                self.draft.set_input_format(to.format, &name);
                let codes = Codes { tensor: input, view: view.clone(), unsigned: to.unsigned };
                self.agree(node, &codes, to)?;
                input
            }
            Source::Input => {
                return Err(self.refuse_quantization(
                    node,
                    "the input passes an activation function before it is quantized".to_owned(),
                    "quantize the input first",
                ));
            }
            Source::Tensor(tensor) => self.requantize(node, tensor, clamp, to, name)?,
            Source::Pending(index) => {
                let Some(pending) = self.pending[index].take() else {
                    return Err(self.refuse_quantization(
                        node,
                        "it quantizes a float result that is quantized elsewhere too".to_owned(),
                        "quantize every result once",
                    ));
                };
                self.emit(node, pending, clamp, to, name)?
            }
        };
        Ok(Value::Codes(Codes { tensor, view, unsigned: to.unsigned }))
    }

    /// A dequantized map, quantized again.
    fn requantize(
        &mut self,
        node: &RawNode,
        tensor: TensorId,
        clamp: Clamp,
        to: FileFormat,
        name: String,
    ) -> Result<TensorId, OnnxError> {
        let format = self.draft.format(tensor);
        if format != Some(to.format) {
            return Err(self.refuse_quantization(
                node,
                format!("it changes the scale of {}", quoted(self.draft.name(tensor))),
                "quantize its input and output with one scale and zero point",
            ));
        }
        // Codes come back as they were: (q - z) * s / s differs from q - z by less than a half.
        let op = match self.activation(node, &clamp, to)? {
            Some(op) => op,
            // A Relu of its own stays one, though it changes no code.
            None if clamp.limits == Clamp::RELU => Op::Relu,
            None => return Ok(tensor),
        };
        self.bind_input_if_open(tensor);
        let shape = self.draft.shape(tensor).unwrap_or(Shape::new(0, 0, 0));
        Ok(self.draft.emit((clamp.node, op, vec![tensor]), (name, shape, to.format)))
    }

    /// Makes a pending operation a node, and a node of the activation function that is not the
    /// clamp at the ends of the codes.
    fn emit(
        &mut self,
        quantizer: &RawNode,
        pending: Pending,
        clamp: Clamp,
        to: FileFormat,
        name: String,
    ) -> Result<TensorId, OnnxError> {
        let Pending { node, op, inputs, shape } = pending;
        let Some(activation) = self.activation(quantizer, &clamp, to)? else {
            return Ok(self.draft.emit((node, op, inputs), (name, shape, to.format)));
        };
        let before = (format!("{name}_before_activation"), shape, to.format);
        let tensor = self.draft.emit((node, op, inputs), before);
        Ok(self.draft.emit((clamp.node, activation, vec![tensor]), (name, shape, to.format)))
    }

    /// The operation on codes that `clamp` is; none if the ends of the codes clamp already.
    fn activation(
        &self,
        node: &RawNode,
        clamp: &Clamp,
        to: FileFormat,
    ) -> Result<Option<Op<Int8Weights>>, OnnxError> {
        match relu::codes_range(clamp, to.format) {
            [-128, 127] => Ok(None),
            [min, 127] if min == to.format.zero_point => Ok(Some(Op::Relu)),
            _ => Err(self.refuse_quantization(
                node,
                "the activation function before it clamps inside the range of its codes".to_owned(),
                "calibrate the model so that the range ends where the function does",
            )),
        }
    }

    /// Float constants, quantized now.
    fn quantize_constant(
        &mut self,
        node: &RawNode,
        array: &Array,
        to: FileFormat,
    ) -> Result<Value, OnnxError> {
        let Data::F32(values) = &array.data else {
            let reason = "it quantizes integers".to_owned();
            return Err(self.refuse_quantization(node, reason, EXPORT_AGAIN));
        };
        self.spend(node, values.len())?;
        let codes: Vec<i8> = values.iter().map(|&value| quantize(value, to.format)).collect();
        let data = if to.unsigned {
            Data::U8(codes.into_iter().map(|code| code.cast_unsigned() ^ 0x80).collect())
        } else {
            Data::I8(codes)
        };
        Ok(Value::Constant(Rc::new(Array { dims: array.dims.clone(), data })))
    }
}
