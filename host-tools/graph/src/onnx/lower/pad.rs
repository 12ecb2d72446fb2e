//! Pad: a border of one value, of which a convolution after it makes its own padding.

use super::Lowering;
use super::formats::normalized;
use super::layout::Layout;
use super::operands::Operand;
use super::precision::Precision;
use super::value::Value;
use crate::codes_op::Axis;
use crate::graph::Quantization;
use crate::onnx::error::OnnxError;
use crate::onnx::interface::{quantize, recode};
use crate::onnx::raw::{Data, RawNode};
use crate::op::FloatWeights;
use thumbnet_kernels::geometry::{Padding, Shape};

impl<P: Precision> Lowering<'_, P> {
    pub(crate) fn pad(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        let file = &self.raw.file;
        node.only(file, &["mode", "pads", "paddings", "value"])?;
        if node.text(file, "mode")?.unwrap_or("constant") != "constant" {
            let reason = "it repeats or mirrors the edges of its input".to_owned();
            return Err(self.refuse(node, reason, "pad with a constant"));
        }
        let mut operand = P::copy_operand(self, node)?;
        let layout = self.laid_out(node, &mut operand)?;
        let (padding, channels) = self.padding(node, layout, operand.view.dims().len())?;
        let Some(format) = self.draft.format(operand.tensor) else {
            let reason = "it works on codes whose scale is not known yet".to_owned();
            return Err(self.refuse_quantization(node, reason, "quantize the model's input"));
        };
        let name = self.output_name(node).to_owned();
        if padding != Padding::NONE || channels == [0, 0] {
            let op = P::border(self, node, operand.tensor, padding)?;
            let input = self.draft.shape(operand.tensor).unwrap_or(Shape::new(0, 0, 0));
            let made = self.output_shape(node, &op, &[input])?;
            let parts = (node.name.clone(), op, vec![operand.tensor]);
            let tensor = self.draft.emit(parts, (name.clone(), made, format));
            operand = Operand { tensor, view: layout.view(made) };
        }
        if channels != [0, 0] {
            operand = self.with_channels(node, operand, layout, channels)?;
        }
        self.copy_of(node, operand)
    }

    /// `operand` between channels of the border's value.
    fn with_channels(
        &mut self,
        node: &RawNode,
        operand: Operand,
        layout: Layout,
        channels: [usize; 2],
    ) -> Result<Operand, OnnxError> {
        let name = self.output_name(node).to_owned();
        let shape = self.draft.shape(operand.tensor).unwrap_or(Shape::new(0, 0, 0));
        let mut parts = Vec::new();
        for (place, count) in channels.into_iter().enumerate() {
            if place == 1 {
                parts.push(operand.clone());
            }
            if count > 0 {
                let made = Shape::new(shape.h, shape.w, count);
                let name = format!("{name}_part{place}");
                let tensor = P::filled(self, node, operand.tensor, made, name)?;
                parts.push(Operand { tensor, view: layout.view(made) });
            }
        }
        let Some(format) = self.draft.format(operand.tensor) else { return Ok(operand) };
        let axis = layout.channels() as i64;
        let (tensor, view) = self.join(node, parts, axis, (node.name.clone(), name, format))?;
        Ok(Operand { tensor, view })
    }

    /// Rows and columns to add, and channels before and after.
    fn padding(
        &self,
        node: &RawNode,
        layout: Layout,
        rank: usize,
    ) -> Result<(Padding, [usize; 2]), OnnxError> {
        let file = &self.raw.file;
        let refuse = |reason: &str| {
            self.refuse(
                node,
                reason.to_owned(),
                "pad rows, columns and channels, by constants from 0 up",
            )
        };
        let attribute = node.ints(file, "pads")?.or(node.ints(file, "paddings")?);
        let pads = match attribute {
            Some(pads) => pads.to_vec(),
            None => match self.value(node, 1)? {
                Value::Constant(array) => array.data.integers().unwrap_or_default(),
                _ => return Err(refuse("its padding is computed while the model runs")),
            },
        };
        let axes: Vec<i64> = match self.optional(node, 3) {
            Some(_) => self.integers(node, 3)?,
            None => (0..rank as i64).collect(),
        };
        if pads.len() != 2 * axes.len() {
            return Err(refuse("its padding has another length than its input has axes"));
        }
        let (mut padding, mut channels) = (Padding::NONE, [0, 0]);
        let (before, after) = pads.split_at(axes.len());
        for ((axis, before), after) in axes.iter().zip(before).zip(after) {
            if [*before, *after] == [0, 0] {
                continue;
            }
            let place = normalized(*axis, rank).and_then(|axis| layout.axis(axis));
            let sides = [*before, *after].map(|side| usize::try_from(side).ok());
            match (place, sides) {
                (Some(Axis::Rows), [Some(top), Some(bottom)]) => {
                    padding = Padding { top, bottom, ..padding };
                }
                (Some(Axis::Columns), [Some(left), Some(right)]) => {
                    padding = Padding { left, right, ..padding };
                }
                (Some(Axis::Channels), [Some(before), Some(after)]) => channels = [before, after],
                _ => return Err(refuse("it pads the batch, or cuts")),
            }
        }
        Ok((padding, channels))
    }
}

