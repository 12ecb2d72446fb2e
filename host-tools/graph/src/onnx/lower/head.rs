//! Arithmetic on the float input before it is quantized: normalization as a part of the model.

use super::Lowering;
use super::tables::binary_of;
use super::value::{Real, Source, Value};
use super::view::View;
use super::views::dims_of;
use crate::formula::Binary;
use crate::onnx::error::OnnxError;
use crate::onnx::interface::HeadStep;
use crate::onnx::raw::RawNode;

impl Lowering<'_> {
    /// An operator on the unquantized input and a constant, which becomes a step before the first
    /// QuantizeLinear; `None` if input `map` is something else.
    pub(crate) fn on_input(
        &mut self,
        node: &RawNode,
        map: usize,
        constant: usize,
    ) -> Result<Option<Value>, OnnxError> {
        let Some(real) = self.untouched_input(node, map) else { return Ok(None) };
        let Some(numbers) = self.constant_numbers(node, constant) else { return Ok(None) };
        let Some(operation) = binary_of(node) else { return Ok(None) };
        let dims = dims_of(self.value(node, constant)?);
        let from_end = dims.iter().rev().position(|side| *side != 1).unwrap_or(0);
        let Some(axis) = self.raw.input.dims.len().checked_sub(from_end + 1) else {
            return Ok(None);
        };
        let step = self.head_step(axis, operation, numbers, map == 0);
        Ok(step.map(|step| {
            self.head.push(step);
            Value::Real(real)
        }))
    }

    /// BatchNormalization of the unquantized input: `x * factor + shift`.
    pub(crate) fn normalized_input(
        &mut self,
        node: &RawNode,
        lines: &[(f32, f32)],
    ) -> Option<Value> {
        let real = self.untouched_input(node, 0)?;
        let (factors, shifts) = lines.iter().copied().unzip();
        let scaled = self.head_step(1, Binary::Mul, factors, true)?;
        let shifted = self.head_step(1, Binary::Add, shifts, true)?;
        self.head.extend([scaled, shifted]);
        Some(Value::Real(real))
    }

    /// Input `index` of `node` if it is the model's input, and read by nothing but this chain of operators.
    fn untouched_input(&self, node: &RawNode, index: usize) -> Option<Real> {
        let name = node.inputs.get(index)?.as_deref()?;
        let Value::Real(real) = self.values.get(name)? else { return None };
        let readers = |name: &str| {
            let reads = |reader: &&RawNode| {
                reader.op != "Shape" && reader.inputs.iter().flatten().any(|read| read == name)
            };
            self.raw.nodes.iter().filter(reads).count()
        };
        let is_input = real.source == Source::Input
            && real.clamp.is_none()
            && real.view == View::row_major(&self.raw.input.dims);
        let is_alone = readers(name) == 1 && readers(&self.raw.input.name) == 1;
        (is_input && is_alone).then(|| real.clone())
    }

    /// A step whose numbers are one, or one for each index of `axis`.
    fn head_step(
        &self,
        axis: usize,
        operation: Binary,
        numbers: Vec<f32>,
        map_first: bool,
    ) -> Option<HeadStep> {
        let dims = &self.raw.input.dims;
        let fits = numbers.len() == 1 || dims.get(axis) == Some(&numbers.len());
        let repeats = dims.get(axis + 1..)?.iter().product();
        fits.then_some(HeadStep { operation, numbers, repeats, map_first })
    }
}
