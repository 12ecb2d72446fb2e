//! One-dimensional layers, `[n, c, length]`: a line is a map of one row.

use super::Lowering;
use super::precision::Precision;
use super::value::Value;
use super::views::{dims_of, reshaped};
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawNode;

/// Where the one row stands among the axes.
const ROWS: usize = 2;

/// Operators that work on windows or whole maps, and say their sizes for each axis.
const LAYERS: [&str; 8] = [
    "Conv",
    "QLinearConv",
    "MaxPool",
    "GlobalMaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "QLinearAveragePool",
    "QLinearGlobalAveragePool",
];

impl<P: Precision> Lowering<'_, P> {
    /// Whether `node` is a layer over a line.
    pub(crate) fn is_along_a_line(&self, node: &RawNode) -> bool {
        let is_line = |value: &Value| dims_of(value).len() == 3;
        LAYERS.contains(&node.op.as_str()) && self.optional(node, 0).is_some_and(is_line)
    }

    /// The outputs of a layer over a line: those of the layer over a map of one row, without that row.
    pub(crate) fn along_a_line(&mut self, node: &RawNode) -> Result<Vec<Value>, OnnxError> {
        let mut lines = Vec::new();
        for name in node.inputs.iter().flatten() {
            let Some((&name, value)) = self.values.get_key_value(name.as_str()) else { continue };
            let dims = dims_of(value);
            if dims.len() != 3 || lines.iter().any(|(seen, _)| *seen == name) {
                continue;
            }
            if let Value::Constant(_) | Value::Weights(_) = value {
                self.spend(node, dims.iter().product())?;
            }
            if let Some(map) = reshaped(value, &[dims[0], dims[1], 1, dims[2]]) {
                lines.push((name, map));
            }
        }
        let maps = lines.into_iter().map(|(name, map)| (name, self.values.insert(name, map)));
        let lines: Vec<_> = maps.collect();
        let made = P::operator(self, &node.with_one_row());
        for (name, line) in lines {
            if let Some(line) = line {
                self.values.insert(name, line);
            }
        }
        Ok(made?.into_iter().map(without_row).collect())
    }
}

/// `value` without its one row.
fn without_row(value: Value) -> Value {
    let mut dims = dims_of(&value);
    if dims.len() == 4 && dims[ROWS] == 1 {
        dims.remove(ROWS);
    }
    reshaped(&value, &dims).unwrap_or(value)
}
