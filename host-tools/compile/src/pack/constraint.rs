//! Where a buffer may lie beside another one that is alive with it.

use super::{Buffer, Pair};
use thumbnet_kernels::order::Overlap;

/// What two buffers owe each other, seen from one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Constraint {
    /// They share no byte.
    Apart,
    /// The other is the input that dies where this one, the output, is born.
    OnInput(Overlap),
    /// This one is the input, the other the output.
    UnderOutput(Overlap),
}

/// A buffer that is alive with another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neighbour {
    /// Which.
    pub index: usize,
    /// What they owe each other.
    pub constraint: Constraint,
}

/// For each buffer those that are alive with it.
pub(super) fn neighbours(buffers: &[Buffer], pairs: &[Pair]) -> Vec<Vec<Neighbour>> {
    let mut starts: Vec<usize> = (0..buffers.len()).collect();
    starts.sort_by_key(|index| buffers[*index].first);
    let mut neighbours = vec![Vec::new(); buffers.len()];
    for (rank, &one) in starts.iter().enumerate() {
        let later = starts[rank + 1..].iter();
        for &other in later.take_while(|other| buffers[**other].first <= buffers[one].last) {
            let constraint = Constraint::Apart;
            neighbours[one].push(Neighbour { index: other, constraint });
            neighbours[other].push(Neighbour { index: one, constraint });
        }
    }
    for Pair { input, output, overlap } in pairs {
        let mut set = |of: usize, index: usize, constraint| {
            let neighbour: Option<&mut Neighbour> =
                neighbours[of].iter_mut().find(|neighbour| neighbour.index == index);
            if let Some(neighbour) = neighbour {
                neighbour.constraint = constraint;
            }
        };
        set(*output, *input, Constraint::OnInput(*overlap));
        set(*input, *output, Constraint::UnderOutput(*overlap));
    }
    neighbours
}

impl Constraint {
    /// The lowest offset from `offset` on at which `buffer` is allowed beside `other` at `other_offset`.
    /// `offset` is aligned, and so is the result.
    pub(super) fn lowest(
        self,
        offset: usize,
        buffer: &Buffer,
        other_offset: usize,
        other: &Buffer,
    ) -> usize {
        if offset + buffer.bytes <= other_offset {
            return offset;
        }
        let above = offset.max(other_offset + other.bytes).next_multiple_of(buffer.alignment);
        let on = match self {
            Self::Apart => None,
            // The distance is `other_offset - offset`: it shrinks as this one rises.
            Self::OnInput(overlap) => {
                let offset = congruent(offset, other_offset, overlap.step);
                overlap.allows(other_offset as isize - offset as isize).then_some(offset)
            }
            Self::UnderOutput(overlap) => {
                let lowest = other_offset as isize + overlap.lead;
                let lowest = offset.max(usize::try_from(lowest).unwrap_or(0));
                Some(congruent(lowest, other_offset, overlap.step))
            }
        };
        on.map_or(above, |on| on.min(above))
    }
}

/// The lowest number from `from` on whose distance from `other` is a multiple of `step`.
fn congruent(from: usize, other: usize, step: usize) -> usize {
    from + (other as isize - from as isize).rem_euclid(step as isize) as usize
}

/// The most bytes that the two maps of a pair can have in common.
pub(super) fn most_shared(overlap: Overlap, input_bytes: usize, output_bytes: usize) -> usize {
    // Output from 0, input from `distance`: less in common the further from 0.
    let distance = overlap.least_distance().max(0).unsigned_abs();
    input_bytes.min(output_bytes.saturating_sub(distance))
}

#[cfg(test)]
mod tests {
    use super::{Constraint, most_shared};
    use crate::pack::Buffer;
    use thumbnet_kernels::order::Overlap;

    fn buffer(bytes: usize) -> Buffer {
        Buffer { bytes, alignment: 4, first: 0, last: 0 }
    }

    #[test]
    fn an_output_lies_below_its_input_by_the_lead_or_apart() {
        let constraint = Constraint::OnInput(Overlap { lead: 8, step: 4 });
        let lowest = |offset| constraint.lowest(offset, &buffer(20), 100, &buffer(40));
        assert_eq!([0, 80, 84, 92].map(lowest), [0, 80, 84, 92]);
        assert_eq!([96, 100, 136, 140, 144].map(lowest), [140, 140, 140, 140, 144]);
    }

    #[test]
    fn an_input_lies_above_its_output_by_the_lead_or_apart() {
        let constraint = Constraint::UnderOutput(Overlap { lead: 6, step: 12 });
        let lowest = |offset| constraint.lowest(offset, &buffer(20), 100, &buffer(40));
        assert_eq!([80, 84, 108, 112, 116].map(lowest), [80, 112, 112, 112, 124]);
        assert_eq!([128, 144].map(lowest), [136, 144]);
        let behind = Constraint::UnderOutput(Overlap { lead: -16, step: 4 });
        let lowest = |offset| behind.lowest(offset, &buffer(20), 100, &buffer(40));
        assert_eq!([80, 81, 84, 100].map(lowest), [80, 84, 84, 100]);
    }

    #[test]
    fn maps_share_what_the_least_distance_leaves() {
        assert_eq!(most_shared(Overlap { lead: 8, step: 1 }, 100, 60), 52);
        assert_eq!(most_shared(Overlap { lead: 8, step: 12 }, 100, 60), 48);
        assert_eq!(most_shared(Overlap { lead: -8, step: 1 }, 100, 60), 60);
        assert_eq!(most_shared(Overlap { lead: 80, step: 1 }, 100, 60), 0);
    }
}
