//! Any function of one code: a table of its 256 results.

use crate::map::Map;

/// Entries of a table.
const ENTRIES: usize = 256;

/// An element-wise function: an activation function, or a change of scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lookup<'a> {
    /// One table for all elements, or one a channel: `[256]` or `[c, 256]`, the result of code -128 first.
    pub tables: &'a [i8],
}

impl Lookup<'_> {
    /// Whether there are whole tables, as many as divide the maps; the kernels do nothing where not.
    pub fn describes(&self, input: &Map, output: &Map) -> bool {
        let channels = self.tables.len() / ENTRIES;
        channels > 0
            && self.tables.len() == channels * ENTRIES
            && input.len() == output.len()
            && output.len().is_multiple_of(channels)
    }
}

/// The table's result for each code.
///
/// It reads a code before it writes there, so `output` may be `input`. A `layer` that does not
/// [describe](Lookup::describes) its maps leaves `output` as it is.
pub fn lookup(layer: &Lookup<'_>, input: &Map, output: &Map) {
    if !layer.describes(input, output) {
        return;
    }
    let (tables, _) = layer.tables.as_chunks::<ENTRIES>();
    let channels = tables.len().max(1);
    for (output, input) in output.chunks(channels).zip(input.chunks(channels)) {
        for ((output, input), table) in output.iter().zip(input).zip(tables) {
            let index = usize::from(input.get().cast_unsigned() ^ 0x80);
            output.set(table[index]);
        }
    }
}
