//! com.microsoft QLinearAdd and QLinearMul of a map and constant codes: a table of the 256 codes, or
//! one for each channel, with the operator's own arithmetic.

use super::Lowering;
use super::operands::Operand;
use super::value::{Codes, QuantizedConstant, Value};
use super::view::View;
use crate::codes_op::{ENTRIES, Lookup};
use crate::graph::{Quantization, TensorId};
use crate::onnx::error::OnnxError;
use crate::onnx::interface::recode;
use crate::onnx::raw::{Data, RawNode};
use crate::qlinear::{product_rule, sum_rule};
use thumbnet_kernels::map::map;
use thumbnet_kernels::portable::{self, combine};

impl Lowering<'_> {
    /// The operator on the map in input `map` and the constant codes in input `constant`.
    pub(crate) fn qlinear_with_constant(
        &mut self,
        node: &RawNode,
        map: usize,
        constant: usize,
    ) -> Result<Value, OnnxError> {
        let (Operand { tensor, view }, from) = self.codes_operand(node, map)?;
        let to = self.format(node, 6, 7)?;
        let constant = self.weight_codes(node, constant, 0)?;
        let (numbers, number) = self.constant_codes(node, &constant)?;
        let (numbers, is_last) = self.of_channels(node, tensor, &view, &constant, numbers)?;
        // Where one number meets a row of the map, onnxruntime puts the map first; else the order of
        // the file decides which product of a sum is rounded first.
        let map_first = map == 0 || numbers.len() == 1 || !is_last;
        let formats = [from.format, number];
        let [lhs, rhs] = if map_first { formats } else { [number, from.format] };
        let (rule, rounding) = match node.op.as_str() {
            "QLinearAdd" => sum_rule(lhs, rhs, to.format, from.unsigned),
            _ => product_rule(lhs, rhs, to.format, from.unsigned),
        };
        let layer = portable::Combine { rule, rounding };
        self.spend_table(node, numbers.len().saturating_mul(ENTRIES))?;
        let codes = numbers.iter().flat_map(|&number| results(&layer, number, map_first)).collect();
        let name = self.output_name(node).to_owned();
        let lookup = Lookup { results: codes, formula: None };
        let tensor = self.emit_lookup(node, (tensor, &node.name), lookup, to.format, name)?;
        Ok(Value::Codes(Codes { tensor, view, unsigned: to.unsigned }))
    }

    /// Constant codes as signed ones, and their format.
    fn constant_codes(
        &self,
        node: &RawNode,
        constant: &QuantizedConstant,
    ) -> Result<(Vec<i8>, Quantization), OnnxError> {
        let (codes, zero_point) = match (&constant.codes.data, constant.zero_points.as_slice()) {
            (Data::I8(codes), &[zero_point]) => (codes.clone(), i8::try_from(zero_point).ok()),
            (Data::U8(codes), &[zero_point]) => {
                let zero_point = u8::try_from(zero_point).ok().map(recode);
                (codes.iter().copied().map(recode).collect(), zero_point)
            }
            _ => (Vec::new(), None),
        };
        match zero_point {
            Some(zero_point) => Ok((codes, Quantization { scale: constant.scales[0], zero_point })),
            None => Err(self.refuse_quantization(
                node,
                format!("its constant is {}, or has several scales", constant.type_name()),
                "quantize constants to int8 or uint8 with one scale",
            )),
        }
    }

    /// One code, or one for each channel; and whether they lie along the last axis of the file's map.
    fn of_channels(
        &mut self,
        node: &RawNode,
        tensor: TensorId,
        view: &View,
        constant: &QuantizedConstant,
        codes: Vec<i8>,
    ) -> Result<(Vec<i8>, bool), OnnxError> {
        if codes.len() == 1 {
            self.bind_input_if_open(tensor);
            return Ok((codes, false));
        }
        let dims = &constant.codes.dims;
        let from_end = dims.iter().rev().position(|side| *side != 1).unwrap_or(0);
        let rank = view.dims().len();
        let channels = match rank.checked_sub(from_end + 1) {
            Some(axis) => self.channels_of(node, tensor, view, axis)?,
            None => 0,
        };
        if codes.len() != channels {
            let reason =
                format!("its constant of shape {dims:?} is not one number, or one a channel");
            return Err(self.refuse(
                node,
                reason,
                "combine maps with constants channel by channel",
            ));
        }
        Ok((codes, from_end == 0))
    }
}

/// The results for all codes of the map and one number.
fn results(layer: &portable::Combine, number: i8, map_first: bool) -> Vec<i8> {
    let mut codes: Vec<i8> = (i8::MIN..=i8::MAX).collect();
    let mut numbers = vec![number; ENTRIES];
    let mut results = vec![0; ENTRIES];
    let (codes, numbers) = (map(&mut codes), map(&mut numbers));
    let [lhs, rhs] = if map_first { [codes, numbers] } else { [numbers, codes] };
    combine(layer, lhs, rhs, map(&mut results));
    results
}
