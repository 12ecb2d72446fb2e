//! Functions of one element: what an activation function, or any chain of element-wise operators on one map,
//! computes.

use crate::formulas;

/// Most operators in a formula, and so how deep one can be: more than any activation function has.
const MOST_OPERATORS: usize = 32;

/// A function of an element `x`, in f32 as onnxruntime computes it.
#[derive(Clone, Debug, PartialEq)]
pub enum Formula {
    /// `x`.
    Element,
    /// A constant: one number, or one for each channel.
    Numbers(Vec<f32>),
    /// A function of a formula.
    Unary(Unary, Box<Formula>),
    /// An operation on two formulas.
    Binary(Binary, Box<Formula>, Box<Formula>),
}

/// A function of one number, named as its ONNX operator.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is the ONNX operator of its name, with its attributes")]
pub enum Unary {
    Sigmoid,
    Tanh,
    Softplus,
    Softsign,
    Mish,
    Erf,
    Exp,
    Sqrt,
    Abs,
    Neg,
    Reciprocal,
    HardSwish,
    Clip([f32; 2]),
    HardSigmoid { alpha: f32, beta: f32 },
    LeakyRelu { alpha: f32 },
    ThresholdedRelu { alpha: f32 },
    Elu { alpha: f32 },
    Celu { alpha: f32 },
    Selu { alpha: f32, gamma: f32 },
    Gelu { approximate: bool },
}

/// An operation on two numbers, named as its ONNX operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the ONNX operator of its name")]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
    Pow,
    PRelu,
}

impl Unary {
    /// The function's value at `x`.
    pub fn at(self, x: f32) -> f32 {
        match self {
            Self::Sigmoid => formulas::sigmoid(x),
            Self::Tanh => formulas::tanh(x),
            Self::Softplus => formulas::softplus(x),
            Self::Softsign => x / (1.0 + x.abs()),
            Self::Mish => formulas::mish(x),
            Self::Erf => formulas::erf(x),
            Self::Exp => f64::from(x).exp() as f32,
            Self::Sqrt => x.sqrt(),
            Self::Abs => x.abs(),
            Self::Neg => -x,
            Self::Reciprocal => 1.0 / x,
            Self::HardSwish => x * formulas::hard_sigmoid(x, 1.0 / 6.0, 0.5),
            // Not `clamp`, which panics where the limits are no numbers.
            Self::Clip([min, max]) => x.min(max).max(min),
            Self::HardSigmoid { alpha, beta } => formulas::hard_sigmoid(x, alpha, beta),
            Self::LeakyRelu { alpha } => {
                if x >= 0.0 {
                    x
                } else {
                    alpha * x
                }
            }
            Self::ThresholdedRelu { alpha } => {
                if x > alpha {
                    x
                } else {
                    0.0
                }
            }
            Self::Elu { alpha } => formulas::elu(x, alpha, 1.0),
            Self::Celu { alpha } => formulas::elu(x, alpha, alpha),
            Self::Selu { alpha, gamma } => gamma * formulas::elu(x, alpha, 1.0),
            Self::Gelu { approximate } => formulas::gelu(x, approximate),
        }
    }

    /// Whether runtimes compute it by approximations of their own, which differ in the last bits.
    fn is_approximated(self) -> bool {
        use Unary::{
            Abs, Clip, HardSigmoid, HardSwish, LeakyRelu, Neg, Reciprocal, Softsign, Sqrt,
            ThresholdedRelu,
        };
        !matches!(
            self,
            Abs | Neg
                | Clip(_)
                | HardSigmoid { .. }
                | HardSwish
                | LeakyRelu { .. }
                | ThresholdedRelu { .. }
                | Reciprocal
                | Softsign
                | Sqrt
        )
    }
}

impl Binary {
    /// The operation's value.
    pub fn at(self, left: f32, right: f32) -> f32 {
        match self {
            Self::Add => left + right,
            Self::Sub => left - right,
            Self::Mul => left * right,
            Self::Div => left / right,
            Self::Min => left.min(right),
            Self::Max => left.max(right),
            Self::Pow => formulas::power(left, right),
            Self::PRelu if left >= 0.0 => left,
            Self::PRelu => left * right,
        }
    }

    /// The operation's name in ONNX.
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "Add",
            Self::Sub => "Sub",
            Self::Mul => "Mul",
            Self::Div => "Div",
            Self::Min => "Min",
            Self::Max => "Max",
            Self::Pow => "Pow",
            Self::PRelu => "PRelu",
        }
    }
}

impl Formula {
    /// `function` of `of`.
    pub fn unary(function: Unary, of: Self) -> Self {
        Self::Unary(function, Box::new(of))
    }

    /// `operation` on `left` and `right`.
    pub fn binary(operation: Binary, left: Self, right: Self) -> Self {
        Self::Binary(operation, Box::new(left), Box::new(right))
    }

    /// A constant that is one number for all channels if all are the same.
    pub fn numbers(mut numbers: Vec<f32>) -> Self {
        if numbers.iter().all(|number| *number == numbers[0]) {
            numbers.truncate(1);
        }
        Self::Numbers(numbers)
    }

    /// `factors * x + shifts`, without what does nothing; one number a channel, or one for all.
    pub fn affine(self, factors: Vec<f32>, shifts: Vec<f32>) -> Self {
        let mut formula = self;
        if factors.iter().any(|factor| *factor != 1.0) {
            formula = Self::binary(Binary::Mul, formula, Self::numbers(factors));
        }
        if shifts.iter().any(|shift| *shift != 0.0) {
            formula = Self::binary(Binary::Add, formula, Self::numbers(shifts));
        }
        formula
    }

