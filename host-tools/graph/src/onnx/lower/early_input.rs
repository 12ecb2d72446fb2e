//! Copies of the input before it is quantized: a pad, slices and joins stand before the first QuantizeLinear.
//! The code of a copied number is the copied code, so the input is quantized before them.

use super::Lowering;
use super::value::{Real, Source};
use super::views::is_view;
use crate::graph::{Quantization, TensorId};
use crate::onnx::raw::RawNode;
use std::collections::HashSet;

impl Lowering<'_> {
    /// The input's codes, if `real` is the unquantized input and nothing but copies of it is quantized, in one
    /// format.
    pub(crate) fn input_before_copies(&mut self, real: &Real) -> Option<TensorId> {
        let input = self.draft.input();
        if real.source != Source::Input || !real.clamp.is_none() {
            return None;
        }
        if self.draft.format(input).is_none() {
            let format = self.format_of_copies()?;
            let name = self.raw.input.name.clone();
            self.draft.set_input_format(format, &name);
        }
        Some(input)
    }

    /// The one format in which copies of the input are quantized.
    fn format_of_copies(&self) -> Option<Quantization> {
        let mut copies: HashSet<&str> = HashSet::from([self.raw.input.name.as_str()]);
        let mut format = None;
        for node in &self.raw.nodes {
            let is_read = node.inputs.iter().flatten().any(|name| copies.contains(name.as_str()));
            match node.op.as_str() {
                _ if !is_read => {}
                "QuantizeLinear" => {
                    let found = self.format(node, 1, 2).ok()?.format;
                    if format.is_some_and(|format| format != found) {
                        return None;
                    }
                    format = Some(found);
                }
                "Shape" => {}
                _ if copies_numbers(node) => copies.extend(node.outputs.iter().map(String::as_str)),
                _ => return None,
            }
        }
        format
    }
}

fn copies_numbers(node: &RawNode) -> bool {
    let is_copy = matches!(
        node.op.as_str(),
        "Pad" | "Slice" | "Split" | "Concat" | "DepthToSpace" | "SpaceToDepth" | "Resize"
    );
    is_copy || is_view(&node.op)
}
