//! Writes a graph as an ONNX model: opset 17, IR 8, batch 1, NCHW, int8 or f32 input, f32 probabilities.
//!
//! The same graph always gives the same bytes.

mod attributes;
mod builder;
mod codes;
mod float;
mod formula;
mod moved;
mod operators;
mod qdq;
mod qlinear;
mod reals;
mod tail;
mod weights;

use crate::graph::{FloatGraph, Graph, Int8Graph, Node, Quantization};
use crate::onnx::proto::{GraphProto, ModelProto, OperatorSetIdProto, data_type};
use crate::onnx::{Form, metadata};
use crate::op::{Int8Weights, Op};
use builder::Builder;
use prost::Message;
use reals::Format;
use std::collections::{HashMap, HashSet};

/// The operator set that written files use: the last one that every runtime in use understands.
const OPSET: i64 = 17;
/// The file format that belongs to it.
const IR_VERSION: i64 = 8;
/// The graph name that stands for "no name", which ONNX forbids; PyTorch writes the same.
pub(crate) const NAMELESS: &str = "main_graph";

/// A builder of an int8 model.
type Int8Builder<'a> = Builder<'a, Int8Weights, Quantization>;

/// Whether every operation of `graph` can be written: some of [`crate::CodesOp`] exist to read other tools'
/// files, with arithmetic that has no operator in the standard operator set.
pub fn is_writable(graph: &Int8Graph) -> bool {
    graph.nodes.iter().all(|node| is_writable_node(graph, node))
}

/// Whether a node of `graph` can be written.
pub fn is_writable_node(graph: &Int8Graph, node: &Node<Int8Weights>) -> bool {
    match &node.op {
        Op::Codes(op) => codes::is_writable(op, graph.tensor(node.inputs[0]).shape),
        _ => true,
    }
}

/// The ONNX file of `graph`, which must be valid ([`crate::Graph::validate`]).
///
/// The int8 tensors keep their names, and so do the nodes of which no two have one; constants are named after the tensor or
/// node they belong to. After the logits come a DequantizeLinear and a Softmax in f32.
/// [`crate::onnx::read`] gives the same graph back, with its tensors numbered in order of
/// definition.
///
/// # Panics
/// If a node refers to a tensor that does not exist, or the graph is not [`is_writable`].
pub fn write(graph: &Int8Graph, form: Form) -> Vec<u8> {
    let named = with_names_of_their_own(graph);
    let graph = named.as_ref().unwrap_or(graph);
    let mut builder = Builder::new(graph);
    for node in &graph.nodes {
        match form {
            Form::QLinear => qlinear::node(&mut builder, node),
            Form::Qdq => qdq::node(&mut builder, node),
        }
    }
    model(builder, data_type::INT8)
}

/// The ONNX file of a float graph, which must be valid ([`crate::Graph::validate`]).
///
/// Its input is f32, what the graph's is; after the logits comes a Softmax. Names are kept as [`write()`] keeps them, and
/// [`crate::onnx::read_float`] gives the same graph back where a function is not one of a later operator set.
///
/// # Errors
/// The name of a node whose operation has no operator in the operator set.
///
/// # Panics
/// If a node refers to a tensor that does not exist.
pub fn write_float(graph: &FloatGraph) -> Result<Vec<u8>, String> {
    if let Some(node) = graph.nodes.iter().find(|node| !float::is_writable(graph, node)) {
        return Err(node.name.clone());
    }
    let named = with_names_of_their_own(graph);
    let graph = named.as_ref().unwrap_or(graph);
    let mut builder = Builder::new(graph);
    for node in &graph.nodes {
        float::node(&mut builder, node);
    }
    Ok(model(builder, data_type::FLOAT))
}

/// The file of what `builder` has written, whose input has elements of this type.
fn model<W, F: Format>(mut builder: Builder<'_, W, F>, element: i32) -> Vec<u8> {
    let graph = builder.graph;
    let output = tail::probabilities(&mut builder, graph.output);
    let input = builder.input(element);
    let (producer_name, producer_version) = metadata::split_producer(&graph.metadata.producer);
    let name = if graph.metadata.name.is_empty() { NAMELESS } else { &graph.metadata.name };
    let (node, initializer) = builder.finish();
    ModelProto {
        ir_version: IR_VERSION,
        producer_name,
        producer_version,
        graph: Some(GraphProto {
            node,
            name: name.to_owned(),
            initializer,
            input: vec![input],
            output: vec![output],
        }),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        metadata_props: metadata::properties(&graph.metadata),
    }
    .encode_to_vec()
}

/// `graph` with another name for each node that has the name of one before it, as onnxruntime refuses these;
/// `None` if there is none. A node may have no name.
fn with_names_of_their_own<W: Clone, F: Clone>(graph: &Graph<W, F>) -> Option<Graph<W, F>> {
    let mut taken: HashSet<String> = HashSet::new();
    let mut times: HashMap<&str, usize> = HashMap::new();
    let mut renamed: Option<Graph<W, F>> = None;
    for (index, node) in graph.nodes.iter().enumerate().filter(|(_, node)| !node.name.is_empty()) {
        let times = times.entry(&node.name).or_default();
        let mut name = node.name.clone();
        while !taken.insert(name.clone()) {
            *times += 1;
            name = format!("{}_{}", node.name, *times + 1);
        }
        if name != node.name {
            renamed.get_or_insert_with(|| graph.clone()).nodes[index].name = name;
        }
    }
    renamed
}
