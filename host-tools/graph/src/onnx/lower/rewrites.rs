//! What is refused before anything is lowered, and what its owner can do instead.

use crate::onnx::error::OnnxError;
use crate::onnx::raw::{Domain, RawGraph, RawNode};

/// Refuses operators that have no place in a static int8 network, and float models.
pub(crate) fn refuse_what_cannot_be(raw: &RawGraph) -> Result<(), OnnxError> {
    for node in &raw.nodes {
        if let Some(rewrite) = hopeless(node) {
            return Err(refuse(node, &raw.file, rewrite));
        }
    }
    let quantized = raw.nodes.iter().any(quantizes);
    let layer = |node: &&RawNode| matches!(node.op.as_str(), "Conv" | "Gemm" | "MatMul");
    match raw.nodes.iter().find(layer).or(raw.nodes.first()) {
        Some(node) if !quantized => Err(OnnxError::FloatModel { place: node.place(&raw.file) }),
        _ => Ok(()),
    }
}

/// Refuses models that are quantized where a float model is wanted, and operators that have no
/// place in either.
pub(crate) fn refuse_what_is_quantized(raw: &RawGraph) -> Result<(), OnnxError> {
    for node in &raw.nodes {
        if quantizes(node) {
            return Err(OnnxError::Quantized { place: node.place(&raw.file) });
        }
        if let Some(rewrite) = hopeless(node) {
            return Err(refuse(node, &raw.file, rewrite));
        }
    }
    Ok(())
}

/// Whether `node` works on codes.
fn quantizes(node: &RawNode) -> bool {
    node.op.starts_with('Q') || node.op == "DequantizeLinear"
}

/// The error for an operator that is not known.
pub(crate) fn unsupported(node: &RawNode, file: &str) -> OnnxError {
    let rewrite = match node.op.as_str() {
        "BatchNormalization" => "fold it into the convolution before it (before quantizing)",
        "Sigmoid" | "HardSigmoid" | "HardSwish" | "Tanh" | "LeakyRelu" | "PRelu" | "Elu"
        | "Gelu" | "Mish" | "Selu" | "Softplus" => "use Relu or Clip as activation function",
        "Resize" | "Upsample" | "ConvTranspose" => "use an image classifier without upsampling",
        "ArgMax" | "TopK" => "end the model with the class scores",
        "Mul" | "Sub" | "Div" => "fold it into the weights or the preprocessing before quantizing",
        "Pad" => "give the padding to the convolution or pool after it",
        _ => {
            "remove it from the model, or replace it by convolutions, pools, dense layers and sums"
        }
    };
    refuse(node, file, rewrite)
}

/// What to do instead of an operator that no later version of this reader will take.
fn hopeless(node: &RawNode) -> Option<&'static str> {
    Some(match (&node.domain, node.op.as_str()) {
        (Domain::Other(_), _) => "use operators of ONNX or of com.microsoft",
        (_, "LSTM" | "GRU" | "RNN" | "DynamicQuantizeLSTM") => {
            "use a convolutional network: recurrent layers are not supported"
        }
        (_, "Attention" | "MultiHeadAttention" | "QAttention" | "LayerNormalization") => {
            "use a convolutional network: attention is not supported"
        }
        (_, "If" | "Loop" | "Scan" | "SequenceMap" | "NonZero" | "NonMaxSuppression") => {
            "export the model without control flow that depends on data"
        }
        (
            _,
            "DynamicQuantizeLinear"
            | "ConvInteger"
            | "MatMulInteger"
            | "DynamicQuantizeMatMul"
            | "MatMulIntegerToFloat",
        ) => {
            "use static quantization with calibration pictures (in Python: \
             onnxruntime.quantization.quantize_static)"
        }
        _ => return None,
    })
}

fn refuse(node: &RawNode, file: &str, rewrite: &str) -> OnnxError {
    OnnxError::UnsupportedOp {
        place: node.place(file),
        reason: "this operator is not supported".to_owned(),
        rewrite: rewrite.to_owned(),
    }
}
