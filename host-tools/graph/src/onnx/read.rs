//! Reads an ONNX file.

use super::error::OnnxError;
use super::interface::Interface;
use super::lower::{lower, lower_float};
use super::preflight;
use super::proto::ModelProto;
use super::raw::raw_graph;
use crate::graph::{FloatGraph, Int8Graph};
use crate::validate::GraphError;
use prost::Message;

/// How many times the size of a file its decoded form may take. Real files stay below 3.
const DECODED_FACTOR: usize = 8;
/// What a small file may take anyway.
const DECODED_FLOOR: usize = 1 << 20;

/// The int8 network in the ONNX file `bytes`; `file` is its name for messages.
///
/// Reads what [`crate::onnx::write`] writes and what other tools quantize: QDQ and operator form,
/// int8 and uint8 activations (re-coded to int8), per-tensor and per-channel weights, NCHW and
/// NHWC. The float parts around the network, quantization of the input and softmax, are stripped:
/// the graph goes from int8 input to int8 logits. Tensors are numbered in order of definition.
///
/// # Errors
/// For every file that is not such a network, whatever its bytes, in time and memory of a small
/// multiple of its size.
pub fn read(bytes: &[u8], file: &str) -> Result<Int8Graph, OnnxError> {
    import(bytes, file).map(|(graph, _)| graph)
}

/// As [`read`], and how the file's own input and output relate to the graph's codes.
///
/// # Errors
/// As [`read`].
pub fn import(bytes: &[u8], file: &str) -> Result<(Int8Graph, Interface), OnnxError> {
    let raw = raw_graph(decode(bytes, file)?, file, bytes.len())?;
    let (graph, interface) = lower(&raw)?;
    graph.validate().map_err(|error| invalid(file, &error))?;
    Ok((graph, interface))
}

/// The float network in the ONNX file `bytes`; `file` is its name for messages.
///
/// Batch normalization and sums and products with constants, one number a channel, become depthwise
/// convolutions of one tap. A softmax at the end is stripped: the graph goes from float input to
/// logits.
///
/// # Errors
/// For every file that is not such a network, quantized ones included; in time and memory of a
/// small multiple of its size.
pub fn read_float(bytes: &[u8], file: &str) -> Result<FloatGraph, OnnxError> {
    let raw = raw_graph(decode(bytes, file)?, file, bytes.len())?;
    let graph = lower_float(&raw)?;
    graph.validate().map_err(|error| invalid(file, &error))?;
    Ok(graph)
}

fn invalid(file: &str, error: &GraphError) -> OnnxError {
    OnnxError::Interface {
        file: file.to_owned(),
        reason: error.to_string(),
        rewrite: "export the model again".to_owned(),
    }
}

pub(super) fn decode(bytes: &[u8], file: &str) -> Result<ModelProto, OnnxError> {
    let refuse = |reason: String, rewrite: &str| OnnxError::NotOnnx {
        file: file.to_owned(),
        reason,
        rewrite: rewrite.to_owned(),
    };
    if bytes.is_empty() {
        return Err(refuse("it is empty".to_owned(), "export the model again"));
    }
    let looks_like_text =
        bytes.iter().take(64).all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t'));
    if looks_like_text {
        return Err(refuse("it is text".to_owned(), "give the .onnx file that an exporter wrote"));
    }
    let decoded = preflight::decoded_bytes(bytes).map_err(|error| {
        let reason = format!("at byte {} of {}, {}", error.offset, bytes.len(), error.reason);
        refuse(reason, "copy or export the file again: it may be cut off")
    })?;
    if decoded > bytes.len().saturating_mul(DECODED_FACTOR).max(DECODED_FLOOR) {
        return Err(OnnxError::TooLarge {
            file: file.to_owned(),
            reason: "it is made of more empty parts than any real model".to_owned(),
            rewrite: "export the model again".to_owned(),
        });
    }
    ModelProto::decode(bytes).map_err(|error| {
        refuse(error.to_string(), "copy or export the file again: it may be damaged")
    })
}
