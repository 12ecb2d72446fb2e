//! Which axes of the input are channels, where operators that do not say so come first.

use crate::onnx::raw::{RawGraph, RawNode};
use std::collections::HashSet;

/// Whether the file writes its input channels last, by the first operator over it that says which axes are
/// channels: a layer, or a transpose that puts them in their place. `None` if no operator does.
pub(crate) fn channels_last(raw: &RawGraph) -> Option<bool> {
    let mut inputs: HashSet<&str> = HashSet::from([raw.input.name.as_str()]);
    for node in &raw.nodes {
        if !node.inputs.iter().flatten().any(|name| inputs.contains(name.as_str())) {
            continue;
        }
        match node.op.as_str() {
            "Conv" | "QLinearConv" | "MaxPool" | "AveragePool" | "BatchNormalization"
            | "DepthToSpace" | "SpaceToDepth" | "GlobalMaxPool" | "GlobalAveragePool" => {
                return Some(false);
            }
            "Transpose" => match permutation(node, &raw.file) {
                Some([0, 3, 1, 2]) => return Some(true),
                Some([0, 2, 3, 1]) => return Some(false),
                _ => {}
            },
            "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Shape" | "MatMul" | "Gemm" => {}
            _ => inputs.extend(node.outputs.iter().map(String::as_str)),
        }
    }
    None
}

fn permutation<'n>(node: &'n RawNode, file: &str) -> Option<&'n [i64; 4]> {
    node.ints(file, "perm").ok().flatten()?.try_into().ok()
}
