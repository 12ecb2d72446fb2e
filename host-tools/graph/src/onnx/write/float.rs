//! Nodes of a float graph.

use super::attributes::{conv_attributes, max_pool_attributes, window_attributes};
use super::builder::Builder;
use super::reals::{float, operator};
use super::weights::channels_before_taps;
use super::{formula, moved, operators};
use crate::graph::{FloatGraph, Node};
use crate::op::{Conv2d, FloatWeights, Op};
use crate::real_op::RealOp;

/// A builder of a float model.
type FloatBuilder<'a> = Builder<'a, FloatWeights, ()>;

/// Whether a node of `graph` can be written.
pub(crate) fn is_writable(graph: &FloatGraph, node: &Node<FloatWeights>) -> bool {
    match &node.op {
        Op::Real(RealOp::Rearrange(made, copy)) => {
            moved::operators(graph.tensor(node.inputs[0]).shape, *made, copy).is_some()
        }
        _ => true,
    }
}

/// Writes one node that is writable.
pub(crate) fn node(builder: &mut FloatBuilder<'_>, node: &Node<FloatWeights>) {
    match &node.op {
        Op::Conv2d(conv) => conv2d(builder, node, conv),
        Op::MaxPool2d(window) => float(builder, node, "MaxPool", max_pool_attributes(window)),
        Op::AveragePool2d(window) => float(builder, node, "AveragePool", window_attributes(window)),
        Op::Add => float(builder, node, "Add", Vec::new()),
        Op::Relu => float(builder, node, "Relu", Vec::new()),
        Op::Clip(limits) => operators::clip(builder, node, *limits),
        Op::Real(op) => real(builder, node, op),
        Op::Codes(_) => unreachable!("a valid float graph has none of these"),
    }
}

fn real(builder: &mut FloatBuilder<'_>, node: &Node<FloatWeights>, op: &RealOp) {
    match op {
        RealOp::Function(formula) => formula::write(builder, node, formula),
        RealOp::Combine(function) => operators::combine(builder, node, *function),
        RealOp::Mean { window, counts_padding } => {
            operators::mean(builder, node, window, *counts_padding);
        }
        RealOp::Concat(axis) => operators::concat(builder, node, *axis),
        RealOp::Pad(padding, number) => operators::pad(builder, node, *padding, *number),
        RealOp::Rearrange(made, copy) => {
            let input = builder.graph.tensor(node.inputs[0]).shape;
            let operators = moved::operators(input, *made, copy).expect("the graph is writable");
            moved::write(builder, node, &operators);
        }
    }
}

fn conv2d(builder: &mut FloatBuilder<'_>, node: &Node<FloatWeights>, conv: &Conv2d<FloatWeights>) {
    let [kh, kw] = conv.window.kernel;
    let ic = builder.graph.tensor(node.inputs[0]).shape.c / conv.groups;
    let oc = conv.weights.bias.len();
    let values = channels_before_taps(&conv.weights.values, kh * kw, ic);
    let stem = if node.name.is_empty() { "conv" } else { &node.name };
    let inputs = vec![
        builder.name(node.inputs[0]),
        builder.floats(&format!("{stem}_weights"), &[oc, ic, kh, kw], &values),
        builder.floats(&format!("{stem}_bias"), &[oc], &conv.weights.bias),
    ];
    operator(builder, node, "Conv", inputs, conv_attributes(conv));
}
