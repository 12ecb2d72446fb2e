//! Writes an [`Int8Graph`] as an ONNX model: opset 17, IR 8, batch 1, NCHW, int8 input, float
//! probabilities.
//!
//! The same graph always gives the same bytes.

mod builder;
mod qdq;
mod qlinear;
mod tail;

use crate::codes_op::{CodesOp, Mean};
use crate::graph::Int8Graph;
use crate::onnx::proto::{GraphProto, ModelProto, OperatorSetIdProto};
use crate::onnx::{Form, metadata};
use crate::op::Op;
use builder::Builder;
use prost::Message;

/// The operator set that written files use: the last one that every runtime in use understands.
const OPSET: i64 = 17;
/// The file format that belongs to it.
const IR_VERSION: i64 = 8;
/// The graph name that stands for "no name", which ONNX forbids; PyTorch writes the same.
pub(crate) const NAMELESS: &str = "main_graph";

/// Whether every operation of `graph` can be written: those of [`CodesOp`] exist to read other tools'
/// files, and of them only average pools can.
pub fn is_writable(graph: &Int8Graph) -> bool {
    graph.nodes.iter().all(|node| match &node.op {
        Op::Codes(CodesOp::Mean(mean)) => {
            let input = graph.tensor(node.inputs[0]).shape;
            *mean == Mean::average_pool(mean.window, input, mean.counts_padding, OPSET)
        }
        Op::Codes(_) => false,
        _ => true,
    })
}

/// The ONNX file of `graph`, which must be valid ([`crate::Graph::validate`]).
///
/// The int8 tensors keep their names, and so do the nodes; constants are named after the tensor or
/// node they belong to. After the logits come a DequantizeLinear and a Softmax in f32.
/// [`crate::onnx::read`] gives the same graph back, with its tensors numbered in order of
/// definition.
///
/// # Panics
/// If a node refers to a tensor that does not exist, or the graph is not [`is_writable`].
pub fn write(graph: &Int8Graph, form: Form) -> Vec<u8> {
    let mut builder = Builder::new(graph);
    for node in &graph.nodes {
        match form {
            Form::QLinear => qlinear::node(&mut builder, node),
            Form::Qdq => qdq::node(&mut builder, node),
        }
    }
    let output = tail::probabilities(&mut builder, graph.output);
    let input = builder.input(graph.input);
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
