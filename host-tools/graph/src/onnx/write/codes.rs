//! The operations on codes, as float operators between DequantizeLinear and QuantizeLinear.

use super::{Int8Builder, OPSET, formula, moved, operators};
use crate::codes_op::{CodesOp, Combine, Lookup, Mean};
use crate::graph::{Node, Quantization};
use crate::op::Int8Weights;
use thumbnet_kernels::geometry::Shape;

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
pub(crate) fn node(builder: &mut Int8Builder<'_>, node: &Node<Int8Weights>, op: &CodesOp) {
    let graph = builder.graph;
    let input = graph.tensor(node.inputs[0]).shape;
    let format = graph.tensor(node.output).format;
    match op {
        CodesOp::Mean(Mean { window, counts_padding, .. }) => {
            operators::mean(builder, node, window, *counts_padding);
        }
        CodesOp::Combine(Combine::Real(function)) => operators::combine(builder, node, *function),
        CodesOp::Concat(axis) => operators::concat(builder, node, *axis),
        CodesOp::Clip(limits) => {
            operators::clip(builder, node, limits.map(|limit| real(limit, format)));
        }
        CodesOp::Pad(padding, code) => operators::pad(builder, node, *padding, real(*code, format)),
        CodesOp::Lookup(Lookup { formula, .. }) => {
            formula::write(builder, node, formula.as_ref().expect("the graph is writable"));
        }
        CodesOp::Rearrange(made, copy) => {
            let operators = moved::operators(input, *made, copy).expect("the graph is writable");
            moved::write(builder, node, &operators);
        }
        CodesOp::Combine(_) => unreachable!("the graph is writable"),
    }
}

/// What DequantizeLinear makes of a code.
fn real(code: i8, format: Quantization) -> f32 {
    f32::from(i16::from(code) - i16::from(format.zero_point)) * format.scale
}
