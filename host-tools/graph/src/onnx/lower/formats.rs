//! Scales and zero points: what a node says about the codes it reads or makes, and whether all
//! agree.

use super::Lowering;
use super::value::{Codes, QuantizedConstant, Value};
use crate::graph::Quantization;
use crate::onnx::error::{OnnxError, quoted};
use crate::onnx::interface::recode;
use crate::onnx::raw::{Array, Data, RawNode};
use crate::validate::is_scale;
use std::rc::Rc;

/// Number format of a map in the file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FileFormat {
    /// In signed codes.
    pub(crate) format: Quantization,
    /// Whether the file's codes are unsigned.
    pub(crate) unsigned: bool,
}

impl Lowering<'_> {
    /// The scale and zero point in inputs `scale` and `zero_point`, one of each.
    pub(crate) fn format(
        &self,
        node: &RawNode,
        scale: usize,
        zero_point: usize,
    ) -> Result<FileFormat, OnnxError> {
        match self.formats(node, scale, zero_point)? {
            (scales, zero_points, unsigned) if scales.len() == 1 && zero_points.len() == 1 => {
                let format = Quantization { scale: scales[0], zero_point: zero_points[0] };
                Ok(FileFormat { format, unsigned })
            }
            (scales, zero_points, _) => {
                Err(self.refuse_channels(node, scales.len().max(zero_points.len())))
            }
        }
    }

    pub(super) fn refuse_channels(&self, node: &RawNode, count: usize) -> OnnxError {
        self.refuse_quantization(
            node,
            format!("it gives an activation {count} scales"),
            "quantize activations per tensor; only weights, and what depthwise convolutions read, \
             may have scales per channel",
        )
    }

    /// The scales and zero points, in signed codes, in inputs `scale` and `zero_point`, and whether
    /// the file's codes are unsigned.
    pub(crate) fn formats(
        &self,
        node: &RawNode,
        scale: usize,
        zero_point: usize,
    ) -> Result<(Vec<f32>, Vec<i8>, bool), OnnxError> {
        let scales = self.scales(node, scale)?;
        let (zero_points, unsigned) = match self.optional(node, zero_point) {
            None => (vec![-128; scales.len()], true),
            Some(Value::Constant(array)) => match &array.data {
                Data::I8(values) => (values.clone(), false),
                Data::U8(values) => (values.iter().copied().map(recode).collect(), true),
                data => {
                    let reason = format!("its zero point is {}", data.type_name());
                    let rewrite = "quantize to int8 or uint8 (in Python: QuantType.QInt8)";
                    return Err(self.refuse_quantization(node, reason, rewrite));
                }
            },
            Some(_) => return Err(self.computed(node, "zero point")),
        };
        if zero_points.len() != scales.len() {
            let reason =
                format!("it has {} zero points and {} scales", zero_points.len(), scales.len());
            let rewrite = "give one zero point for each scale";
            return Err(self.refuse_quantization(node, reason, rewrite));
        }
        self.spend(node, scales.len())?;
        Ok((scales, zero_points, unsigned))
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
                format!("its scale {} is {scale:?}", quoted(self.input_name(node, index))),
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
        let written = self.draft.format(codes.tensor).unwrap_or(from.format);
        if written == from.format {
            return Ok(());
        }
        Err(self.refuse_quantization(
            node,
            format!(
                "it reads {} with scale {:?} and zero point {}, which has {:?} and {}",
                quoted(self.draft.name(codes.tensor)),
                from.format.scale,
                from.format.zero_point,
                written.scale,
                written.zero_point
            ),
            "give a tensor one scale and zero point",
        ))
    }

    /// Constant codes with the scales and zero points in `inputs`, several along `axis` if it is
    /// given.
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
        self.spend(node, scales.len() + zero_points.len())?;
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
}

/// An axis counted from the front; `None` if there is no such axis.
pub(crate) fn normalized(axis: i64, rank: usize) -> Option<usize> {
    let from_end = axis.checked_add(i64::try_from(rank).ok()?)?;
    let axis = if axis < 0 { from_end } else { axis };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}
