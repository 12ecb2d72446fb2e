//! The part of a graph that one of its tensors depends on.

use crate::graph::{Graph, TensorId};

impl<W, F> Graph<W, F> {
    /// The network that ends in tensor `output`: without nodes whose results nothing reads, and without their
    /// tensors. Class names belong to the old output and are dropped with it.
    ///
    /// The graph is valid, and so is what is left of it.
    pub fn ending_in(mut self, output: TensorId) -> Self {
        if output != self.output {
            self.output = output;
            self.metadata.labels.clear();
        }
        self.without_unread_nodes()
    }

    /// The network without nodes whose results nothing reads, and without their tensors.
    pub(crate) fn without_unread_nodes(self) -> Self {
        let mut read = vec![false; self.tensors.len()];
        read[self.input.0] = true;
        read[self.output.0] = true;
        for node in self.nodes.iter().rev().filter(|node| node.output != self.input) {
            if read[node.output.0] {
                node.inputs.iter().for_each(|input| read[input.0] = true);
            }
        }
        let mut ids = vec![TensorId(0); read.len()];
        let kept = ids.iter_mut().zip(&read).filter(|(_, read)| **read);
        kept.enumerate().for_each(|(index, (id, _))| *id = TensorId(index));
        let new = |id: TensorId| ids[id.0];
        let read_nodes = self.nodes.into_iter().filter(|node| read[node.output.0]);
        let nodes = read_nodes.map(|mut node| {
            node.inputs.iter_mut().for_each(|input| *input = new(*input));
            node.output = new(node.output);
            node
        });
        let tensors = self.tensors.into_iter().zip(&read);
        Self {
            nodes: nodes.collect(),
            tensors: tensors.filter_map(|(tensor, read)| read.then_some(tensor)).collect(),
            input: new(self.input),
            output: new(self.output),
            metadata: self.metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::evaluate::evaluate;
    use crate::testing::int8_graph;

    #[test]
    fn a_part_computes_what_the_whole_computed_there() {
        for seed in 0..50 {
            let graph = int8_graph(seed);
            let input: Vec<i8> = (0..graph.tensor(graph.input).shape.len())
                .map(|at| (at * 37 % 251) as u8 as i8)
                .collect();
            let whole = evaluate(&graph, &input);
            for node in &graph.nodes {
                let part = graph.clone().ending_in(node.output);
                assert!(part.validate().is_ok(), "seed {seed}, {}", node.name);
                let codes = evaluate(&part, &input);
                assert_eq!(
                    codes[part.output.0], whole[node.output.0],
                    "seed {seed}, {}",
                    node.name
                );
            }
        }
    }
}
