//! QuantizeLinear and DequantizeLinear: the borders between codes and float.

use super::value::{Clamp, Codes, Pending, QuantizedConstant, Real, Source, Value};
use super::{Lowering, relu};
use crate::graph::{Quantization, TensorId};
use crate::onnx::error::{OnnxError, quoted};
use crate::onnx::raw::{Array, Data, RawNode};
use crate::op::{Int8Weights, Op};
use crate::validate::is_scale;
use std::rc::Rc;
use thumbnet_kernels::geometry::Shape;

/// Number format of a map in the file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FileFormat {
    /// In signed codes.
    pub(crate) format: Quantization,
    /// Whether the file's codes are unsigned.
    pub(crate) unsigned: bool,
}

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
            // What follows a softmax does not change the order of the classes.
            Value::Probabilities(codes) => Ok(Value::Probabilities(codes)),
            Value::Constant(array) => self.quantize_constant(node, &array, to),
            Value::Codes(_) | Value::Weights(_) => Err(self.refuse_quantization(
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
                let from = self.format(node, 1, 2)?;
                self.agree(node, &codes, from)?;
                let Codes { tensor, view, .. } = codes;
                Ok(Value::Real(Real { source: Source::Tensor(tensor), view, clamp: Clamp::NONE }))
            }
            Value::Probabilities(codes) => Ok(Value::Probabilities(codes)),
            Value::Constant(array) => {
                let axis = node.int(&self.raw.file, "axis", 1)?;
                self.quantized_constant(node, array, [1, 2], Some(axis)).map(Value::Weights)
            }
            Value::Real(_) | Value::Weights(_) => Err(self.refuse_quantization(
                node,
                "its input is float, not codes".to_owned(),
                EXPORT_AGAIN,
            )),
        }
    }

    /// The scale and zero point in inputs `scale` and `zero_point`, one of each.
    pub(crate) fn format(
        &self,
        node: &RawNode,
        scale: usize,
        zero_point: usize,
    ) -> Result<FileFormat, OnnxError> {
        let scales = self.scales(node, scale)?;
        let &[scale] = scales.as_slice() else {
            return Err(self.refuse_quantization(
                node,
                format!("it gives an activation {} scales", scales.len()),
                "quantize activations per tensor; only weights may have scales per channel",
            ));
        };
        let (zero_point, unsigned) = match self.optional(node, zero_point) {
            None => (-128, true),
            Some(Value::Constant(array)) => match &array.data {
                Data::I8(values) if values.len() == 1 => (values[0], false),
                Data::U8(values) if values.len() == 1 => (recode(values[0]), true),
                data => {
                    let reason =
                        format!("its zero point is {} {} values", data.len(), data.type_name());
                    let rewrite = "quantize activations to int8 or uint8, per tensor";
                    return Err(self.refuse_quantization(node, reason, rewrite));
                }
            },
            Some(_) => return Err(self.computed(node, "zero point")),
        };
        Ok(FileFormat { format: Quantization { scale, zero_point }, unsigned })
    }

    /// The constant scales in input `index`.
    pub(crate) fn scales(&self, node: &RawNode, index: usize) -> Result<Vec<f32>, OnnxError> {
        let Value::Constant(array) = self.value(node, index)? else {
            return Err(self.computed(node, "scale"));
        };
        let Data::F32(scales) = &array.data else {
            let reason = format!("its scale has type {}", array.data.type_name());
            return Err(self.refuse_quantization(node, reason, "use float32 scales"));
        };
        match scales.iter().find(|&&scale| !is_scale(scale)) {
            Some(scale) => Err(self.refuse_quantization(
                node,
                format!("its scale {} is {scale:e}", quoted(self.input_name(node, index))),
                "quantize the model again: a scale must be positive and finite",
            )),
            None => Ok(scales.clone()),
        }
    }

    fn computed(&self, node: &RawNode, what: &str) -> OnnxError {
        self.refuse_quantization(
            node,
            format!("its {what} is computed while the model runs (dynamic quantization)"),
            "use static quantization with calibration pictures (in Python: \
             onnxruntime.quantization.quantize_static)",
        )
    }

    /// The name of input `index`, for messages.
    pub(crate) fn input_name<'n>(&self, node: &'n RawNode, index: usize) -> &'n str {
        node.inputs.get(index).and_then(Option::as_deref).unwrap_or("")
    }

    /// Checks that `node` reads `codes` in the format they were written in.
    pub(crate) fn agree(
        &mut self,
        node: &RawNode,
        codes: &Codes,
        from: FileFormat,
    ) -> Result<(), OnnxError> {
        if codes.unsigned != from.unsigned {
            return Err(self.refuse_quantization(
                node,
                "its zero point has another type than its input".to_owned(),
                "give both int8 or both uint8",
            ));
        }
        if codes.tensor == self.draft.input() {
            let name = self.draft.name(codes.tensor).to_owned();
            self.draft.set_input_format(from.format, &name);
        }
        match self.draft.format(codes.tensor) {
            Some(format) if format == from.format => Ok(()),
            _ => Err(self.refuse_quantization(
                node,
                format!(
                    "it reads {} with scale {} and zero point {}, but it was written with others",
                    quoted(self.draft.name(codes.tensor)),
                    from.format.scale,
                    from.format.zero_point
                ),
                "give a tensor one scale and zero point",
            )),
        }
    }

    /// Constant codes with the scales and zero points in `inputs`, several along `axis` if it is given.
    pub(crate) fn quantized_constant(
        &self,
        node: &RawNode,
        codes: Rc<Array>,
        inputs: [usize; 2],
        axis: Option<i64>,
    ) -> Result<Rc<QuantizedConstant>, OnnxError> {
        let scales = self.scales(node, inputs[0])?;
        if matches!(codes.data, Data::F32(_) | Data::I64(_)) {
            let reason = format!("it dequantizes {} values", codes.data.type_name());
            return Err(self.refuse_quantization(node, reason, "store int8 or int32 codes"));
        }
        if codes.data.len() == 0 {
            let reason = "its weights are empty".to_owned();
            return Err(self.refuse_quantization(node, reason, "export the model again"));
        }
        let rank = codes.dims.len();
        let axis = axis.and_then(|axis| normalized(axis, rank)).filter(|_| scales.len() > 1);
        let expected = axis.map_or(1, |axis| codes.dims[axis]);
        let zero_points = self.zero_points(node, inputs[1], &codes.data, scales.len())?;
        if scales.len() != expected || zero_points.len() != expected {
            return Err(self.refuse_quantization(
                node,
                format!(
                    "it has {} scales and {} zero points for weights of shape {:?}",
                    scales.len(),
                    zero_points.len(),
                    codes.dims
                ),
                "give one of each, or one for each channel along its axis",
            ));
        }
        Ok(Rc::new(QuantizedConstant { codes, scales, zero_points, axis }))
    }

    /// The zero points of constant codes `data`: of their type; zeros if not given.
    fn zero_points(
        &self,
        node: &RawNode,
        index: usize,
        data: &Data,
        count: usize,
    ) -> Result<Vec<i64>, OnnxError> {
        match self.optional(node, index) {
            None => Ok(vec![0; count]),
            Some(Value::Constant(array)) if array.data.type_name() == data.type_name() => {
                Ok(array.data.integers().unwrap_or_default())
            }
            Some(Value::Constant(array)) => Err(self.refuse_quantization(
                node,
                format!(
                    "its zero point is {}, its weights are {}",
                    array.data.type_name(),
                    data.type_name()
                ),
                "give both the same type",
            )),
            Some(_) => Err(self.computed(node, "zero point")),
        }
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

    /// Makes a pending operation a node, and a node of the activation function that is not the clamp at the
    /// ends of the codes.
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
        let codes: Vec<i8> = values.iter().map(|&value| code_of(value, to.format)).collect();
        let data = if to.unsigned {
            Data::U8(codes.into_iter().map(|code| code.cast_unsigned() ^ 0x80).collect())
        } else {
            Data::I8(codes)
        };
        Ok(Value::Constant(Rc::new(Array { dims: array.dims.clone(), data })))
    }
}

/// The code of a real number, as QuantizeLinear computes it.
pub(crate) fn code_of(value: f32, format: Quantization) -> i8 {
    let steps = (value / format.scale).round_ties_even();
    // A cast saturates, and NaN becomes 0: no value leaves the range.
    (steps + f32::from(format.zero_point)) as i8
}

/// The signed code of an unsigned one: 128 below.
fn recode(code: u8) -> i8 {
    (code ^ 0x80).cast_signed()
}

/// An axis counted from the front; `None` if there is no such axis.
pub(crate) fn normalized(axis: i64, rank: usize) -> Option<usize> {
    let from_end = axis.checked_add(i64::try_from(rank).ok()?)?;
    let axis = if axis < 0 { from_end } else { axis };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}
