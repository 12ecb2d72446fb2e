//! What both executors ask of a graph beyond [`thumbnet_graph::Graph`]'s own rules.
//!
//! Everything after this check may index freely.

use crate::QuantizeError;
use thumbnet_graph::{FloatGraph, Graph, Int8Graph, Op};

/// Most elements in all tensors of a graph together. Executors keep them all; a network for a
/// microcontroller has a thousandth of this.
const MOST_ELEMENTS: usize = 1 << 28;

/// Checks a float graph, its constants included.
pub(crate) fn check_float(graph: &FloatGraph) -> Result<(), QuantizeError> {
    graph.validate()?;
    check_size(graph)?;
    for node in &graph.nodes {
        let Op::Conv2d(conv) = &node.op else { continue };
        let weights = &conv.weights;
        if !weights.values.iter().chain(&weights.bias).all(|value| value.is_finite()) {
            return Err(QuantizeError::NotFinite { name: node.name.clone() });
        }
    }
    Ok(())
}

/// Checks an int8 graph.
pub(crate) fn check_int8(graph: &Int8Graph) -> Result<(), QuantizeError> {
    graph.validate()?;
    check_size(graph)
}

fn check_size<W, F>(graph: &Graph<W, F>) -> Result<(), QuantizeError> {
    if graph.nodes.is_empty() {
        return Err(QuantizeError::Empty);
    }
    let lengths = graph.tensors.iter().map(|tensor| tensor.shape.len());
    let elements = lengths.fold(0, usize::saturating_add);
    if elements > MOST_ELEMENTS {
        return Err(QuantizeError::TooLarge { elements, limit: MOST_ELEMENTS });
    }
    Ok(())
}
