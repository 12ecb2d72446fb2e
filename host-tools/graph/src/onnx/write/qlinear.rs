//! The operator form: QLinearConv and MaxPool on int8 tensors, float operators where ONNX has no
//! int8 one.

use super::attributes::{conv_attributes, max_pool_attributes};
use super::weights::WeightNames;
use super::{Int8Builder, qdq};
use crate::graph::Node;
use crate::op::{Conv2d, Int8Weights, Op};
use thumbnet_kernels::geometry::Window;

/// Writes one node.
pub(crate) fn node(builder: &mut Int8Builder<'_>, node: &Node<Int8Weights>) {
    match &node.op {
        Op::Conv2d(conv) => conv2d(builder, node, conv),
        // Codes of the input mean nothing to a reader before a node says their scale.
        Op::MaxPool2d(window) if node.inputs[0] != builder.graph.input => {
            max_pool2d(builder, node, window);
        }
        Op::MaxPool2d(_)
        | Op::AveragePool2d(_)
        | Op::Codes(_)
        | Op::Add
        | Op::Relu
        | Op::Clip(_)
        | Op::Real(_) => {
            qdq::node(builder, node);
        }
    }
}

fn conv2d(builder: &mut Int8Builder<'_>, node: &Node<Int8Weights>, conv: &Conv2d<Int8Weights>) {
    let x = node.inputs[0];
    let [x_scale, x_zero_point] = builder.parameters(x);
    let [y_scale, y_zero_point] = builder.parameters(node.output);
    let constants = WeightNames::write(builder, node, conv, x);
    let inputs = vec![
        builder.name(x),
        x_scale,
        x_zero_point,
        constants.values,
        constants.scales,
        constants.zero_points,
        y_scale,
        y_zero_point,
        constants.bias,
    ];
    let output = builder.name(node.output);
    builder.node("QLinearConv", node.name.clone(), inputs, output, conv_attributes(conv));
}

fn max_pool2d(builder: &mut Int8Builder<'_>, node: &Node<Int8Weights>, window: &Window) {
    let input = builder.name(node.inputs[0]);
    let output = builder.name(node.output);
    let attributes = max_pool_attributes(window);
    builder.node("MaxPool", node.name.clone(), vec![input], output, attributes);
}
