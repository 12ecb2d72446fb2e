//! Activation functions of one element: which operator is which function.

use super::Lowering;
use super::operands::Operand;
use super::precision::Precision;
use super::value::{Codes, Value};
use crate::formula::Unary;
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawNode;

impl<P: Precision> Lowering<'_, P> {
    /// The function that an operator with one input is; `None` if it is no such operator.
    pub(crate) fn function_of(&self, node: &RawNode) -> Result<Option<Unary>, OnnxError> {
        let file = &self.raw.file;
        let known: &[&str] = match node.op.as_str() {
            "HardSigmoid" => &["alpha", "beta"],
            "LeakyRelu" | "ThresholdedRelu" | "Elu" | "Celu" => &["alpha"],
            "Selu" => &["alpha", "gamma"],
            "Gelu" => &["approximate"],
            _ => &[],
        };
        let alpha = |default: f32| node.float(file, "alpha", default);
        let function = match node.op.as_str() {
            "Sigmoid" => Unary::Sigmoid,
            "Tanh" => Unary::Tanh,
            "Softplus" => Unary::Softplus,
            "Softsign" => Unary::Softsign,
            "Mish" => Unary::Mish,
            "Erf" => Unary::Erf,
            "Exp" => Unary::Exp,
            "Sqrt" => Unary::Sqrt,
            "Abs" => Unary::Abs,
            "Neg" => Unary::Neg,
            "Reciprocal" => Unary::Reciprocal,
            "HardSwish" => Unary::HardSwish,
            "HardSigmoid" => {
                Unary::HardSigmoid { alpha: alpha(0.2)?, beta: node.float(file, "beta", 0.5)? }
            }
            "LeakyRelu" => Unary::LeakyRelu { alpha: alpha(0.01)? },
            "ThresholdedRelu" => Unary::ThresholdedRelu { alpha: alpha(1.0)? },
            "Elu" => Unary::Elu { alpha: alpha(1.0)? },
            "Celu" => Unary::Celu { alpha: alpha(1.0)? },
            "Selu" => Unary::Selu {
                alpha: alpha(1.673_263_2)?,
                gamma: node.float(file, "gamma", 1.050_701)?,
            },
            "Gelu" => Unary::Gelu { approximate: node.text(file, "approximate")? == Some("tanh") },
            _ => return Ok(None),
        };
        node.only(file, known)?;
        Ok(Some(function))
    }
}

impl Lowering<'_> {
    /// An operator on each element of one map.
    pub(crate) fn function(&mut self, node: &RawNode) -> Result<Option<Value>, OnnxError> {
        let Some(function) = self.function_of(node)? else { return Ok(None) };
        self.mapped(node, 0, function).map(Some)
    }

    /// com.microsoft QLinearSigmoid and QLinearLeakyRelu: the function between DequantizeLinear and
    /// QuantizeLinear.
    pub(crate) fn qlinear_function(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        let (Operand { tensor, view }, _) = self.codes_operand(node, 0)?;
        let to = self.format(node, 3, 4)?;
        let table = self.identity(node, tensor)?;
        let function = if node.op == "QLinearSigmoid" {
            node.only(&self.raw.file, &[])?;
            Unary::Sigmoid
        } else {
            node.only(&self.raw.file, &["alpha"])?;
            Unary::LeakyRelu { alpha: node.float(&self.raw.file, "alpha", 0.01)? }
        };
        let name = self.output_name(node).to_owned();
        let tensor = self.emit_table(node, &table.then(function, &node.name), to.format, name)?;
        Ok(Value::Codes(Codes { tensor, view, unsigned: to.unsigned }))
    }
}
