//! A border of one value around a map.

use crate::geometry::{Padding, Shape};
use crate::map::Map;

/// A map in a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pad {
    /// Input map `[h, w, c]`.
    pub input: Shape,
    /// Rows and columns of the frame.
    pub padding: Padding,
    /// Code of the frame.
    pub value: i8,
}

impl Pad {
    /// Whether the maps have the sizes that the input's shape and the padding say; the kernels do nothing where
    /// not.
    pub fn describes(&self, input: &Map, output: &Map) -> bool {
        let made = self.padding.around(self.input).and_then(Shape::checked_len);
        !input.is_empty()
            && self.input.checked_len() == Some(input.len())
            && made == Some(output.len())
    }
}

/// The input with `value` around it.
///
/// A `layer` that does not [describe](Pad::describes) its maps leaves `output` as it is.
///
/// Source: ONNX Pad-13, constant mode.
pub fn pad(layer: &Pad, input: &Map, output: &Map) {
    if !layer.describes(input, output) {
        return;
    }
    let Shape { w, c, .. } = layer.input;
    let Padding { top, left, right, .. } = layer.padding;
    let row_len = ((left + w + right) * c).max(1);
    let input_row_len = (w * c).max(1);
    for (y, row) in output.chunks(row_len).enumerate() {
        let inside = y.checked_sub(top).and_then(|y| input.chunks(input_row_len).nth(y));
        let mut codes = inside.unwrap_or_default().iter();
        for (at, code) in row.iter().enumerate() {
            let from = if at < left * c { None } else { codes.next() };
            code.set(from.map_or(layer.value, |from| from.get()));
        }
    }
}
