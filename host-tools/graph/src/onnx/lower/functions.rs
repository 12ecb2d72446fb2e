//! Activation functions of one element: which operator is which function.

use super::Lowering;
use super::formulas;
use super::operands::Operand;
use super::value::{Codes, Value};
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawNode;

/// A function of one real number.
type Function = Box<dyn Fn(f32) -> f32>;

impl Lowering<'_> {
    /// An operator on each element of one map.
    pub(crate) fn function(&mut self, node: &RawNode) -> Result<Option<Value>, OnnxError> {
        let Some(function) = self.function_of(node)? else { return Ok(None) };
        self.mapped(node, 0, function).map(Some)
    }

    /// The function that an operator with one input is; `None` if it is no such operator.
    fn function_of(&self, node: &RawNode) -> Result<Option<Function>, OnnxError> {
        let file = &self.raw.file;
        let one = |name: &str, default: f32| {
            node.only(file, &[name])?;
            node.float(file, name, default)
        };
        let two = |names: [&str; 2], defaults: [f32; 2]| {
            node.only(file, &names)?;
            Ok::<_, OnnxError>([
                node.float(file, names[0], defaults[0])?,
                node.float(file, names[1], defaults[1])?,
            ])
        };
        let plain = |function: fn(f32) -> f32| {
            node.only(file, &[])?;
            Ok::<_, OnnxError>(Box::new(function) as Function)
        };
        Ok(Some(match node.op.as_str() {
            "Sigmoid" => plain(formulas::sigmoid)?,
            "Tanh" => plain(formulas::tanh)?,
            "Softplus" => plain(formulas::softplus)?,
            "Softsign" => plain(|x| x / (1.0 + x.abs()))?,
            "Mish" => plain(formulas::mish)?,
            "Erf" => plain(formulas::erf)?,
            "Exp" => plain(|x| f64::from(x).exp() as f32)?,
            "Sqrt" => plain(f32::sqrt)?,
            "Abs" => plain(f32::abs)?,
            "Neg" => plain(|x| -x)?,
            "Reciprocal" => plain(|x| 1.0 / x)?,
            "HardSwish" => plain(|x| x * formulas::hard_sigmoid(x, 1.0 / 6.0, 0.5))?,
            "HardSigmoid" => {
                let [alpha, beta] = two(["alpha", "beta"], [0.2, 0.5])?;
                Box::new(move |x| formulas::hard_sigmoid(x, alpha, beta))
            }
            "LeakyRelu" => {
                let alpha = one("alpha", 0.01)?;
                Box::new(move |x| if x >= 0.0 { x } else { alpha * x })
            }
            "ThresholdedRelu" => {
                let alpha = one("alpha", 1.0)?;
                Box::new(move |x| if x > alpha { x } else { 0.0 })
            }
            "Elu" => {
                let alpha = one("alpha", 1.0)?;
                Box::new(move |x| formulas::elu(x, alpha, 1.0))
            }
            "Celu" => {
                let alpha = one("alpha", 1.0)?;
                Box::new(move |x| formulas::elu(x, alpha, alpha))
            }
            "Selu" => {
                let [alpha, gamma] = two(["alpha", "gamma"], [1.673_263_2, 1.050_701])?;
                Box::new(move |x| gamma * formulas::elu(x, alpha, 1.0))
            }
            "Gelu" => {
                node.only(file, &["approximate"])?;
                let approximate = node.text(file, "approximate")? == Some("tanh");
                Box::new(move |x| formulas::gelu(x, approximate))
            }
            _ => return Ok(None),
        }))
    }

    /// com.microsoft QLinearSigmoid and QLinearLeakyRelu: the function between DequantizeLinear and
    /// QuantizeLinear.
    pub(crate) fn qlinear_function(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        let (Operand { tensor, view }, _) = self.codes_operand(node, 0)?;
        let to = self.format(node, 3, 4)?;
        let mut table = self.identity(node, tensor)?;
        let alpha = node.float(&self.raw.file, "alpha", 0.01)?;
        if node.op == "QLinearSigmoid" {
            node.only(&self.raw.file, &[])?;
            table.values.iter_mut().for_each(|value| *value = formulas::sigmoid(*value));
        } else {
            node.only(&self.raw.file, &["alpha"])?;
            let leak = |value: &mut f32| *value *= if *value >= 0.0 { 1.0 } else { alpha };
            table.values.iter_mut().for_each(leak);
        }
        let name = self.output_name(node).to_owned();
        table.node.clone_from(&node.name);
        let tensor = self.emit_table(node, &table, to.format, name)?;
        Ok(Value::Codes(Codes { tensor, view, unsigned: to.unsigned }))
    }
}
