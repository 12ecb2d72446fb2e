//! Concatenation of maps.

use crate::map::Map;

/// Maps one after the other along one axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Concat<'a> {
    /// How many bytes of each input follow each other: its channels where channels are joined, its rows where
    /// columns are, all of it where rows are.
    pub lengths: &'a [usize],
}

impl Concat<'_> {
    /// Whether the maps are whole numbers of their pieces; the kernels do nothing where not.
    pub fn describes(&self, inputs: &[&Map], output: &Map) -> bool {
        let total = self.lengths.iter().try_fold(0_usize, |sum, len| sum.checked_add(*len));
        let Some(blocks) = total.and_then(|total| output.len().checked_div(total)) else {
            return false;
        };
        let whole = |(input, len): (&&Map, &usize)| len.checked_mul(blocks) == Some(input.len());
        inputs.len() == self.lengths.len()
            && inputs.iter().zip(self.lengths).all(whole)
            && total.and_then(|total| total.checked_mul(blocks)) == Some(output.len())
    }
}

/// Copies the pieces of all inputs in turn.
///
/// A `layer` that does not [describe](Concat::describes) its maps leaves `output` as it is.
///
/// Source: ONNX Concat-13 on maps of one scale and zero point.
pub fn concat(layer: &Concat<'_>, inputs: &[&Map], output: &Map) {
    if !layer.describes(inputs, output) {
        return;
    }
    let total = layer.lengths.iter().sum::<usize>().max(1);
    let mut start = 0;
    for (input, len) in inputs.iter().zip(layer.lengths) {
        let places = output.get(start..).unwrap_or_default().chunks(total);
        for (place, piece) in places.zip(input.chunks((*len).max(1))) {
            place.iter().zip(piece).for_each(|(to, from)| to.set(from.get()));
        }
        start += len;
    }
}
