//! The QDQ form: float operators between DequantizeLinear and QuantizeLinear.

use super::Int8Builder;
use super::attributes::{conv_attributes, max_pool_attributes, window_attributes};
use super::codes;
use super::reals::{Format, float, operator};
use super::weights::WeightNames;
use crate::graph::{Node, Quantization};
use crate::op::{Conv2d, Int8Weights, Op};

/// Writes one node.
pub(crate) fn node(builder: &mut Int8Builder<'_>, node: &Node<Int8Weights>) {
    match &node.op {
        Op::Conv2d(conv) => conv2d(builder, node, conv),
        Op::MaxPool2d(window) => float(builder, node, "MaxPool", max_pool_attributes(window)),
        Op::AveragePool2d(window) => float(builder, node, "AveragePool", window_attributes(window)),
        Op::Codes(op) => codes::node(builder, node, op),
        Op::Add => float(builder, node, "Add", Vec::new()),
        Op::Relu => float(builder, node, "Relu", Vec::new()),
        Op::Clip(_) | Op::Real(_) => unreachable!("a valid int8 graph has none of these"),
    }
}

fn conv2d(builder: &mut Int8Builder<'_>, node: &Node<Int8Weights>, conv: &Conv2d<Int8Weights>) {
    let x = node.inputs[0];
    let x_scale = builder.graph.tensor(x).format.scale;
    let constants = WeightNames::write(builder, node, conv, x);
    let oc = conv.weights.scales.len();
    let bias_scales: Vec<f32> = conv.weights.scales.iter().map(|scale| x_scale * scale).collect();
    let bias_scale = builder.floats(&format!("{}_scale", constants.bias), &[oc], &bias_scales);
    let zeros = vec![0; oc];
    let bias_zero_point = builder.ints(&format!("{}_zero_point", constants.bias), &[oc], &zeros);
    let weights = builder.dequantize(
        &constants.values.clone(),
        [constants.values, constants.scales, constants.zero_points],
        Some(0),
    );
    let bias = builder.dequantize(
        &constants.bias.clone(),
        [constants.bias, bias_scale, bias_zero_point],
        Some(0),
    );
    let inputs = vec![Quantization::real(builder, x), weights, bias];
    operator(builder, node, "Conv", inputs, conv_attributes(conv));
}
