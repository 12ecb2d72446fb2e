//! Element-wise sums, differences and products of two maps, as other runtimes compute them.

use crate::intrin::fma;
use crate::map::Map;
use crate::requantize::Rounding;

/// An element-wise operation on two maps; the right one may be one pixel, used for all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Combine {
    /// What is computed, in steps of the output.
    pub rule: Rule,
    /// From there to codes.
    pub rounding: Rounding,
}

/// The arithmetic of a [`Combine`]. Every operation rounds to f32 in the order of the formula.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// `(f32(lhs - lz) * ls  op  f32(rhs - rz) * rs) / os`: ONNX's own, between DequantizeLinear and
    /// QuantizeLinear.
    Real {
        /// The operation.
        function: Function,
        /// Codes of real 0: left, right.
        zero_points: [i8; 2],
        /// Real number of one step: left, right, output.
        scales: [f32; 3],
    },
    /// `(lhs + o) * f0 + ((rhs + o) * f1 + addend)`, each product and sum rounded once: the QLinearAdd of
    /// onnxruntime.
    FusedSum {
        /// Steps of the output in one step of the left and the right input.
        factors: [f32; 2],
        /// What the zero points come to.
        addend: f32,
        /// 128 where the file's codes are unsigned, else 0.
        code_offset: i16,
    },
    /// `f32((lhs - lz) * (rhs - rz)) * factor`: the QLinearMul of onnxruntime.
    ScaledProduct {
        /// Codes of real 0: left, right.
        zero_points: [i8; 2],
        /// Steps of the output in the product of one step of each input.
        factor: f32,
    },
}

/// What [`Rule::Real`] computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Left plus right.
    Add,
    /// Left minus right.
    Subtract,
    /// Left times right.
    Multiply,
}

impl Combine {
    /// Whether the maps are of one length, or the right one is repeated a whole number of times; the kernels
    /// do nothing where not.
    pub fn describes(&self, lhs: &Map, rhs: &Map, output: &Map) -> bool {
        lhs.len() == output.len() && !rhs.is_empty() && lhs.len().is_multiple_of(rhs.len())
    }
}

/// The operation on each pair of codes.
///
/// It reads a pair before it writes there, so `output` may be `lhs`, or `rhs` where that is not repeated. A
/// `layer` that does not [describe](Combine::describes) its maps leaves `output` as it is.
///
/// Source: ONNX Add-7, Sub-7 and Mul-7 between QuantizeLinear-10 steps; com.microsoft QLinearAdd and QLinearMul.
pub fn combine(layer: &Combine, lhs: &Map, rhs: &Map, output: &Map) {
    if !layer.describes(lhs, rhs, output) {
        return;
    }
    let len = rhs.len().max(1);
    for (output, lhs) in output.chunks(len).zip(lhs.chunks(len)) {
        for ((code, lhs), rhs) in output.iter().zip(lhs).zip(rhs) {
            code.set(layer.rounding.code(layer.rule.value(lhs.get(), rhs.get())));
        }
    }
}

impl Rule {
    #[inline(always)]
    fn value(&self, lhs: i8, rhs: i8) -> f32 {
        let step = |code: i8, zero_point: i8| i16::from(code) - i16::from(zero_point);
        match *self {
            Self::Real { function, zero_points, scales } => {
                // Rust never contracts a product and a sum into one rounding.
                let lhs = f32::from(step(lhs, zero_points[0])) * scales[0];
                let rhs = f32::from(step(rhs, zero_points[1])) * scales[1];
                let real = match function {
                    Function::Add => lhs + rhs,
                    Function::Subtract => lhs - rhs,
                    Function::Multiply => lhs * rhs,
                };
                real / scales[2]
            }
            Self::FusedSum { factors, addend, code_offset } => {
                let [lhs, rhs] =
                    [lhs, rhs].map(|code| f32::from(i16::from(code).wrapping_add(code_offset)));
                fma(lhs, factors[0], fma(rhs, factors[1], addend))
            }
            Self::ScaledProduct { zero_points, factor } => {
                let product =
                    i32::from(step(lhs, zero_points[0])) * i32::from(step(rhs, zero_points[1]));
                product as f32 * factor
            }
        }
    }
}
