//! In which order kernels read their input and write their output, and so how far one may lie on the other.
//!
//! A kernel handles its output by groups of pixels. What a group writes must not be what a later group reads.
//! Say the output begins at byte `o` of an arena, the input at byte `i`. Then the two may share memory if for
//! every group
//!
//! ```text
//! o + (end of the group's output) <= i + (first byte that any later group reads)
//! ```
//!
//! so if `i - o` is at least the largest difference of the two, the [lead](Overlap::lead) of the input. Windows that
//! move over a map of the same size have a lead of little more than the rows between the window's top and its middle.
//!
//! Each kernel says its order beside its code; the compiler on the host plans memory with it.

use crate::geometry::{Shape, Taps, Window};
use core::ops::Range;

/// The order of a kernel that walks its output by groups of tiles, row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Rows and columns of output pixels in a tile, each at least 1.
    pub tile: [usize; 2],
    /// Tiles of a group, at least 1. A group goes on in the next row of tiles where one ends.
    pub tiles: usize,
    /// Whether all that a group needs is read before its first byte is written. Else its pixels may be written
    /// while its own windows are still read.
    pub gathers: bool,
    /// Whether a row of the input is read again by later groups. Else these read only rows below all that were
    /// read before.
    pub rereads: bool,
    /// What a channel of the output needs.
    pub channels: Channels,
}

/// Which channels of the input a channel of the output needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// Any.
    Together,
    /// Only the same one. Channels may be walked in any order then, inside of pixels or around them, as long as
    /// each is computed once.
    Apart,
}

/// How input and output of a kernel may share memory; disjoint they may always be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// Least bytes from the start of the output to the start of the input; negative where the output may
    /// begin after the input does.
    pub lead: isize,
    /// This distance must be a multiple of this.
    pub step: usize,
}

/// Maps of more pixels than any microcontroller holds are not walked: they get no overlap.
const MOST_PIXELS: usize = 1 << 22;

impl Overlap {
    /// For kernels that read each element of the input just before they write the same of the output.
    pub const ELEMENTWISE: Self = Self { lead: 0, step: 1 };

    /// Whether the input may begin `distance` bytes after the output.
    pub const fn allows(&self, distance: isize) -> bool {
        distance >= self.lead && distance.unsigned_abs().is_multiple_of(self.step)
    }

    /// What both allow: where either of two kernels may run.
    pub const fn and(self, other: Self) -> Self {
        let lead = if self.lead > other.lead { self.lead } else { other.lead };
        Self { lead, step: self.step * other.step }
    }

    /// The least distance that it [allows](Self::allows).
    pub const fn least_distance(&self) -> isize {
        let over = self.lead.rem_euclid(self.step as isize);
        if over == 0 { self.lead } else { self.lead - over + self.step as isize }
    }
}

impl Order {
    /// How a map `output` may lie on the map `input` that it is made of, each pixel from a `window` at each of the
    /// positions of `pool` ([`Window::UNIT`] for none). `None` if only apart.
    pub fn overlap(
        &self,
        input: Shape,
        output: Shape,
        [window, pool]: [&Window; 2],
    ) -> Option<Overlap> {
        let step = match self.channels {
            Channels::Together => 1,
            Channels::Apart if input.c == output.c => output.c,
            Channels::Apart => return None,
        };
        if output.is_empty() || input.is_empty() || output.h * output.w > MOST_PIXELS {
            return None;
        }
        let reads = Reads { input, window, pool };
        let tiles = [output.h.div_ceil(self.tile[0]), output.w.div_ceil(self.tile[1])];
        let groups = (tiles[0] * tiles[1]).div_ceil(self.tiles);
        // Beyond that they are disjoint.
        let mut lead = -(input.len() as isize);
        let mut later = None;
        for group in (0..groups).rev() {
            let Group { first, end, rows } = self.group(group, tiles, output, &reads);
            let read = earlier(first, later);
            if let Some(read) = if self.gathers { later } else { read } {
                let unread = if self.rereads { read } else { read.max(reads.end_of_rows(rows)) };
                lead = lead.max(end as isize - unread as isize);
            }
            later = read;
        }
        Some(Overlap { lead, step })
    }

