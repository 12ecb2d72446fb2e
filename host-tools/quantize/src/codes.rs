//! The operations on codes that operations on real numbers become.

use crate::formats::Format;
use crate::integer::{dequantize, quantize};
use thumbnet_graph::{CodesOp, Combine, Formula, Int8Weights, Lookup, Mean, Op, RealOp, Shape};

/// The operator set whose averages are written.
const OPSET: i64 = 17;

/// `op` over a map of shape `input`, between the formats of what it reads and makes.
pub(crate) fn operation(op: &RealOp, input: Shape, ends: [Format; 2]) -> CodesOp {
    match op {
        RealOp::Function(formula) => CodesOp::Lookup(Lookup {
            results: results(formula, input.c, ends),
            formula: Some(formula.clone()),
        }),
        RealOp::Combine(function) => CodesOp::Combine(Combine::Real(*function)),
        RealOp::Mean { window, counts_padding } => {
            CodesOp::Mean(Mean::average_pool(*window, input, *counts_padding, OPSET))
        }
        RealOp::Concat(axis) => CodesOp::Concat(*axis),
        RealOp::Rearrange(made, copy) => CodesOp::Rearrange(*made, *copy),
        RealOp::Pad(padding, value) => {
            CodesOp::Pad(*padding, quantize(*value, ends[1].quantization))
        }
    }
}

/// The code of each code's function; one table for all channels, or one for each.
fn results(formula: &Formula, channels: usize, [x, y]: [Format; 2]) -> Vec<i8> {
    let tables = if formula.channels() == Ok(1) { 1 } else { channels };
    let result = |channel: usize, code: i8| {
        quantize(formula.at(dequantize(code, x.quantization), channel), y.quantization)
    };
    let of_channel = |channel| (i8::MIN..=i8::MAX).map(move |code| result(channel, code));
    (0..tables).flat_map(of_channel).collect()
}

/// Codes clamped to a smallest and a largest one.
pub(crate) fn clamp(limits: [i8; 2], format: Format) -> Op<Int8Weights> {
    if limits == [format.quantization.zero_point, 127] {
        Op::Relu
    } else {
        Op::Codes(CodesOp::Clip(limits))
    }
}