impl Lowering<'_, FloatWeights> {
    /// The number of the border.
    pub(crate) fn pad_number(&self, node: &RawNode) -> Result<f32, OnnxError> {
        let odd = || {
            let reason = "its value is not one finite constant".to_owned();
            self.refuse(node, reason, "pad with a constant")
        };
        match self.optional(node, 2) {
            None => node.float(&self.raw.file, "value", 0.0),
            Some(Value::Constant(array)) => match &array.data {
                Data::F32(values) if values.len() == 1 && values[0].is_finite() => Ok(values[0]),
                _ => Err(odd()),
            },
            Some(_) => Err(odd()),
        }
    }
}

impl Lowering<'_> {
    /// The code of the border.
    pub(crate) fn pad_code(&self, node: &RawNode, format: Quantization) -> Result<i8, OnnxError> {
        let unsigned = match self.value(node, 0)? {
            Value::Codes(codes) => Some(codes.unsigned),
            _ => None,
        };
        let given = match self.optional(node, 2) {
            None => None,
            Some(Value::Constant(array)) if array.data.len() == 1 => Some(&array.data),
            Some(Value::Weights(value)) if value.codes.data.len() == 1 && unsigned.is_none() => {
                let (code, scale) = value.centred(0).unwrap_or((0, 0.0));
                return self.exact_code(node, code as f32 * scale, format);
            }
            Some(_) => return Err(self.odd_value(node)),
        };
        match (unsigned, given) {
            // The code 0, whatever it stands for.
            (Some(true), None) => Ok(recode(0)),
            (Some(false), None) => Ok(0),
            (Some(true), Some(Data::U8(value))) => Ok(recode(value[0])),
            (Some(false), Some(Data::I8(value))) => Ok(value[0]),
            (None, None) => {
                let value = node.float(&self.raw.file, "value", 0.0)?;
                self.exact_code(node, value, format)
            }
            (None, Some(Data::F32(value))) => self.exact_code(node, value[0], format),
            _ => Err(self.odd_value(node)),
        }
    }

    /// The code that stands for `value` and for nothing else near it.
    fn exact_code(
        &self,
        node: &RawNode,
        value: f32,
        format: Quantization,
    ) -> Result<i8, OnnxError> {
        let code = quantize(value, format);
        let steps = i16::from(code) - i16::from(format.zero_point);
        if f32::from(steps) * format.scale == value {
            return Ok(code);
        }
        let reason = format!("it pads with {value}, which is no code of its input");
        Err(self.refuse_quantization(node, reason, "pad with 0"))
    }

    fn odd_value(&self, node: &RawNode) -> OnnxError {
        let reason = "its value is not one constant of its input's type".to_owned();
        self.refuse(node, reason, "pad with a constant")
    }
}
