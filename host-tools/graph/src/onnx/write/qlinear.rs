//! The operator form: QLinearConv and MaxPool on int8 tensors, float operators where ONNX has no
//! int8 one.

use super::builder::{Builder, int, ints, window_attributes};
use super::qdq;
use crate::graph::{Node, TensorId};
use crate::op::{Conv2d, Int8Weights, Op};
use thumbnet_kernels::geometry::Window;

/// Writes one node.
pub(crate) fn node(builder: &mut Builder<'_>, node: &Node<Int8Weights>) {
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

fn conv2d(builder: &mut Builder<'_>, node: &Node<Int8Weights>, conv: &Conv2d<Int8Weights>) {
    let x = node.inputs[0];
    let [x_scale, x_zero_point] = builder.parameters(x);
    let [y_scale, y_zero_point] = builder.parameters(node.output);
    let constants = WeightNames::write(builder, node, conv, x);
    let inputs = vec![
        builder.codes(x),
        x_scale,
        x_zero_point,
        constants.values,
        constants.scales,
        constants.zero_points,
        y_scale,
        y_zero_point,
        constants.bias,
    ];
    let output = builder.codes(node.output);
    builder.node("QLinearConv", node.name.clone(), inputs, output, conv_attributes(conv));
}

fn max_pool2d(builder: &mut Builder<'_>, node: &Node<Int8Weights>, window: &Window) {
    let input = builder.codes(node.inputs[0]);
    let output = builder.codes(node.output);
    let attributes = pool_attributes(window);
    builder.node("MaxPool", node.name.clone(), vec![input], output, attributes);
}

/// Names of a convolution's constants.
pub(crate) struct WeightNames {
    pub(crate) values: String,
    pub(crate) scales: String,
    pub(crate) zero_points: String,
    pub(crate) bias: String,
}

impl WeightNames {
    /// Writes the constants of `conv`, whose input is `x`: weights as `[oc, ic / groups, kh, kw]`.
    pub(crate) fn write(
        builder: &mut Builder<'_>,
        node: &Node<Int8Weights>,
        conv: &Conv2d<Int8Weights>,
        x: TensorId,
    ) -> Self {
        let [kh, kw] = conv.window.kernel;
        let ic = builder.graph.tensor(x).shape.c / conv.groups;
        let oc = conv.weights.scales.len();
        let values = channels_before_taps(&conv.weights.values, kh * kw, ic);
        let stem = if node.name.is_empty() { "conv" } else { &node.name };
        Self {
            values: builder.bytes(&format!("{stem}_weights"), &[oc, ic, kh, kw], &values),
            scales: builder.floats(&format!("{stem}_weights_scale"), &[oc], &conv.weights.scales),
            zero_points: builder.bytes(&format!("{stem}_weights_zero_point"), &[oc], &vec![0; oc]),
            bias: builder.ints(&format!("{stem}_bias"), &[oc], &conv.weights.bias),
        }
    }
}

/// `[oc, taps, ic]` to `[oc, ic, taps]`.
fn channels_before_taps(values: &[i8], taps: usize, ic: usize) -> Vec<i8> {
    let mut reordered = Vec::with_capacity(values.len());
    for filter in values.chunks_exact(taps * ic) {
        for channel in 0..ic {
            reordered.extend(filter.iter().skip(channel).step_by(ic));
        }
    }
    reordered
}

/// Attributes of Conv and QLinearConv.
pub(crate) fn conv_attributes(
    conv: &Conv2d<Int8Weights>,
) -> Vec<crate::onnx::proto::AttributeProto> {
    let mut attributes =
        vec![ints("dilations", &conv.window.dilation), int("group", conv.groups as i64)];
    attributes.extend(window_attributes(&conv.window));
    attributes
}

/// Attributes of MaxPool.
pub(crate) fn pool_attributes(window: &Window) -> Vec<crate::onnx::proto::AttributeProto> {
    let mut attributes = vec![ints("dilations", &window.dilation)];
    attributes.extend(window_attributes(window));
    attributes
}
