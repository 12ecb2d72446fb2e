//! A formula as standard operators.

use super::builder::{Builder, float};
use crate::formula::{Binary, Formula, Unary};
use crate::graph::Node;
use crate::onnx::proto::AttributeProto;
use crate::op::Int8Weights;

/// Writes `formula` of the dequantized input of `node` and returns the name of its result.
pub(crate) fn write(
    builder: &mut Builder<'_>,
    node: &Node<Int8Weights>,
    formula: &Formula,
) -> String {
    let element = builder.real(node.inputs[0]);
    let stem = builder.codes(node.output);
    let mut writer = Writer { builder, element, stem };
    writer.value(formula, Some(&node.name))
}

struct Writer<'b, 'a> {
    builder: &'b mut Builder<'a>,
    /// Name of the value that the element is.
    element: String,
    /// What names begin with.
    stem: String,
}

impl Writer<'_, '_> {
    /// The name of the value of `formula`, whose last operator may have a name already.
    fn value(&mut self, formula: &Formula, name: Option<&str>) -> String {
        match formula {
            Formula::Element => self.element.clone(),
            Formula::Numbers(numbers) => {
                let wanted = format!("{}_numbers", self.stem);
                self.builder.floats(&wanted, &[numbers.len(), 1, 1], numbers)
            }
            Formula::Unary(function, of) => match spelled_out(*function, of) {
                Some(formula) => self.value(&formula, name),
                None => self.unary(*function, of, name),
            },
            Formula::Binary(operation, left, right) => {
                let inputs = vec![self.value(left, None), self.value(right, None)];
                self.operator(operation.name(), inputs, Vec::new(), name)
            }
        }
    }

    fn unary(&mut self, function: Unary, of: &Formula, name: Option<&str>) -> String {
        let mut inputs = vec![self.value(of, None)];
        let (op, attributes) = match function {
            Unary::Sigmoid => ("Sigmoid", Vec::new()),
            Unary::Tanh => ("Tanh", Vec::new()),
            Unary::Softplus => ("Softplus", Vec::new()),
            Unary::Softsign => ("Softsign", Vec::new()),
            Unary::Erf => ("Erf", Vec::new()),
            Unary::Exp => ("Exp", Vec::new()),
            Unary::Sqrt => ("Sqrt", Vec::new()),
            Unary::Abs => ("Abs", Vec::new()),
            Unary::Neg => ("Neg", Vec::new()),
            Unary::Reciprocal => ("Reciprocal", Vec::new()),
            Unary::HardSwish => ("HardSwish", Vec::new()),
            Unary::Clip([0.0, f32::INFINITY]) => ("Relu", Vec::new()),
            Unary::Clip(limits) => {
                inputs.extend(self.limits(limits));
                ("Clip", Vec::new())
            }
            Unary::HardSigmoid { alpha, beta } => {
                ("HardSigmoid", vec![float("alpha", alpha), float("beta", beta)])
            }
            Unary::LeakyRelu { alpha } => ("LeakyRelu", vec![float("alpha", alpha)]),
            Unary::ThresholdedRelu { alpha } => ("ThresholdedRelu", vec![float("alpha", alpha)]),
            Unary::Elu { alpha } => ("Elu", vec![float("alpha", alpha)]),
            Unary::Celu { alpha } => ("Celu", vec![float("alpha", alpha)]),
            Unary::Selu { alpha, gamma } => {
                ("Selu", vec![float("alpha", alpha), float("gamma", gamma)])
            }
            Unary::Mish | Unary::Gelu { .. } => unreachable!("they are spelled out"),
        };
        self.operator(op, inputs, attributes, name)
    }

    /// The inputs of a Clip for limits, of which an infinite one is left out.
    fn limits(&mut self, limits: [f32; 2]) -> Vec<String> {
        let named = limits.into_iter().zip(["min", "max"]);
        named
            .map(|(limit, name)| {
                if limit.is_finite() {
                    self.builder.floats(&format!("{}_{name}", self.stem), &[], &[limit])
                } else {
                    String::new()
                }
            })
            .collect()
    }

    fn operator(
        &mut self,
        op: &str,
        inputs: Vec<String>,
        attributes: Vec<AttributeProto>,
        name: Option<&str>,
    ) -> String {
        let wanted = format!("{}_{}", self.stem, op.to_lowercase());
        let output = self.builder.value_name(&wanted);
        let name = match name {
            Some(name) => name.to_owned(),
            None => self.builder.node_name(&wanted),
        };
        self.builder.node(op, name, inputs, output.clone(), attributes);
        output
    }
}

/// The functions of later operator sets than the files', by their definitions.
fn spelled_out(function: Unary, of: &Formula) -> Option<Formula> {
    let number = |number: f32| Formula::Numbers(vec![number]);
    let times = |left, right| Formula::binary(Binary::Mul, left, right);
    let plus = |left, right| Formula::binary(Binary::Add, left, right);
    match function {
        Unary::Mish => {
            let gate = Formula::unary(Unary::Tanh, Formula::unary(Unary::Softplus, of.clone()));
            Some(times(of.clone(), gate))
        }
        Unary::Gelu { approximate } => {
            let inner = if approximate {
                let cube = Formula::binary(Binary::Pow, of.clone(), number(3.0));
                let sum = plus(of.clone(), times(cube, number(0.044_715)));
                let scale = (2.0 / std::f32::consts::PI).sqrt();
                Formula::unary(Unary::Tanh, times(sum, number(scale)))
            } else {
                let scaled = times(of.clone(), number(std::f32::consts::FRAC_1_SQRT_2));
                Formula::unary(Unary::Erf, scaled)
            };
            let gate = times(plus(inner, number(1.0)), number(0.5));
            Some(times(of.clone(), gate))
        }
        _ => None,
    }
}