    fn group(&self, group: usize, tiles: [usize; 2], output: Shape, reads: &Reads<'_>) -> Group {
        let last = (tiles[0] * tiles[1]).min((group + 1) * self.tiles);
        let mut bounds = Group { first: None, end: 0, rows: 0..0 };
        for tile in group * self.tiles..last {
            let rows = along(tile / tiles[1], self.tile[0], output.h);
            let columns = along(tile % tiles[1], self.tile[1], output.w);
            let end = ((rows.end - 1) * output.w + columns.end) * output.c;
            bounds = Group {
                first: earlier(bounds.first, reads.first_byte(rows.clone(), columns)),
                end: bounds.end.max(end),
                rows: bounds.rows.start.min(rows.start)..rows.end,
            };
        }
        bounds
    }
}

/// What matters of a group of tiles.
struct Group {
    /// The first byte that it reads, if any.
    first: Option<usize>,
    /// One past the last byte that it writes.
    end: usize,
    /// Its rows of the output.
    rows: Range<usize>,
}

/// Rows or columns of a tile on a map of this length.
fn along(tile: usize, size: usize, length: usize) -> Range<usize> {
    tile * size..((tile + 1) * size).min(length)
}

fn earlier(one: Option<usize>, other: Option<usize>) -> Option<usize> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// What output pixels are made of.
struct Reads<'a> {
    input: Shape,
    window: &'a Window,
    pool: &'a Window,
}

impl Reads<'_> {
    /// The first byte under these output pixels; `None` if all is padding.
    fn first_byte(&self, rows: Range<usize>, columns: Range<usize>) -> Option<usize> {
        let Shape { h, w, c } = self.input;
        let inside = |taps: Taps| (taps.count > 0).then_some(taps.start);
        let rows = self.positions(rows, 0).map(|y| self.window.rows_inside(y, h));
        let columns = self.positions(columns, 1).map(|x| self.window.columns_inside(x, w));
        let [row, column] = [rows.filter_map(inside).min()?, columns.filter_map(inside).min()?];
        Some((row * w + column) * c)
    }

    /// Where the rows begin that are below all under these output rows.
    fn end_of_rows(&self, rows: Range<usize>) -> usize {
        let Shape { h, w, c } = self.input;
        let dilation = self.window.dilation[0];
        let end = |taps: Taps| match taps.count {
            0 => 0,
            count => taps.start + (count - 1) * dilation + 1,
        };
        let rows = self.positions(rows, 0).map(|y| end(self.window.rows_inside(y, h)));
        rows.max().unwrap_or(0) * w * c
    }

    /// The positions of the window under the pool of some output rows (axis 0) or columns (1).
    fn positions(&self, pixels: Range<usize>, axis: usize) -> impl Iterator<Item = usize> {
        let [kernel, stride] = [self.pool.kernel[axis], self.pool.stride[axis]];
        pixels.flat_map(move |pixel| (0..kernel).map(move |tap| pixel * stride + tap))
    }
}

#[cfg(test)]
mod tests {
    use super::{Channels, Order, Overlap};
    use crate::geometry::{Padding, Shape, Window};

    const RASTER: Order = Order {
        tile: [1, 1],
        tiles: 1,
        gathers: true,
        rereads: true,
        channels: Channels::Together,
    };
    const SAME: Window = Window {
        padding: Padding { top: 1, left: 1, bottom: 1, right: 1 },
        ..Window::square(3, 1)
    };

    fn lead(order: Order, input: Shape, output: Shape, windows: [&Window; 2]) -> isize {
        order.overlap(input, output, windows).expect("it has one").lead
    }

