//! Questions that more than one consumer of a graph asks.

use crate::graph::{Graph, TensorId};
use crate::op::{Op, Weights};

impl<W, F> Graph<W, F> {
    /// Indices of the nodes that read tensor `id`, in execution order; a node that reads it twice
    /// comes once.
    pub fn consumers(&self, id: TensorId) -> impl Iterator<Item = usize> {
        let reads = move |(index, node): (usize, &crate::Node<W>)| {
            node.inputs.contains(&id).then_some(index)
        };
        self.nodes.iter().enumerate().filter_map(reads)
    }

    /// Index of the node that makes tensor `id`; `None` for the graph's input.
    pub fn producer(&self, id: TensorId) -> Option<usize> {
        self.nodes.iter().position(|node| node.output == id)
    }
}

impl<W: Weights, F> Graph<W, F> {
    /// Multiply-accumulates of node `index`: those of convolutions; other operations have none.
    ///
    /// # Panics
    /// If there is no such node or its tensors do not exist.
    pub fn macs(&self, index: usize) -> u64 {
        let node = &self.nodes[index];
        match &node.op {
            Op::Conv2d(conv) => {
                let output = self.tensor(node.output).shape;
                (output.h as u64)
                    .saturating_mul(output.w as u64)
                    .saturating_mul(conv.weights.count() as u64)
            }
            Op::MaxPool2d(_)
            | Op::AveragePool2d(_)
            | Op::Add
            | Op::Relu
            | Op::Clip(_)
            | Op::Codes(_)
            | Op::Real(_) => 0,
        }
    }

    /// Multiply-accumulates of all nodes.
    pub fn total_macs(&self) -> u64 {
        (0..self.nodes.len()).fold(0, |sum, index| sum.saturating_add(self.macs(index)))
    }
}
