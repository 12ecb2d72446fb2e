//! Concat: maps one after the other, of one scale or brought to one.

use super::Lowering;
use super::formats::normalized;
use super::layout::Layout;
use super::operands::Operand;
use super::pool::with_row;
use super::precision::Precision;
use super::value::{Clamp, Codes, Real, Source, Value};
use super::view::View;
use crate::graph::{Quantization, TensorId};
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawNode;
use thumbnet_kernels::geometry::Shape;

/// Most inputs of a Concat: more than any network joins, few enough for one kernel call.
const MOST_INPUTS: usize = 64;

/// Float maps that wait for the QuantizeLinear of their concatenation.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    node: String,
    maps: Vec<Real>,
    axis: i64,
    /// How ONNX sees the result, before anything reshapes it.
    view: View,
}

impl Lowering<'_> {
    /// Concat of codes, or of maps in float.
    pub(crate) fn concat(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &["axis"])?;
        let axis = node.int(&self.raw.file, "axis", 1)?;
        self.check_join(node, node.inputs.len())?;
        let values: Vec<Value> = (0..node.inputs.len())
            .map(|index| self.value(node, index).cloned())
            .collect::<Result<_, _>>()?;
        let name = self.output_name(node).to_owned();
        if let Some((operands, unsigned)) = codes_of(&values) {
            let format = self.common_format(node, &operands)?;
            let made = (node.name.clone(), name, format);
            let (tensor, view) = self.join(node, operands, axis, made)?;
            return Ok(Value::Codes(Codes { tensor, view, unsigned }));
        }
        let maps: Option<Vec<Real>> = values.into_iter().map(real_of).collect();
        let Some(maps) = maps else {
            return Err(self.refuse_quantization(
                node,
                "it joins codes with float maps or constants".to_owned(),
                "quantize all that it joins",
            ));
        };
        if let Some((operands, format)) = self.of_one_format(&maps) {
            let made = (node.name.clone(), name, format);
            let (tensor, view) = self.join(node, operands, axis, made)?;
            let source = Source::Tensor(tensor);
            return Ok(Value::Real(Real { source, view, clamp: Clamp::NONE }));
        }
        let dims: Vec<Vec<usize>> = maps.iter().map(|map| map.view.dims()).collect();
        let rank = dims[0].len();
        let joined = normalized(axis, rank).filter(|axis| {
            let rest = |dims: &[usize]| [&dims[..*axis], &dims[axis + 1..]].concat();
            dims.iter().all(|other| other.len() == rank && rest(other) == rest(&dims[0]))
        });
        let Some(joined) = joined else {
            let reason = format!("it joins maps of shapes {dims:?}");
            return Err(self.refuse(node, reason, "join maps of one height and width"));
        };
        let mut made = dims[0].clone();
        made[joined] = dims.iter().fold(0, |sum: usize, dims| sum.saturating_add(dims[joined]));
        let view = View::row_major(&made);
        self.joins.push(Join { node: node.name.clone(), maps, axis, view: view.clone() });
        let source = Source::Join(self.joins.len() - 1);
        Ok(Value::Real(Real { source, view, clamp: Clamp::NONE }))
    }

    /// The tensors that `maps` are, and their format, if they are dequantized codes of one format:
    /// then they are joined as they are, and no QuantizeLinear is needed.
    fn of_one_format(&self, maps: &[Real]) -> Option<(Vec<Operand>, Quantization)> {
        let tensor = |map: &Real| match map.source {
            Source::Tensor(tensor) if !map.is_float() => Some(tensor),
            _ => None,
        };
        let format = self.draft.format(tensor(maps.first()?)?)?;
        let operand = |map: &Real| {
            let tensor = tensor(map)?;
            let same = self.draft.format(tensor) == Some(format)
                && self.draft.channel_scales(tensor).is_none();
            same.then(|| Operand { tensor, view: map.view.clone() })
        };
        let operands = maps.iter().map(operand).collect::<Option<_>>()?;
        Some((operands, format))
    }

    /// Brings the maps of a Concat to one format and joins them there.
    pub(crate) fn emit_join(
        &mut self,
        quantizer: &RawNode,
        (index, view): (usize, &View),
        to: Quantization,
        name: String,
    ) -> Result<(TensorId, View), OnnxError> {
        let join = self.joins[index].clone();
        if join.view != *view {
            return Err(self.refuse_quantization(
                quantizer,
                "it quantizes joined maps that were reshaped or transposed after that".to_owned(),
                "quantize right after the Concat",
            ));
        }
        let mut operands = Vec::with_capacity(join.maps.len());
        for (index, map) in join.maps.iter().enumerate() {
            let Some(table) = self.table_of(quantizer, map)? else {
                return Err(self.refuse_quantization(
                    quantizer,
                    "it quantizes joined results that were not quantized themselves".to_owned(),
                    "quantize each map before it is joined",
                ));
            };
            let tensor = self.emit_table(quantizer, &table, to, format!("{name}_part{index}"))?;
            operands.push(Operand { tensor, view: map.view.clone() });
        }
        self.join(quantizer, operands, join.axis, (join.node, name, to))
    }

    /// com.microsoft QLinearConcat.
    pub(crate) fn qlinear_concat(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &["axis"])?;
        let axis = node.int(&self.raw.file, "axis", 1)?;
        let to = self.format(node, 0, 1)?;
        let count = node.inputs.len().saturating_sub(2) / 3;
        self.check_join(node, count)?;
        let name = self.output_name(node).to_owned();
        let mut operands = Vec::with_capacity(count);
        for part in 0..count {
            let (Operand { tensor, view }, _) = self.codes_operand(node, 2 + 3 * part)?;
            let table = self.identity(node, tensor)?;
            let tensor = self.emit_table(node, &table, to.format, format!("{name}_part{part}"))?;
            operands.push(Operand { tensor, view });
        }
        let made = (node.name.clone(), name, to.format);
        let (tensor, view) = self.join(node, operands, axis, made)?;
        Ok(Value::Codes(Codes { tensor, view, unsigned: to.unsigned }))
    }

    /// The one format of all `operands`.
    fn common_format(
        &self,
        node: &RawNode,
        operands: &[Operand],
    ) -> Result<Quantization, OnnxError> {
        let format = self.draft.format(operands[0].tensor);
        let same = operands.iter().all(|operand| {
            self.draft.format(operand.tensor) == format
                && self.draft.channel_scales(operand.tensor).is_none()
        });
        format.filter(|_| same).ok_or_else(|| {
            let reason = "it joins codes of different scales or zero points".to_owned();
            self.refuse_quantization(node, reason, "join dequantized maps")
        })
    }
}

