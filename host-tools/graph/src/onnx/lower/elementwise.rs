//! Float models: element-wise operators, and chains of them that are one function of one map.
//!
//! `x * Sigmoid(x)` reads `x` twice: as two operators it is a map combined with another, as one function it is
//! an activation. So where two maps are combined, what made them is followed back through element-wise
//! operators; if that ends in one map, both and their combination become one function of it.

use super::Lowering;
use super::combine::{Pair, function_of_maps};
use super::operands::Operand;
use super::tables::binary_of;
use super::value::Value;
use crate::formula::{Binary, Formula, Unary};
use crate::graph::TensorId;
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawNode;
use crate::op::{Conv2d, FloatWeights, Op};
use crate::real_op::RealOp;
use thumbnet_kernels::geometry::Window;

/// Most operators that are followed back from where two maps meet.
const LONGEST_CHAIN: usize = 8;

impl Lowering<'_, FloatWeights> {
    /// An operator on each element of one map.
    pub(crate) fn real_function(&mut self, node: &RawNode) -> Result<Option<Value>, OnnxError> {
        let Some(function) = self.function_of(node)? else { return Ok(None) };
        let operand = self.real_operand(node, 0)?;
        let formula = Formula::unary(function, Formula::Element);
        self.emit_function(node, operand, formula).map(Some)
    }

    /// Makes a function of a map a node.
    pub(crate) fn emit_function(
        &mut self,
        node: &RawNode,
        operand: Operand,
        formula: Formula,
    ) -> Result<Value, OnnxError> {
        let (shape, view) = self.as_anything(node, &operand)?;
        self.emit(node, Op::Real(RealOp::Function(formula)), vec![(operand, shape)], Some(view))
    }

    /// Add, Sub, Mul, Div, Min, Max, Pow and PRelu.
    pub(crate) fn real_elementwise(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &[])?;
        if node.inputs.len() != 2 {
            let reason = format!("it has {} inputs", node.inputs.len());
            return Err(self.refuse(node, reason, "combine two maps at a time"));
        }
        let operation = binary_of(node).unwrap_or(Binary::Add);
        for (map, constant) in [(0, 1), (1, 0)] {
            if let Value::Constant(_) = self.value(node, constant)? {
                return match operation {
                    Binary::Add | Binary::Sub | Binary::Mul => self.scaled_by_constant(node),
                    Binary::Div if map == 0 => self.scaled_by_constant(node),
                    _ => self.function_with_constant(node, operation, [map, constant]),
                };
            }
        }
        let lhs = self.real_operand(node, 0)?;
        let rhs = self.real_operand(node, 1)?;
        if let Some(value) = self.of_common_map(node, operation, [&lhs, &rhs])? {
            return Ok(value);
        }
        let Some(function) = function_of_maps(node) else {
            return Err(self.refuse(
                node,
                "it combines two different maps".to_owned(),
                "add, subtract or multiply maps; anything else with constants only",
            ));
        };
        if operation == Binary::Add && self.same_layout(&lhs, &rhs).is_some() {
            return self.add(node);
        }
        let Pair { lhs, rhs, view } = self.pair(node, lhs, rhs, operation != Binary::Sub)?;
        let op = Op::Real(RealOp::Combine(function));
        self.emit(node, op, vec![lhs, rhs], Some(view))
    }

    /// An operator on input `map` and the constant input, one number or one for each channel.
    fn function_with_constant(
        &mut self,
        node: &RawNode,
        operation: Binary,
        [map, constant]: [usize; 2],
    ) -> Result<Value, OnnxError> {
        let operand = self.real_operand(node, map)?;
        let view = operand.view.clone();
        let numbers = self.channel_numbers(node, constant, operand.tensor, &view)?;
        self.spend(node, numbers.len())?;
        let limits = match (operation, numbers.as_slice()) {
            (Binary::Max, &[low]) => Some([low, f32::INFINITY]),
            (Binary::Min, &[high]) => Some([f32::NEG_INFINITY, high]),
            _ => None,
        };
        if let Some(limits) = limits {
            return self.clamped_operand(node, operand, limits);
        }
        let (x, number) = (Formula::Element, Formula::numbers(numbers));
        let (left, right) = if map == 0 { (x, number) } else { (number, x) };
        self.emit_function(node, operand, Formula::binary(operation, left, right))
    }

    /// Every value of a map below or above the limits set to them.
    pub(crate) fn clamped_operand(
        &mut self,
        node: &RawNode,
        operand: Operand,
        limits: [f32; 2],
    ) -> Result<Value, OnnxError> {
        if !(limits[0] <= 0.0 && limits[1] > 0.0) {
            let formula = Formula::unary(Unary::Clip(limits), Formula::Element);
            return self.emit_function(node, operand, formula);
        }
        let op = if limits == [0.0, f32::INFINITY] { Op::Relu } else { Op::Clip(limits) };
        let (shape, view) = self.as_anything(node, &operand)?;
        self.emit(node, op, vec![(operand, shape)], Some(view))
    }

    /// `operation` on two functions of one map, if that is what its operands are.
    fn of_common_map(
        &mut self,
        node: &RawNode,
        operation: Binary,
        [lhs, rhs]: [&Operand; 2],
    ) -> Result<Option<Value>, OnnxError> {
        self.bind_input_if_open(lhs.tensor);
        self.bind_input_if_open(rhs.tensor);
        let Some((shape, view)) = self.same_layout(lhs, rhs) else { return Ok(None) };
        let (left, right) = (self.formulas(lhs.tensor), self.formulas(rhs.tensor));
        let common = left.iter().find_map(|(tensor, left)| {
            let (_, right) = right.iter().find(|(other, _)| other == tensor)?;
            Some((*tensor, Formula::binary(operation, left.clone(), right.clone())))
        });
        // Twice a map is an Add as any other; and a table for each channel costs more than a layer.
        let plain = lhs.tensor == rhs.tensor && operation == Binary::Add;
        let Some((tensor, formula)) =
            common.filter(|(_, formula)| !plain && formula.channels() == Ok(1))
        else {
            return Ok(None);
        };
        let op = Op::Real(RealOp::Function(formula));
        let operand = Operand { tensor, view: view.clone() };
        self.emit(node, op, vec![(operand, shape)], Some(view)).map(Some)
    }

    /// The maps of which `tensor` is an element-wise function, itself first, and which function.
    fn formulas(&self, tensor: TensorId) -> Vec<(TensorId, Formula)> {
        let mut all = vec![(tensor, Formula::Element)];
        while let Some((tensor, formula)) = all.last().filter(|_| all.len() <= LONGEST_CHAIN) {
            let Some(maker) = self.draft.maker(*tensor) else { break };
            let Some(inner) = elementwise(&maker.op) else { break };
            let whole = formula.after(&inner);
            if whole.channels() != Ok(1) {
                break;
            }
            all.push((maker.inputs[0], whole));
        }
        all
    }

    /// Concat of maps.
    pub(crate) fn joined_maps(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &["axis"])?;
        let axis = node.int(&self.raw.file, "axis", 1)?;
        self.check_join(node, node.inputs.len())?;
        let operands = (0..node.inputs.len())
            .map(|index| self.real_operand(node, index))
            .collect::<Result<_, _>>()?;
        let made = (node.name.clone(), self.output_name(node).to_owned(), ());
        let (tensor, view) = self.join(node, operands, axis, made)?;
        Ok(super::float::map(tensor, view))
    }
}

/// The function that an operation is, if it is one of each element alone.
fn elementwise(op: &Op<FloatWeights>) -> Option<Formula> {
    match op {
        Op::Relu => Some(Formula::unary(Unary::Clip([0.0, f32::INFINITY]), Formula::Element)),
        Op::Clip(limits) => Some(Formula::unary(Unary::Clip(*limits), Formula::Element)),
        Op::Real(RealOp::Function(formula)) => Some(formula.clone()),
        Op::Conv2d(Conv2d { window, groups, weights }) => {
            let FloatWeights { values, bias } = weights;
            let channels = bias.len();
            let affine = *window == Window::UNIT && *groups == channels && values.len() == channels;
            let uniform = |numbers: &[f32]| numbers.iter().all(|number| *number == numbers[0]);
            (affine && uniform(values) && uniform(bias))
                .then(|| Formula::Element.affine(vec![values[0]], vec![bias[0]]))
        }
        _ => None,
    }
}
