//! Operations that only float graphs have: what becomes one of [`CodesOp`] when a network is quantized.

use crate::codes_op::{Axis, CodesOp, Combine, Mean, MeanArithmetic, ZeroPoint};
use crate::formula::Formula;
use thumbnet_kernels::geometry::{Padding, Shape, Window};
use thumbnet_kernels::portable::{Function, Rearrange, SumOrder};

/// An operation on real numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum RealOp {
    /// A function of each element.
    Function(Formula),
    /// An element-wise operation on two maps, of which the second may be one pixel.
    Combine(Function),
    /// A mean over windows that reach over the edge.
    Mean {
        /// Over the input; no dilation.
        window: Window,
        /// Whether taps on the padding count in the divisor.
        counts_padding: bool,
    },
    /// Maps one after the other along an axis.
    Concat(Axis),
    /// The elements in another order, some of them or some again, as a map of this shape.
    Rearrange(Shape, Rearrange),
    /// A border of one number.
    Pad(Padding, f32),
}

impl RealOp {
    /// The operation's name in the ONNX world, for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Function(Formula::Binary(operation, ..)) => operation.name(),
            Self::Function(_) => "function",
            Self::Combine(Function::Add) => "Add",
            Self::Combine(Function::Subtract) => "Sub",
            Self::Combine(Function::Multiply) => "Mul",
            Self::Mean { .. } => "AveragePool",
            Self::Concat(_) => "Concat",
            Self::Rearrange(..) => "rearrange",
            Self::Pad(..) => "Pad",
        }
    }

    /// Whether every element of the output is one of an input's, or a constant.
    pub fn copies_elements(&self) -> bool {
        matches!(self, Self::Concat(_) | Self::Rearrange(..) | Self::Pad(..))
    }

    /// As [`crate::Op::output_shape`].
    pub(crate) fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        match (self, inputs) {
            (Self::Function(formula), &[input]) => match formula.channels()? {
                1 => Ok(input),
                channels if channels == input.c => Ok(input),
                channels => Err(format!("it has {channels} constants for {} channels", input.c)),
            },
            (Self::Function(_), _) => Err(format!("it has {} inputs", inputs.len())),
            (Self::Pad(_, value), _) if !value.is_finite() => Err(format!("it pads with {value}")),
            (Self::Pad(padding, _), _) => CodesOp::Pad(*padding, 0).output_shape(inputs),
            (Self::Combine(function), _) => {
                CodesOp::Combine(Combine::Real(*function)).output_shape(inputs)
            }
            (Self::Mean { window, counts_padding }, _) => {
                let arithmetic = MeanArithmetic::Real(SumOrder::Rows, ZeroPoint::AfterRounding);
                let mean = Mean { window: *window, counts_padding: *counts_padding, arithmetic };
                CodesOp::Mean(mean).output_shape(inputs)
            }
            (Self::Concat(axis), _) => CodesOp::Concat(*axis).output_shape(inputs),
            (Self::Rearrange(made, copy), _) => {
                CodesOp::Rearrange(*made, *copy).output_shape(inputs)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RealOp;
    use crate::formula::{Binary, Formula};
    use thumbnet_kernels::geometry::{Padding, Shape};

    #[test]
    fn a_function_has_numbers_for_its_channels() {
        let slope = |count| {
            let numbers = Formula::Numbers(vec![0.5; count]);
            RealOp::Function(Formula::binary(Binary::PRelu, Formula::Element, numbers))
        };
        let map = Shape::new(4, 5, 6);
        assert_eq!(slope(6).output_shape(&[map]), Ok(map));
        assert_eq!(slope(1).output_shape(&[map]), Ok(map));
        assert!(slope(5).output_shape(&[map]).is_err());
        assert!(slope(0).output_shape(&[map]).is_err());
        assert!(slope(6).output_shape(&[map, map]).is_err());
        assert!(RealOp::Pad(Padding::NONE, f32::NAN).output_shape(&[map]).is_err());
    }
}
