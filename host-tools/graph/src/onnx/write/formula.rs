//! A formula as standard operators.

use super::attributes::float;
use super::builder::Builder;
use super::reals::{Format, operator};
use crate::formula::{Binary, Formula, Unary};
use crate::graph::Node;
use crate::onnx::proto::AttributeProto;

/// Writes `node`, which is `formula` of its input.
pub(crate) fn write<W, F: Format>(
    builder: &mut Builder<'_, W, F>,
    node: &Node<W>,
    formula: &Formula,
) {
    let element = F::real(builder, node.inputs[0]);
    let stem = builder.name(node.output);
    let mut writer = Writer { builder, element, stem };
    let (op, inputs, attributes) = writer.outermost(formula);
    operator(builder, node, op, inputs, attributes);
}

struct Writer<'b, 'a, W, F> {
    builder: &'b mut Builder<'a, W, F>,
    /// Name of the value that the element is.
    element: String,
    /// What names begin with.
    stem: String,
}

/// An operator that is not written yet: its name in ONNX, inputs and attributes.
type Operator = (&'static str, Vec<String>, Vec<AttributeProto>);

impl<W, F> Writer<'_, '_, W, F> {
    /// The name of the value of `formula`.
    fn value(&mut self, formula: &Formula) -> String {
        match formula {
            Formula::Element => self.element.clone(),
            Formula::Numbers(numbers) => {
                let wanted = format!("{}_numbers", self.stem);
                self.builder.floats(&wanted, &[numbers.len(), 1, 1], numbers)
            }
            Formula::Unary(..) | Formula::Binary(..) => {
                let (op, inputs, attributes) = self.outermost(formula);
                let wanted = format!("{}_{}", self.stem, op.to_lowercase());
                let output = self.builder.value_name(&wanted);
                let name = self.builder.node_name(&wanted);
                self.builder.node(op, name, inputs, output.clone(), attributes);
                output
            }
        }
    }

    /// The operator that is computed last, with all before it written.
    fn outermost(&mut self, formula: &Formula) -> Operator {
        match formula {
            Formula::Element | Formula::Numbers(_) => {
                ("Identity", vec![self.value(formula)], Vec::new())
            }
            Formula::Unary(function, of) => match spelled_out(*function, of) {
                Some(formula) => self.outermost(&formula),
                None => self.unary(*function, of),
            },
            Formula::Binary(operation, left, right) => {
                (operation.name(), vec![self.value(left), self.value(right)], Vec::new())
            }
        }
    }

    fn unary(&mut self, function: Unary, of: &Formula) -> Operator {
        let mut inputs = vec![self.value(of)];
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
        (op, inputs, attributes)
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
