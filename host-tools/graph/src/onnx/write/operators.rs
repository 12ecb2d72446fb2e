//! Float operators that int8 and float graphs have alike.

use super::attributes::{int, mean_attributes};
use super::builder::Builder;
use super::reals::{Format, float, operator};
use crate::codes_op::Axis;
use crate::graph::Node;
use thumbnet_kernels::geometry::{Padding, Window};
use thumbnet_kernels::portable::Function;

/// Writes a mean over windows that may reach over the edge.
pub(crate) fn mean<W, F: Format>(
    builder: &mut Builder<'_, W, F>,
    node: &Node<W>,
    window: &Window,
    counts_padding: bool,
) {
    float(builder, node, "AveragePool", mean_attributes(window, counts_padding));
}

/// Writes an element-wise operation on two maps.
pub(crate) fn combine<W, F: Format>(
    builder: &mut Builder<'_, W, F>,
    node: &Node<W>,
    function: Function,
) {
    let op = match function {
        Function::Add => "Add",
        Function::Subtract => "Sub",
        Function::Multiply => "Mul",
    };
    float(builder, node, op, Vec::new());
}

/// Writes maps one after the other.
pub(crate) fn concat<W, F: Format>(builder: &mut Builder<'_, W, F>, node: &Node<W>, axis: Axis) {
    // Of [1, c, h, w].
    let axis = match axis {
        Axis::Channels => 1,
        Axis::Rows => 2,
        Axis::Columns => 3,
    };
    float(builder, node, "Concat", vec![int("axis", axis)]);
}

/// Writes limits of every element.
pub(crate) fn clip<W, F: Format>(
    builder: &mut Builder<'_, W, F>,
    node: &Node<W>,
    limits: [f32; 2],
) {
    let stem = builder.name(node.output);
    let mut inputs = vec![F::real(builder, node.inputs[0])];
    for (limit, name) in limits.into_iter().zip(["min", "max"]) {
        inputs.push(builder.floats(&format!("{stem}_{name}"), &[], &[limit]));
    }
    operator(builder, node, "Clip", inputs, Vec::new());
}

/// Writes a border of one number around a map.
pub(crate) fn pad<W, F: Format>(
    builder: &mut Builder<'_, W, F>,
    node: &Node<W>,
    Padding { top, left, bottom, right }: Padding,
    number: f32,
) {
    let stem = builder.name(node.output);
    let inputs = vec![
        F::real(builder, node.inputs[0]),
        builder.longs(&format!("{stem}_pads"), &[0, 0, top, left, 0, 0, bottom, right]),
        builder.floats(&format!("{stem}_border"), &[], &[number]),
    ];
    operator(builder, node, "Pad", inputs, Vec::new());
}
