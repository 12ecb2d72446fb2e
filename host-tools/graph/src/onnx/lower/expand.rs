//! Expand: a pixel repeated over a map, which the operators that read it do by themselves.

use super::Lowering;
use super::precision::Precision;
use super::value::Value;
use super::views::dims_of;
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawNode;
use std::collections::HashSet;

impl<P: Precision> Lowering<'_, P> {
    /// Expand, where only sums and products with maps read what it makes: they repeat a pixel anyway.
    pub(crate) fn expand(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        node.only(&self.raw.file, &[])?;
        let wanted = self.integers(node, 1)?;
        let value = self.value(node, 0)?.clone();
        let dims = dims_of(&value);
        let grows = wanted.len() > dims.len()
            || wanted.iter().rev().zip(dims.iter().rev()).any(|(&side, &has)| side > has as i64);
        if !grows || self.is_only_combined(node) {
            return Ok(value);
        }
        let reason =
            format!("it repeats its input {dims:?} for other operators than sums and products");
        Err(self.refuse(node, reason, "combine the map with the pixel itself"))
    }

    /// Whether every reader of what `node` makes combines it with something else.
    fn is_only_combined(&self, node: &RawNode) -> bool {
        let mut made: HashSet<&str> = node.outputs.iter().map(String::as_str).collect();
        for reader in &self.raw.nodes {
            let reads =
                |name: &Option<String>| name.as_deref().is_some_and(|name| made.contains(name));
            let count = reader.inputs.iter().filter(|name| reads(name)).count();
            match reader.op.as_str() {
                _ if count == 0 => {}
                "QuantizeLinear" | "DequantizeLinear" | "Identity" => {
                    made.extend(reader.outputs.iter().map(String::as_str));
                }
                "Add" | "Sub" | "Mul" | "QLinearAdd" | "QLinearMul" if count == 1 => {}
                _ => return false,
            }
        }
        !made.contains(self.raw.output.as_str())
    }
}
