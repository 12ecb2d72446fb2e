//! Copies of a map in another order: slices, transposes, shuffles, nearest-neighbour enlargement.

use crate::map::Map;

/// Most loops of a [`Rearrange`].
pub const MAX_LOOPS: usize = 6;

/// Where in the input each code of the output stands: `start` plus, for each loop from the outermost to the
/// innermost, its index times its stride.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rearrange {
    /// Offset of the first code.
    pub start: usize,
    /// From the outermost to the innermost; loops of one step where fewer are needed.
    pub loops: [Loop; MAX_LOOPS],
}

/// One loop of a [`Rearrange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loop {
    /// How many steps.
    pub count: usize,
    /// Distance in the input from one to the next; 0 repeats, below 0 goes backwards.
    pub stride: isize,
}

impl Loop {
    /// One step: no loop.
    pub const ONCE: Self = Self { count: 1, stride: 0 };
}

impl Rearrange {
    /// Whether the loops make as many codes as the output has; the kernels do nothing where not.
    pub fn describes(&self, output: &Map) -> bool {
        let len = self.loops.iter().try_fold(1_usize, |len, each| len.checked_mul(each.count));
        len == Some(output.len())
    }
}

/// Copies the codes.
///
/// A `layer` that does not [describe](Rearrange::describes) its output leaves it as it is; a code that lies off
/// the input is left as it is.
pub fn rearrange(layer: &Rearrange, input: &Map, output: &Map) {
    if !layer.describes(output) {
        return;
    }
    let [outer @ .., inner] = layer.loops;
    let mut indices = [0_usize; MAX_LOOPS - 1];
    let mut offset = layer.start;
    for run in output.chunks(inner.count.max(1)) {
        let mut from = offset;
        for code in run {
            if let Some(input) = input.get(from) {
                code.set(input.get());
            }
            from = from.wrapping_add_signed(inner.stride);
        }
        // By reference: the iterator of an array itself has a panic path at the other end.
        for (index, each) in indices.iter_mut().zip(&outer).rev() {
            *index += 1;
            offset = offset.wrapping_add_signed(each.stride);
            if *index < each.count {
                break;
            }
            // Back to the start of this loop; the next outer one takes a step.
            *index = 0;
            let back = each.stride.wrapping_mul(each.count.cast_signed());
            offset = offset.wrapping_add_signed(back.wrapping_neg());
        }
    }
}
