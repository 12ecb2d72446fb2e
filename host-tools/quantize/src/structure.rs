//! Whether a graph is what its types promise: ids in range, execution order, shapes, lengths.
//!
//! Everything after this check may index freely.

use crate::QuantizeError;
use thumbnet_graph::{
    FloatGraph, FloatWeights, Graph, Int8Graph, Int8Weights, Node, Op, Shape, Window,
};

/// No map or filter of a microcontroller's network is larger; keeps sums of lengths from
/// overflowing.
const LARGEST: usize = 1 << 28;

/// Checks a float graph, its constants included.
pub(crate) fn check_float(graph: &FloatGraph) -> Result<(), QuantizeError> {
    check(graph, |weights: &FloatWeights| (weights.values.len(), vec![weights.bias.len()]))?;
    for node in &graph.nodes {
        let Op::Conv2d(conv) = &node.op else { continue };
        let weights = &conv.weights;
        if !weights.values.iter().chain(&weights.bias).all(|value| value.is_finite()) {
            return Err(QuantizeError::NotFinite { name: node.name.clone() });
        }
    }
    Ok(())
}

/// Checks an int8 graph, its scales included.
pub(crate) fn check_int8(graph: &Int8Graph) -> Result<(), QuantizeError> {
    check(graph, |weights: &Int8Weights| {
        (weights.values.len(), vec![weights.bias.len(), weights.scales.len()])
    })?;
    let positive = |scale: f32| scale.is_finite() && scale > 0.0;
    for tensor in &graph.tensors {
        if !positive(tensor.format.scale) {
            return Err(fault(&tensor.name, "the tensor's scale is not positive and finite"));
        }
    }
    for node in &graph.nodes {
        let Op::Conv2d(conv) = &node.op else { continue };
        if !conv.weights.scales.iter().all(|&scale| positive(scale)) {
            return Err(fault(&node.name, "a weight scale is not positive and finite"));
        }
    }
    Ok(())
}

/// `lengths` gives the number of weights, and the lengths that must equal the output channels.
fn check<W, F>(
    graph: &Graph<W, F>,
    lengths: impl Fn(&W) -> (usize, Vec<usize>),
) -> Result<(), QuantizeError> {
    if graph.nodes.is_empty() {
        return Err(QuantizeError::Empty);
    }
    for tensor in &graph.tensors {
        let Shape { h, w, c } = tensor.shape;
        let len = h.checked_mul(w).and_then(|area| area.checked_mul(c));
        if !len.is_some_and(|len| (1..=LARGEST).contains(&len)) {
            return Err(fault(&tensor.name, "the tensor's shape is empty or too large"));
        }
    }
    let mut defined = vec![false; graph.tensors.len()];
    match defined.get_mut(graph.input.0) {
        Some(input) => *input = true,
        None => return Err(fault("graph input", "names no tensor")),
    }
    for node in &graph.nodes {
        check_order(node, &mut defined)?;
        check_shapes(graph, node, &lengths).map_err(|reason| fault(&node.name, reason))?;
    }
    match defined.get(graph.output.0) {
        Some(true) => Ok(()),
        _ => Err(fault("graph output", "no node makes it")),
    }
}

fn check_order<W>(node: &Node<W>, defined: &mut [bool]) -> Result<(), QuantizeError> {
    let wanted = if matches!(node.op, Op::Add) { 2 } else { 1 };
    if node.inputs.len() != wanted {
        return Err(fault(&node.name, format!("takes {wanted} inputs, has {}", node.inputs.len())));
    }
    if !node.inputs.iter().all(|input| defined.get(input.0) == Some(&true)) {
        return Err(fault(&node.name, "reads a tensor that no earlier node makes"));
    }
    match defined.get_mut(node.output.0) {
        Some(output) if !*output => {
            *output = true;
            Ok(())
        }
        Some(_) => Err(fault(&node.name, "makes a tensor that exists already")),
        None => Err(fault(&node.name, "its output names no tensor")),
    }
}

fn check_shapes<W, F>(
    graph: &Graph<W, F>,
    node: &Node<W>,
    lengths: impl Fn(&W) -> (usize, Vec<usize>),
) -> Result<(), &'static str> {
    let output = graph.tensor(node.output).shape;
    let input = graph.tensor(node.inputs[0]).shape;
    match &node.op {
        Op::Conv2d(conv) => {
            check_window(&conv.window, input, output)?;
            let groups = conv.groups;
            if groups == 0 || input.c % groups != 0 || output.c % groups != 0 {
                return Err("groups do not divide the channels");
            }
            // Both factors are below 2^28: the window was found to fit the map.
            let wanted = output.c.checked_mul(conv.window.taps() * (input.c / groups));
            let (weights, per_channel) = lengths(&conv.weights);
            if wanted != Some(weights) || weights > LARGEST {
                return Err("the number of weights does not fit the shapes");
            }
            if per_channel.iter().any(|&len| len != output.c) {
                return Err("the number of biases or scales is not that of output channels");
            }
            Ok(())
        }
        Op::MaxPool2d(window) => check_pool(window, input, output),
        Op::AveragePool2d(window) if window.padding != thumbnet_graph::Padding::NONE => {
            Err("an average pool with padding is not supported")
        }
        Op::AveragePool2d(window) => check_pool(window, input, output),
        Op::Add if input != graph.tensor(node.inputs[1]).shape => Err("its inputs differ in shape"),
        Op::Add | Op::Relu if input != output => Err("its output differs in shape from its input"),
        Op::Add | Op::Relu => Ok(()),
    }
}

fn check_pool(window: &Window, input: Shape, output: Shape) -> Result<(), &'static str> {
    if input.c != output.c {
        return Err("a pool cannot change the number of channels");
    }
    check_window(window, input, output)
}

fn check_window(window: &Window, input: Shape, output: Shape) -> Result<(), &'static str> {
    let padding = window.padding;
    let [kh, kw] = window.kernel;
    // Bounds every product of sizes below and makes each position see the map.
    if kh > LARGEST || kw > LARGEST / kh.max(1) {
        return Err("the window is too large");
    }
    let span = |kernel: usize, dilation: usize| kernel.saturating_sub(1).saturating_mul(dilation);
    let (rows, columns) = (span(kh, window.dilation[0]), span(kw, window.dilation[1]));
    if padding.top.max(padding.bottom) > rows || padding.left.max(padding.right) > columns {
        return Err("the padding is as large as the window");
    }
    if window.positions(input.h, input.w) != Some([output.h, output.w]) {
        return Err("the output's height and width do not follow from window and input");
    }
    Ok(())
}

fn fault(node: &str, reason: impl Into<String>) -> QuantizeError {
    QuantizeError::Structure { node: node.to_owned(), reason: reason.into() }
}
