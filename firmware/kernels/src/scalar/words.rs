//! The inputs under two positions of a window, as words for [`super::halves`].

use crate::geometry::{Shape, Taps, Window};
use crate::map::Map;
use core::ops::Range;

/// The part of the map under one position of a window whose taps in a row are neighbours.
pub(super) struct Patch<'a> {
    /// The map from the first tap on it on.
    pixels: &'a Map,
    /// Distance in bytes from one tap row to the next.
    row_step: usize,
    /// Tap rows on the map.
    rows: Taps,
    /// Elements of a tap row that are on the map.
    columns: Range<usize>,
}

impl<'a> Patch<'a> {
    /// The patch at the position `[y, x]`.
    pub(super) fn at(window: &Window, shape: Shape, input: &'a Map, [y, x]: [usize; 2]) -> Self {
        let Shape { h, w, c } = shape;
        let rows = window.rows_inside(y, h);
        let columns = window.columns_inside(x, w);
        Self {
            pixels: input.get((rows.start * w + columns.start) * c..).unwrap_or_default(),
            // A dilation counts for nothing, and may be any number, where there is one tap.
            row_step: window.dilation[0].saturating_mul(w * c),
            rows,
            columns: columns.first * c..(columns.first + columns.count) * c,
        }
    }

    /// Changes `words`, elements `first..first + words.len()` of the window of rows of `row_len` elements, from the
    /// words of padding to those of the map, in the half that begins at bit `shift`.
    pub(super) fn put(
        &self,
        words: &mut [i32],
        first: usize,
        row_len: usize,
        padding: i32,
        shift: u32,
    ) {
        // Where the elements on the map of the first row begin, from the first word on.
        let mut start = (self.rows.first * row_len + self.columns.start).wrapping_sub(first);
        for pixels in self.pixels.chunks(self.row_step.max(1)).take(self.rows.count) {
            let pixels = pixels.get(..self.columns.len()).unwrap_or_default();
            let (words, pixels) = match start as isize {
                0.. => (words.get_mut(start..).unwrap_or_default(), pixels),
                _ => (&mut *words, pixels.get(start.wrapping_neg()..).unwrap_or_default()),
            };
            for (word, code) in words.iter_mut().zip(pixels) {
                *word = word.wrapping_add((padding - i32::from(code.get())) << shift);
            }
            start = start.wrapping_add(row_len);
        }
    }
}

/// The word of two inputs of this value.
pub(super) fn word_of(value: i32) -> i32 {
    (-value).wrapping_sub(value << 16)
}
