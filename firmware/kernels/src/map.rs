//! Activation maps as kernels see them: codes that input and output may share.

use core::cell::Cell;
use core::ops::Range;

/// The int8 codes of an activation map, `[h, w, c]`.
///
/// Cells, because the output of a kernel may lie partly on its input: a kernel that has read all that it needs
/// of a pixel may write over it, and one buffer then serves for both maps. Which kernels allow how much of
/// that, the compiler on the host knows; a kernel only promises the order in which it reads and writes.
pub type Map = [Cell<i8>];

/// The codes of `bytes` as a map.
#[inline(always)]
pub fn map(bytes: &mut [i8]) -> &Map {
    Cell::from_mut(bytes).as_slice_of_cells()
}

/// Four codes as a word, the first in the lowest byte.
#[inline(always)]
pub(crate) fn word(codes: &[Cell<i8>; 4]) -> u32 {
    u32::from_le_bytes(codes.each_ref().map(|code| code.get() as u8))
}

/// Copies as many codes as `to` holds, by fours.
#[inline(always)]
pub(crate) fn copy(from: &Map, to: &mut [i8]) {
    let (to_fours, to_rest) = to.as_chunks_mut::<4>();
    let (from_fours, _) = from.as_chunks::<4>();
    let rest = from.get(4 * to_fours.len()..).unwrap_or_default();
    for (to, from) in to_fours.iter_mut().zip(from_fours) {
        *to = word(from).to_le_bytes().map(|byte| byte as i8);
    }
    for (to, from) in to_rest.iter_mut().zip(rest) {
        *to = from.get();
    }
}

/// The maps in an arena: views that may overlap, beside one scratch area that overlaps none of them.
#[derive(Clone, Copy, Debug)]
pub struct Maps<'a> {
    below: &'a Map,
    above: &'a Map,
    /// Where `above` begins in the arena.
    above_start: usize,
}

impl<'a> Maps<'a> {
    /// The maps of a step without scratch memory.
    #[inline(always)]
    pub fn of(arena: &'a mut [i8]) -> Self {
        let above_start = arena.len();
        Self { below: map(arena), above: &[], above_start }
    }

    /// The maps of a step, and the bytes `scratch` of the arena, empty where there are no such bytes.
    #[inline(always)]
    pub fn beside(arena: &'a mut [i8], scratch: Range<usize>) -> (Self, &'a mut [i8]) {
        let ranges = [0..scratch.start, scratch.start..scratch.end, scratch.end..arena.len()];
        let Ok([below, area, above]) = arena.get_disjoint_mut(ranges) else {
            return (Self { below: &[], above: &[], above_start: 0 }, &mut []);
        };
        (Self { below: map(below), above: map(above), above_start: scratch.end }, area)
    }

    /// The bytes `range` of the arena; empty where they are not all in it, or touch the scratch area.
    #[inline(always)]
    pub fn at(&self, range: Range<usize>) -> &'a Map {
        let map = match range.start.checked_sub(self.above_start) {
            Some(start) => self.above.get(start..range.end.wrapping_sub(self.above_start)),
            None => self.below.get(range),
        };
        map.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Maps;
    use std::vec::Vec;

    #[test]
    fn maps_lie_around_the_scratch_area() {
        let mut arena = [0, 1, 2, 3, 4, 5, 6, 7];
        let (maps, scratch) = Maps::beside(&mut arena, 3..5);
        assert_eq!(scratch, [3, 4]);
        maps.at(0..2)[1].set(9);
        assert_eq!(maps.at(1..3).iter().map(|code| code.get()).collect::<Vec<i8>>(), [9, 2]);
        assert_eq!(maps.at(5..8)[2].get(), 7);
        for outside in [2..4, 3..5, 4..6, 6..9, 9..10, 0..8] {
            assert!(maps.at(outside.clone()).is_empty(), "{outside:?}");
        }
    }

    #[test]
    fn an_arena_without_that_scratch_area_has_no_maps() {
        let mut arena = [1; 4];
        let (maps, scratch) = Maps::beside(&mut arena, 3..5);
        assert!(scratch.is_empty() && maps.at(0..1).is_empty());
        assert_eq!(Maps::of(&mut arena).at(0..4).len(), 4);
    }
}