    #[test]
    fn a_window_of_three_leads_by_a_row_and_two_pixels() {
        let map = Shape::new(9, 7, 4);
        // Pixel (0, 0) is written before (0, 1) reads from its left; (1, 0) before (1, 1) reads from the row above.
        assert_eq!(lead(RASTER, map, map, [&SAME, &Window::UNIT]), 4 * (7 + 1));
        let pairs = Order { tile: [1, 2], ..RASTER };
        assert_eq!(lead(pairs, map, map, [&SAME, &Window::UNIT]), 4 * (7 + 1));
        let reading = Order { gathers: false, ..RASTER };
        assert_eq!(lead(reading, map, map, [&SAME, &Window::UNIT]), 4 * (7 + 2));
    }

    #[test]
    fn a_window_of_one_pixel_works_in_place_up_to_its_own_pixel() {
        let map = Shape::new(3, 5, 4);
        assert_eq!(lead(RASTER, map, map, [&Window::UNIT; 2]), 0);
        let reading = Order { gathers: false, ..RASTER };
        assert_eq!(lead(reading, map, map, [&Window::UNIT; 2]), 4);
        // Twice as many channels: after 14 of 15 pixels, 14 * 8 bytes are written and 14 * 4 read.
        let wide = Shape::new(3, 5, 8);
        assert_eq!(lead(RASTER, map, wide, [&Window::UNIT; 2]), 14 * 4);
        // Half as many: the first pixel is written when the second, four bytes on, is still to be read.
        let narrow = Shape::new(3, 5, 2);
        assert_eq!(lead(RASTER, map, narrow, [&Window::UNIT; 2]), 2 - 4);
    }

    #[test]
    fn tiles_write_rows_that_neighbours_in_the_group_of_tiles_still_read() {
        let map = Shape::new(8, 8, 1);
        let tiles = Order { tile: [2, 2], tiles: 4, ..RASTER };
        // The first row of tiles is one group: 16 bytes, and row 1 is read later.
        assert_eq!(lead(tiles, map, map, [&SAME, &Window::UNIT]), 16 - 8);
        let single = Order { tile: [2, 2], tiles: 1, ..RASTER };
        // A tile that writes (3, 1), byte 25, comes before one that reads (1, 1), byte 9.
        assert_eq!(lead(single, map, map, [&SAME, &Window::UNIT]), 26 - 9);
    }

    #[test]
    fn rows_that_are_not_read_again_may_be_written_over() {
        let map = Shape::new(9, 7, 4);
        let rows = Order { tile: [1, 7], rereads: false, ..RASTER };
        // Row 0 is written when rows 0 and 1 have been read; in the end, row 7 when row 8 has not, but it is kept.
        assert_eq!(lead(rows, map, map, [&SAME, &Window::UNIT]), 7 * 4 - 2 * 7 * 4);
        let again = Order { rereads: true, ..rows };
        assert_eq!(lead(again, map, map, [&SAME, &Window::UNIT]), 7 * 4);
    }

    #[test]
    fn one_pixel_from_a_whole_map_may_lie_anywhere() {
        let (map, pixel) = (Shape::new(5, 5, 4), Shape::new(1, 1, 4));
        let apart = Order { channels: Channels::Apart, ..RASTER };
        let overlap = apart.overlap(map, pixel, [&Window::square(5, 1), &Window::UNIT]);
        assert_eq!(overlap, Some(Overlap { lead: -100, step: 4 }));
    }

    #[test]
    fn distances_are_multiples_of_the_step() {
        let overlap = Overlap { lead: 5, step: 4 };
        assert_eq!(overlap.least_distance(), 8);
        assert_eq!([4, 5, 8, 10, 12].map(|d| overlap.allows(d)), [false, false, true, false, true]);
        let overlap = Overlap { lead: -5, step: 4 };
        assert_eq!(overlap.least_distance(), -4);
        assert_eq!([-8, -4, 0, 2].map(|d| overlap.allows(d)), [false, true, true, false]);
    }
}
