//! The operations on codes, as float operators between DequantizeLinear and QuantizeLinear.

use super::builder::{Builder, int, window_attributes};
use super::{OPSET, formula, moved, qdq};
use crate::codes_op::{Axis, CodesOp, Combine, Lookup, Mean};
use crate::graph::{Node, Quantization};
use crate::op::Int8Weights;
use thumbnet_kernels::geometry::{Padding, Shape};
use thumbnet_kernels::portable::Function;

/// Whether `op`, over a map of this shape, has operators that compute it.
pub(crate) fn is_writable(op: &CodesOp, input: Shape) -> bool {
    match op {
        CodesOp::Mean(mean) => {
            *mean == Mean::average_pool(mean.window, input, mean.counts_padding, OPSET)
        }
        CodesOp::Combine(combine) => matches!(combine, Combine::Real(_)),
        CodesOp::Lookup(Lookup { formula, .. }) => {
            formula.as_ref().is_some_and(crate::Formula::reads_element)
        }
        CodesOp::Rearrange(made, copy) => moved::operators(input, *made, copy).is_some(),
        CodesOp::Clip(_) | CodesOp::Concat(_) | CodesOp::Pad(..) => true,
    }
}

/// Writes one node whose `op` is writable.
pub(crate) fn node(builder: &mut Builder<'_>, node: &Node<Int8Weights>, op: &CodesOp) {
    let input = builder.graph.tensor(node.inputs[0]).shape;
    match op {
        CodesOp::Mean(mean) => {
            let mut attributes = window_attributes(&mean.window);
            attributes.insert(0, int("count_include_pad", i64::from(mean.counts_padding)));
            qdq::float(builder, node, "AveragePool", attributes);
        }
        CodesOp::Combine(Combine::Real(function)) => {
            let op = match function {
                Function::Add => "Add",
                Function::Subtract => "Sub",
                Function::Multiply => "Mul",
            };
            qdq::float(builder, node, op, Vec::new());
        }
        CodesOp::Concat(axis) => {
            // Of [1, c, h, w].
            let axis = match axis {
                Axis::Channels => 1,
                Axis::Rows => 2,
                Axis::Columns => 3,
            };
            qdq::float(builder, node, "Concat", vec![int("axis", axis)]);
        }
        CodesOp::Clip(limits) => clip(builder, node, *limits),
        CodesOp::Pad(padding, code) => pad(builder, node, *padding, *code),
        CodesOp::Lookup(Lookup { formula, .. }) => {
            let formula = formula.as_ref().expect("the graph is writable");
            let real = formula::write(builder, node, formula);
            builder.quantize(real, node.output);
        }
        CodesOp::Rearrange(made, copy) => {
            let operators = moved::operators(input, *made, copy).expect("the graph is writable");
            moved::write(builder, node, &operators);
        }
        CodesOp::Combine(_) => unreachable!("the graph is writable"),
    }
}

fn clip(builder: &mut Builder<'_>, node: &Node<Int8Weights>, limits: [i8; 2]) {
    let format = builder.graph.tensor(node.output).format;
    let stem = builder.codes(node.output);
    let mut inputs = vec![builder.real(node.inputs[0])];
    for (limit, name) in limits.into_iter().zip(["min", "max"]) {
        inputs.push(builder.floats(&format!("{stem}_{name}"), &[], &[real(limit, format)]));
    }
    qdq::operator(builder, node, "Clip", inputs, Vec::new());
}

fn pad(builder: &mut Builder<'_>, node: &Node<Int8Weights>, padding: Padding, code: i8) {
    let format = builder.graph.tensor(node.output).format;
    let stem = builder.codes(node.output);
    let Padding { top, left, bottom, right } = padding;
    let inputs = vec![
        builder.real(node.inputs[0]),
        builder.longs(&format!("{stem}_pads"), &[0, 0, top, left, 0, 0, bottom, right]),
        builder.floats(&format!("{stem}_border"), &[], &[real(code, format)]),
    ];
    qdq::operator(builder, node, "Pad", inputs, Vec::new());
}

/// What DequantizeLinear makes of a code.
fn real(code: i8, format: Quantization) -> f32 {
    f32::from(i16::from(code) - i16::from(format.zero_point)) * format.scale
}
