//! Activation maps as kernels see them: codes that input and output may share.

use crate::intrin::words_mut;
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

/// Moves the bytes `rows` of the arena down to byte `to`: rows of a map that the next stripe needs again, to the front of
/// their buffer. Does nothing where they are not in the arena, not whole words of it, or would move up.
#[inline(never)] // one for all moves
pub fn move_rows(arena: &mut [i8], rows: Range<usize>, to: usize) {
    let Some(area) = arena.get_mut(to..rows.end) else { return };
    // Below the end, or the range above were none.
    let start = rows.start.wrapping_sub(to);
    if start > area.len() {
        return;
    }
    let bytes = area.len();
    let words = words_mut(area);
    if !start.is_multiple_of(4) || 4 * words.len() != bytes {
        return; // which the compiler's plans never do; a move by bytes would link 1.6 kB
    }
    let words = Cell::from_mut(words).as_slice_of_cells();
    let from = words.get(start / 4..).unwrap_or_default();
    let (from_eights, from_rest) = from.as_chunks::<8>();
    let (to_eights, _) = words.as_chunks::<8>();
    // Eight words at a time are few instructions: with several registers each.
    for (to, from) in to_eights.iter().zip(from_eights) {
        let eight = from.each_ref().map(Cell::get);
        to.iter().zip(eight).for_each(|(to, word)| to.set(word));
    }
    let to_rest = words.get(8 * from_eights.len()..).unwrap_or_default();
    to_rest.iter().zip(from_rest).for_each(|(to, from)| to.set(from.get()));
}

#[cfg(test)]
mod tests {
    use super::{Maps, move_rows};
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

    #[test]
    fn many_rows_move_as_one_by_one() {
        #[repr(align(4))]
        struct Aligned([i8; 120]);
        for [start, end, to] in [[40, 116, 4], [12, 120, 0], [8, 72, 4], [9, 72, 4], [64, 101, 0]] {
            let mut arena = Aligned(core::array::from_fn(|index| index as i8));
            let mut expected = arena.0;
            if [start, end, to].iter().all(|byte| byte % 4 == 0) {
                expected.copy_within(start..end, to);
            }
            move_rows(&mut arena.0, start..end, to);
            assert_eq!(arena.0, expected, "{start}..{end} to {to}");
        }
    }

    #[test]
    fn rows_move_down_and_nowhere_else() {
        #[repr(align(4))]
        struct Aligned([i8; 16]);
        let still = core::array::from_fn(|index| index as i8);
        let moved = |rows, to| {
            let mut arena = Aligned(still);
            move_rows(&mut arena.0, rows, to);
            arena.0
        };
        let rest = [8, 9, 10, 11, 12, 13, 14, 15];
        assert_eq!(moved(4..8, 0), [[4, 5, 6, 7, 4, 5, 6, 7], rest].as_flattened());
        assert_eq!(
            moved(8..16, 4),
            [[0, 1, 2, 3, 8, 9, 10, 11], [12, 13, 14, 15, 12, 13, 14, 15]].as_flattened()
        );
        let nothing = [[4, 12, 4], [4, 4, 0], [0, 4, 8], [4, 20, 0], [20, 24, 0], [4, 8, 12]];
        let no_words = [[5, 9, 1], [4, 9, 0], [6, 10, 2]];
        for [start, end, to] in nothing.into_iter().chain(no_words) {
            assert_eq!(moved(start..end, to), still, "{start}..{end} to {to}");
        }
    }
}
