//! Is this graph what it claims to be? Everything later passes rely on is checked here, once.

use crate::error::CompileError;
use crate::names;
use thumbnet_graph::{Conv2d, Int8Graph, Int8Weights, Node, Op, Shape, TensorId, Window};

/// No map of a microcontroller is larger; bounds every size computation far below overflow.
pub(crate) const MAX_MAP_BYTES: usize = 1 << 28;

/// Checks ids, order, shapes, lengths and scales of the whole graph.
///
/// # Errors
/// [`CompileError::InvalidGraph`] names the first place that is wrong.
pub(crate) fn validate(graph: &Int8Graph) -> Result<(), CompileError> {
    if graph.nodes.is_empty() {
        return invalid("graph", "there is no node".into());
    }
    check_tensors(graph)?;
    check_order(graph)?;
    for (index, node) in graph.nodes.iter().enumerate() {
        check_node(graph, node)
            .or_else(|problem| invalid(&names::node(index, &node.name, node.op.name()), problem))?;
    }
    Ok(())
}

fn check_tensors(graph: &Int8Graph) -> Result<(), CompileError> {
    for (index, tensor) in graph.tensors.iter().enumerate() {
        let place = || format!("tensor {index} {}", names::plain(&tensor.name));
        match map_bytes(tensor.shape) {
            None | Some(0) => {
                return invalid(&place(), format!("{} is no size", text(tensor.shape)));
            }
            Some(bytes) if bytes > MAX_MAP_BYTES => {
                let problem = format!("{} has more than {MAX_MAP_BYTES} B", text(tensor.shape));
                return invalid(&place(), problem);
            }
            Some(_) => {}
        }
        if !positive(tensor.format.scale) {
            return invalid(&place(), format!("scale {} is not positive", tensor.format.scale));
        }
    }
    Ok(())
}

/// Every tensor is made once, before it is read; the input is made by nobody.
fn check_order(graph: &Int8Graph) -> Result<(), CompileError> {
    let mut made = vec![false; graph.tensors.len()];
    match made.get_mut(graph.input.0) {
        Some(input) => *input = true,
        None => return invalid("graph", "its input is no tensor".into()),
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        let place = || names::node(index, &node.name, node.op.name());
        if node.inputs.iter().any(|id| !made.get(id.0).is_some_and(|made| *made)) {
            return invalid(&place(), "it reads a tensor that no earlier node makes".into());
        }
        match made.get_mut(node.output.0) {
            Some(output) if !*output => *output = true,
            Some(_) => return invalid(&place(), "its output is made twice".into()),
            None => return invalid(&place(), "its output is no tensor".into()),
        }
    }
    if graph.output == graph.input || !made.get(graph.output.0).is_some_and(|made| *made) {
        return invalid("graph", "no node makes its output".into());
    }
    Ok(())
}

fn check_node(graph: &Int8Graph, node: &Node<Int8Weights>) -> Result<(), String> {
    let arity = if matches!(node.op, Op::Add) { 2 } else { 1 };
    if node.inputs.len() != arity {
        return Err(format!("it has {} inputs instead of {arity}", node.inputs.len()));
    }
    let shape = |id: TensorId| graph.tensor(id).shape;
    let input = shape(node.inputs[0]);
    let expected = match &node.op {
        Op::Conv2d(conv) => conv_output(conv, input)?,
        Op::MaxPool2d(window) | Op::AveragePool2d(window) => windowed(window, input, input.c)?,
        Op::Relu => input,
        Op::Add if shape(node.inputs[1]) == input => input,
        Op::Add => {
            let other = text(shape(node.inputs[1]));
            return Err(format!("its inputs are {} and {other}, of different shapes", text(input)));
        }
    };
    if shape(node.output) != expected {
        let (claimed, expected) = (text(shape(node.output)), text(expected));
        return Err(format!("its output is declared {claimed} but computes {expected}"));
    }
    Ok(())
}

fn conv_output(conv: &Conv2d<Int8Weights>, input: Shape) -> Result<Shape, String> {
    let Int8Weights { values, bias, scales } = &conv.weights;
    let oc = bias.len();
    if conv.groups == 0 || !input.c.is_multiple_of(conv.groups) || !oc.is_multiple_of(conv.groups) {
        let groups = conv.groups;
        return Err(format!("{groups} groups do not divide {} and {oc} channels", input.c));
    }
    let output = windowed(&conv.window, input, oc)?;
    let [kh, kw] = conv.window.kernel;
    let ic = input.c / conv.groups;
    let count = [kh, kw, ic].iter().try_fold(oc, |product, size| product.checked_mul(*size));
    if count != Some(values.len()) {
        return Err(format!("[{oc}, {kh}, {kw}, {ic}] are not its {} weights", values.len()));
    }
    if scales.len() != oc {
        return Err(format!("it has {} weight scales for {oc} channels", scales.len()));
    }
    match scales.iter().position(|scale| !positive(*scale)) {
        Some(channel) => Err(format!("weight scale {channel} is not positive")),
        None => Ok(output),
    }
}

fn windowed(window: &Window, input: Shape, c: usize) -> Result<Shape, String> {
    let padding = window.padding;
    if [padding.top, padding.left, padding.bottom, padding.right].iter().any(|n| *n > MAX_MAP_BYTES)
    {
        return Err("its padding is larger than any map".into());
    }
    match window.positions(input.h, input.w) {
        Some([h, w]) => Ok(Shape::new(h, w, c)),
        None => Err(format!("its window does not fit on {}", text(input))),
    }
}

fn map_bytes(shape: Shape) -> Option<usize> {
    shape.h.checked_mul(shape.w)?.checked_mul(shape.c)
}

fn positive(scale: f32) -> bool {
    scale.is_finite() && scale > 0.0
}

fn text(shape: Shape) -> String {
    format!("[{}, {}, {}]", shape.h, shape.w, shape.c)
}

fn invalid<T>(place: &str, problem: String) -> Result<T, CompileError> {
    Err(CompileError::InvalidGraph { place: place.into(), problem })
}