impl<P: Precision> Lowering<'_, P> {
    pub(crate) fn check_join(&self, node: &RawNode, count: usize) -> Result<(), OnnxError> {
        if (1..=MOST_INPUTS).contains(&count) {
            return Ok(());
        }
        let reason = format!("it joins {count} maps");
        Err(self.refuse(node, reason, "join 1 to 64 maps"))
    }

    /// Joins tensors of one format; `made` are the names of node and tensor, and that format.
    pub(crate) fn join(
        &mut self,
        node: &RawNode,
        mut operands: Vec<Operand>,
        axis: i64,
        made: (String, String, P::Format),
    ) -> Result<(TensorId, View), OnnxError> {
        let rank = operands[0].view.dims().len();
        let axis = normalized(axis, rank).unwrap_or(rank);
        let mut layout = None;
        for operand in &mut operands {
            let found = self.laid_out(node, operand)?;
            if layout.is_some_and(|layout| layout != found) {
                let reason = "it joins maps of different shapes or orders of axes".to_owned();
                return Err(self.refuse(node, reason, "join maps of one height and width"));
            }
            layout = Some(found);
        }
        let layout = layout.unwrap_or(Layout::Vector(rank));
        let Some(axis) = layout.axis(axis) else {
            let reason = "it joins maps along the batch or an axis of one".to_owned();
            return Err(self.refuse(node, reason, "join channels, rows or columns"));
        };
        let shapes: Vec<Shape> = operands
            .iter()
            .map(|operand| self.draft.shape(operand.tensor).unwrap_or(Shape::new(0, 0, 0)))
            .collect();
        let op = P::concat(axis);
        let shape = self.output_shape(node, &op, &shapes)?;
        let inputs = operands.iter().map(|operand| operand.tensor).collect();
        let (node_name, name, format) = made;
        let tensor = self.draft.emit((node_name, op, inputs), (name, shape, format));
        Ok((tensor, layout.view(shape)))
    }

    /// How an operand lies, after it was copied into the order of its axes if need be.
    pub(crate) fn laid_out(
        &mut self,
        node: &RawNode,
        operand: &mut Operand,
    ) -> Result<Layout, OnnxError> {
        let dims = operand.view.dims();
        if self.draft.shape(operand.tensor).is_none()
            && let Some(map) = with_row(&operand.view).filter(|_| !is_vector(&dims))
        {
            self.draft.bind_input_channels_first(&map);
        }
        self.bind_input_if_open(operand.tensor);
        if let (Some(shape), Some(view)) = (
            self.draft.shape(operand.tensor),
            self.draft.memory_view(operand.tensor, &operand.view),
        ) {
            let layouts = [
                Layout::ChannelsFirst,
                Layout::ChannelsLast,
                Layout::Line,
                Layout::LineChannelsLast,
                Layout::Vector(dims.len()),
            ];
            for layout in layouts {
                if layout.holds(shape) && layout.view(shape) == view {
                    return Ok(layout);
                }
            }
        }
        let layout = match *dims.as_slice() {
            [_, _, _, _] => Layout::ChannelsFirst,
            [_, _, _] if !is_vector(&dims) => Layout::Line,
            _ => Layout::Vector(dims.len()),
        };
        *operand = self.copied(node, operand, layout)?;
        Ok(layout)
    }
}

/// Whether all sides but the last are 1.
fn is_vector(dims: &[usize]) -> bool {
    dims.iter().rev().skip(1).all(|&side| side == 1)
}

/// All values as operands, if all are codes of one type.
fn codes_of(values: &[Value]) -> Option<(Vec<Operand>, bool)> {
    let mut signs = Vec::with_capacity(values.len());
    let operands = values
        .iter()
        .map(|value| match value {
            Value::Codes(Codes { tensor, view, unsigned }) => {
                signs.push(*unsigned);
                Some(Operand { tensor: *tensor, view: view.clone() })
            }
            _ => None,
        })
        .collect::<Option<_>>()?;
    let unsigned = *signs.first()?;
    signs.iter().all(|sign| *sign == unsigned).then_some((operands, unsigned))
}

fn real_of(value: Value) -> Option<Real> {
    match value {
        Value::Real(real) => Some(real),
        _ => None,
    }
}
