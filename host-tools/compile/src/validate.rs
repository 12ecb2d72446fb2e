//! Is this graph fit to be compiled? Beyond what a graph promises anyway, its sizes must be those of a
//! network for a microcontroller, so that no later computation of sizes can overflow.

use crate::error::CompileError;
use thumbnet_graph::{CodesOp, Int8Graph, Op};

/// Bytes of the largest map, and rows or columns of the largest padding: a thousand times what any
/// microcontroller has.
pub(crate) const MAX_MAP_BYTES: usize = 1 << 28;

/// Nodes of the largest graph: ten times what networks for microcontrollers have. Planning takes time and memory
/// that grow with its square.
const MAX_NODES: usize = 2_048;

/// Checks the graph's promises and the limits of this crate.
///
/// # Errors
/// Names the first tensor or node that is wrong or too large.
pub(crate) fn validate(graph: &Int8Graph) -> Result<(), CompileError> {
    graph.validate()?;
    if graph.nodes.len() > MAX_NODES {
        return too_large("the graph in nodes".to_owned(), graph.nodes.len());
    }
    let tensor = graph.tensors.iter().find(|tensor| tensor.shape.len() > MAX_MAP_BYTES);
    if let Some(tensor) = tensor {
        return too_large(format!("tensor '{}'", tensor.name), tensor.shape.len());
    }
    for node in &graph.nodes {
        let largest = match &node.op {
            Op::Conv2d(conv) => largest_padding(&conv.window),
            Op::MaxPool2d(window) | Op::AveragePool2d(window) => largest_padding(window),
            Op::Codes(CodesOp::Mean(mean)) => largest_padding(&mean.window),
            Op::Codes(_) | Op::Add | Op::Relu | Op::Clip(_) | Op::Real(_) => 0,
        };
        if largest > MAX_MAP_BYTES {
            return too_large(format!("the padding of node '{}'", node.name), largest);
        }
    }
    if graph.output == graph.input {
        return Err(CompileError::Empty);
    }
    Ok(())
}

fn largest_padding(window: &thumbnet_graph::Window) -> usize {
    let padding = window.padding;
    padding.top.max(padding.left).max(padding.bottom).max(padding.right)
}

fn too_large<T>(what: String, size: usize) -> Result<T, CompileError> {
    Err(CompileError::TooLarge { what, size })
}