    /// Its value at `x` of `channel`.
    pub fn at(&self, x: f32, channel: usize) -> f32 {
        match self {
            Self::Element => x,
            Self::Numbers(numbers) => numbers[if numbers.len() == 1 { 0 } else { channel }],
            Self::Unary(function, of) => function.at(of.at(x, channel)),
            Self::Binary(operation, left, right) => {
                operation.at(left.at(x, channel), right.at(x, channel))
            }
        }
    }

    /// Itself with `inner` in place of the element.
    #[must_use]
    pub fn after(&self, inner: &Self) -> Self {
        match self {
            Self::Element => inner.clone(),
            Self::Numbers(numbers) => Self::Numbers(numbers.clone()),
            Self::Unary(function, of) => Self::unary(*function, of.after(inner)),
            Self::Binary(operation, left, right) => {
                Self::binary(*operation, left.after(inner), right.after(inner))
            }
        }
    }

    /// For how many channels it has numbers of their own; 1 if it is the same for all.
    ///
    /// # Errors
    /// In words, if its constants disagree or are empty or not finite, or it is too long.
    pub fn channels(&self) -> Result<usize, String> {
        if self.operators() > MOST_OPERATORS {
            return Err(format!("its function has more than {MOST_OPERATORS} operators"));
        }
        let mut lengths = Vec::new();
        self.visit(&mut |part| {
            if let Self::Numbers(numbers) = part {
                let finite = numbers.iter().all(|number| number.is_finite());
                lengths.push(if finite { numbers.len() } else { 0 });
            }
        });
        let longest = lengths.iter().copied().fold(1, usize::max);
        if lengths.iter().all(|length| [1, longest].contains(length)) {
            return Ok(longest);
        }
        Err("its constants are no finite numbers for all channels, or for each".to_owned())
    }

    /// Whether the element has a part in it.
    pub fn reads_element(&self) -> bool {
        let mut reads = false;
        self.visit(&mut |part| reads |= *part == Self::Element);
        reads
    }

    /// Whether it is short enough to be kept.
    pub fn is_short(&self) -> bool {
        self.operators() <= MOST_OPERATORS
    }

    /// Whether runtimes compute it by approximations that differ in the last bits.
    pub fn is_approximated(&self) -> bool {
        let mut approximated = false;
        self.visit(&mut |part| match part {
            Self::Unary(function, _) => approximated |= function.is_approximated(),
            Self::Binary(operation, ..) => approximated |= *operation == Binary::Pow,
            _ => {}
        });
        approximated
    }

    fn operators(&self) -> usize {
        let mut count: usize = 0;
        self.visit(&mut |part| {
            count += usize::from(matches!(part, Self::Unary(..) | Self::Binary(..)))
        });
        count
    }

    fn visit(&self, visitor: &mut dyn FnMut(&Self)) {
        visitor(self);
        match self {
            Self::Element | Self::Numbers(_) => {}
            Self::Unary(_, of) => of.visit(visitor),
            Self::Binary(_, left, right) => {
                left.visit(visitor);
                right.visit(visitor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Binary, Formula, Unary};

    #[test]
    fn a_chain_computes_what_its_operators_do() {
        // x * clip(x + 3, 0, 6) / 6, PyTorch's hard swish before opset 14.
        let gate =
            Formula::unary(Unary::Clip([0.0, 6.0]), Formula::Element.affine(vec![1.0], vec![3.0]));
        let product = Formula::binary(Binary::Mul, Formula::Element, gate);
        let swish = Formula::binary(Binary::Div, product, Formula::Numbers(vec![6.0]));
        for (x, value) in [(-4.0, 0.0), (-1.0, -2.0 / 6.0), (3.0, 3.0), (9.0, 9.0)] {
            assert_eq!(swish.at(x, 0), value);
        }
        assert_eq!(swish.channels(), Ok(1));
        assert!(!swish.is_approximated());
        let inside = swish.after(&Formula::unary(Unary::Neg, Formula::Element));
        assert_eq!(inside.at(1.0, 0), -2.0 / 6.0);
    }

    #[test]
    fn numbers_are_one_a_channel_or_one_for_all() {
        let slopes = Formula::numbers(vec![0.5, 0.25, 0.125]);
        let leak = Formula::binary(Binary::PRelu, Formula::Element, slopes);
        assert_eq!([0, 1, 2].map(|channel| leak.at(-8.0, channel)), [-4.0, -2.0, -1.0]);
        assert_eq!(leak.channels(), Ok(3));
        let of_two = Formula::binary(Binary::Add, leak, Formula::Numbers(vec![1.0, 2.0]));
        assert!(of_two.channels().is_err());
        assert_eq!(Formula::numbers(vec![2.0; 9]), Formula::Numbers(vec![2.0]));
        let infinite = Formula::Element.affine(vec![f32::INFINITY], vec![0.0]);
        assert!(infinite.channels().is_err());
    }

    #[test]
    fn a_formula_that_is_too_long_says_so() {
        let long = (0..40).fold(Formula::Element, |of, _| Formula::unary(Unary::Abs, of));
        assert!(!long.is_short() && long.channels().is_err());
    }
}
