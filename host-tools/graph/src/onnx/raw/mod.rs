//! The checked form of a file: nodes in execution order, every name defined once, constants
//! decoded.
//!
//! It holds what the output depends on and nothing else, so that an unused node or a damaged
//! constant that nobody reads does no harm.

mod array;
mod attributes;
mod check;
mod interface;
mod order;

pub(crate) use array::{Array, Data, MAX_RANK, element_count};
pub(crate) use attributes::Attributes;
pub(crate) use check::raw_graph;

use super::error::{OnnxError, Place};
use super::interface::{Element, Port};
use crate::graph::Metadata;
use std::collections::HashMap;
use std::rc::Rc;

/// A checked file.
#[derive(Debug)]
pub(crate) struct RawGraph {
    /// For messages.
    pub(crate) file: String,
    /// Length of the file: what sizes in it are judged by.
    pub(crate) file_bytes: usize,
    /// Version of the standard operators.
    pub(crate) opset: i64,
    pub(crate) input: Port,
    /// Name of the output.
    pub(crate) output: String,
    pub(crate) output_element: Element,
    /// Those that the output depends on, in execution order.
    pub(crate) nodes: Vec<RawNode>,
    /// Those that the nodes read.
    pub(crate) constants: HashMap<String, Rc<Array>>,
    pub(crate) metadata: Metadata,
}

/// An operator call.
#[derive(Debug)]
pub(crate) struct RawNode {
    pub(crate) name: String,
    pub(crate) op: String,
    pub(crate) domain: Domain,
    /// `None` for an optional input that is not given.
    pub(crate) inputs: Vec<Option<String>>,
    /// An output nobody can name is empty.
    pub(crate) outputs: Vec<String>,
    pub(crate) attributes: Attributes,
}

/// Whose operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Domain {
    /// ONNX's own.
    Standard,
    /// `com.microsoft`: onnxruntime's quantized operators.
    Microsoft,
    /// Any other.
    Other(String),
}

impl RawNode {
    /// Where it stands, for messages.
    pub(crate) fn place(&self, file: &str) -> Place {
        let output = self.outputs.first().map_or("", String::as_str);
        let node = if self.name.is_empty() { output } else { &self.name };
        let op = match &self.domain {
            Domain::Standard => self.op.clone(),
            Domain::Microsoft => format!("com.microsoft {}", self.op),
            Domain::Other(domain) => format!("{domain} {}", self.op),
        };
        Place { file: file.to_owned(), node: node.to_owned(), op }
    }

    /// An error about how this node is used.
    pub(crate) fn refuse(&self, file: &str, reason: String, rewrite: &str) -> OnnxError {
        OnnxError::Operand { place: self.place(file), reason, rewrite: rewrite.to_owned() }
    }
}
