//! A file as its other runtimes run it: the very numbers that it declares as its output.
//!
//! A device computes codes. Where a file leaves the result of its last layer in float, a device has codes of a scale
//! that the reader chose; the file's own numbers are computed here, on the host, from the codes that the last layer reads.

use crate::desktop::Simulator;
use thumbnet_compile::{CompileError, Options, Program, compile};
use thumbnet_graph::evaluate::evaluate_node;
use thumbnet_graph::onnx::{Interface, Numbers};
use thumbnet_graph::{Int8Graph, TensorId};

/// The codes that a file's output is made of, and how.
pub struct FileOutput<'g> {
    graph: &'g Int8Graph,
    interface: &'g Interface,
    /// The map that the last layer reads, where the file leaves that layer's result in float.
    last_map: Option<TensorId>,
    /// Computes that map, or the logits; `None` where the map is the input itself.
    program: Option<Program>,
}

impl<'g> FileOutput<'g> {
    /// Compiles what has to be computed of `graph`.
    ///
    /// # Errors
    /// [`CompileError`] if the graph cannot be compiled.
    pub fn new(graph: &'g Int8Graph, interface: &'g Interface) -> Result<Self, CompileError> {
        let last_map = interface.last_map(graph);
        let program = match last_map {
            Some(map) if map == graph.input => None,
            map => {
                let part = graph.clone().ending_in(map.unwrap_or(graph.output));
                // The digest ties generated code to its file; nothing is generated here.
                Some(compile(&part, [0; 8], &Options::default())?)
            }
        };
        Ok(Self { graph, interface, last_map, program })
    }

    /// Whether the file leaves the result of its last layer in float.
    pub fn is_float(&self) -> bool {
        self.last_map.is_some()
    }

    /// Working memory for [`FileOutput::codes`].
    pub fn simulator(&self) -> Option<Simulator<'_>> {
        self.program.as_ref().map(Simulator::new)
    }

    /// The codes that the output is made of, for `input` `[h, w, c]`.
    ///
    /// # Panics
    /// If `input` has the wrong length.
    pub fn codes(&self, simulator: &mut Option<Simulator<'_>>, input: &[i8]) -> Vec<i8> {
        match simulator {
            Some(simulator) => simulator.run(input, &mut |_, _| {}).to_vec(),
            None => input.to_vec(),
        }
    }

    /// The file's output, of such codes.
    pub fn numbers(&self, codes: &[i8]) -> Numbers {
        match self.last_map {
            Some(_) => self.interface.float_output(self.graph, codes),
            None => None,
        }
        .unwrap_or_else(|| self.interface.output_numbers(codes))
    }

    /// The logits that a device gives, of such codes.
    pub fn logits(&self, codes: &[i8]) -> Vec<i8> {
        let Some(map) = self.last_map else { return codes.to_vec() };
        let mut known = vec![Vec::new(); self.graph.tensors.len()];
        known[map.0] = codes.to_vec();
        for node in &self.graph.nodes {
            let is_new = known[node.output.0].is_empty();
            if is_new && node.inputs.iter().all(|input| !known[input.0].is_empty()) {
                known[node.output.0] = evaluate_node(self.graph, node, &known);
            }
        }
        std::mem::take(&mut known[self.graph.output.0])
    }
}
