//! Resizing with exact integer weights.
//!
//! Along each axis, output pixel `i` looks through a window onto the source. The window's centre is where the
//! output pixel's centre falls, `(i + 1/2) * source / target`. The weight of a source pixel is how much of it the
//! window covers. What looks beyond the border sees the border pixel. The width makes the filter:
//!
//! * area: `source / target` pixels, but never less than one. Shrinking, windows lie side by side and this is the
//!   area average; enlarging, each spans at most two pixels and this is bilinear interpolation;
//! * bilinear: one pixel, however far a side shrinks;
//! * nearest: none; the pixel that the centre lies in, of two the later one.
//!
//! At equal size each is exactly one pixel. Measured in units of `1 / (2 * target)` of a source pixel everything is an
//! integer:
//!
//! ```text
//! pitch  = 2 * target                      one source pixel
//! reach  = max(source, target) (area), target (bilinear), 0 (nearest)
//! width  = 2 * reach                       the window; also the sum of its weights (nearest: one pitch)
//! start  = (2 * i + 1) * source - reach    its left edge; the next starts 2 * source further
//! weight = overlap of [start, start + width) with [j * pitch, (j + 1) * pitch)
//! pixel  = round_half_up(Σ_rows Σ_columns row_weight * column_weight * source / (row_width * column_width))
//! ```
//!
//! The walk along an axis adds instead of dividing, and the one division of a pixel is eight steps of long
//! division, because its quotient has eight bits.

use thumbnet_kernels::preprocessing::Resize;

/// One side of a picture: the part of it that is seen, and how many pixels it becomes.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    /// Pixels before the seen part.
    offset: u32,
    /// Pixels seen, 1 to 2^16 - 1.
    source: u32,
    /// Pixels made, 1 to 2^16 - 1.
    target: u32,
    filter: Resize,
}

impl Axis {
    /// The `source` pixels in the middle of `side` (`source <= side`) become `target`. An odd rest leaves one pixel
    /// more behind than before.
    pub(super) fn centred(side: u32, source: u32, target: u32, filter: Resize) -> Self {
        Self { offset: side.saturating_sub(source) / 2, source, target, filter }
    }

    fn pitch(self) -> u32 {
        2 * self.target
    }

    /// Half a window.
    fn reach(self) -> u32 {
        match self.filter {
            Resize::Area => self.source.max(self.target),
            Resize::Bilinear => self.target,
            Resize::Nearest => 0,
        }
    }

    /// What the weights of a window add up to.
    fn width(self) -> u32 {
        match self.filter {
            Resize::Area | Resize::Bilinear => 2 * self.reach(),
            Resize::Nearest => self.pitch(),
        }
    }

    fn windows(self) -> Windows {
        // The first window starts at source - reach; before 0 by less than a pixel, since reach is source or at most
        // target = pitch / 2.
        let start = self.source as i32 - self.reach() as i32;
        let (position, from) =
            if start < 0 { (-1, start + self.pitch() as i32) } else { (0, start) };
        let (whole, part) = self.pixels(from as u32);
        let (whole_step, part_step) = self.pixels(2 * self.source);
        Windows {
            axis: self,
            left: self.target,
            position: position + whole as i32,
            part,
            whole_step,
            part_step,
        }
    }

    /// A length as whole pixels and a rest.
    fn pixels(self, length: u32) -> (u32, u32) {
        // `checked_*`, so that no division-by-zero panic is linked.
        let whole = length.checked_div(self.pitch()).unwrap_or(0);
        (whole, length.checked_rem(self.pitch()).unwrap_or(0))
    }
}

/// Which source pixels a window covers, and how much of each: `head` of pixel `first`, all of the `body` pixels after
/// it, `tail` of the next. The weights add up to the axis's width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Covered {
    pub(super) first: usize,
    pub(super) head: u32,
    pub(super) body: usize,
    pub(super) tail: u32,
}

/// Walks the windows of an axis from left to right.
struct Windows {
    axis: Axis,
    /// Windows still to come.
    left: u32,
    /// The next window starts `part / pitch` behind the left edge of this pixel; -1 is before the first.
    position: i32,
    part: u32,
    whole_step: u32,
    part_step: u32,
}

impl Windows {
    /// `position + whole + part / pitch`, carried over.
    fn advanced(&self, whole: u32, part: u32) -> (i32, u32) {
        let pitch = self.axis.pitch();
        let (position, part) = (self.position + whole as i32, self.part + part);
        if part < pitch { (position, part) } else { (position + 1, part - pitch) }
    }

    fn covered(&self) -> Covered {
        let pitch = self.axis.pitch();
        let shrinks = self.axis.source > self.axis.target;
        let (whole, part) = match self.axis.filter {
            Resize::Area if shrinks => (self.whole_step, self.part_step),
            Resize::Area | Resize::Bilinear => (1, 0),
            Resize::Nearest => {
                let first = self.axis.offset as usize + self.position as usize;
                return Covered { first, head: pitch, body: 0, tail: 0 };
            }
        };
        let (end, tail) = self.advanced(whole, part);
        let beyond = end >= self.axis.source as i32 && tail > 0;
        let position = self.position.max(0) as u32;
        let first = (self.axis.offset + position) as usize;
        if self.position < 0 || beyond {
            // Only when enlarging: the window looks over the border and sees the border pixel alone.
            return Covered { first, head: pitch, body: 0, tail: 0 };
        }
        let body = (end - self.position - 1).max(0) as usize;
        Covered { first, head: pitch - self.part, body, tail }
    }
}

impl Iterator for Windows {
    type Item = Covered;

    fn next(&mut self) -> Option<Covered> {
        self.left = self.left.checked_sub(1)?;
        let covered = self.covered();
        (self.position, self.part) = self.advanced(self.whole_step, self.part_step);
        Some(covered)
    }
}

/// Gives `emit` the `rows.target x columns.target` output pixels with their `[row, column]`, row by row, of a picture whose
/// rows are `stride` pixels of `C` channels.
pub(super) fn resample<const C: usize>(
    picture: &[u8],
    stride: usize,
    rows: Axis,
    columns: Axis,
    mut emit: impl FnMut([u32; 2], [u8; C]),
) {
    let (pixels, _) = picture.as_chunks::<C>();
    let total = rows.width() as u64 * columns.width() as u64;
    for (y, row) in (0..).zip(rows.windows()) {
        let band = pixels.get(row.first * stride..).unwrap_or(&[]);
        for (x, column) in (0..).zip(columns.windows()) {
            let sums = weigh_rows(band, stride, row, rows.pitch(), column, columns.pitch());
            emit([y, x], sums.map(|sum| mean(sum, total)));
        }
    }
}

/// The weighted sum over a window; `band` begins with the window's first row. At most
/// `255 * (2^17)^2 < 2^42`.
fn weigh_rows<const C: usize>(
    band: &[[u8; C]],
    stride: usize,
    row: Covered,
    pitch: u32,
    column: Covered,
    column_pitch: u32,
) -> [u64; C] {
    let line = |index: usize| {
        let pixels = band.get(index * stride + column.first..).unwrap_or(&[]);
        weigh_columns(pixels, column, column_pitch)
    };
    let mut sums = line(0).map(|sum| sum as u64 * row.head as u64);
    for index in 1..=row.body {
        add_weighted(&mut sums, line(index), pitch);
    }
    if row.tail > 0 {
        add_weighted(&mut sums, line(row.body + 1), row.tail);
    }
    sums
}

/// The weighted sum over one row of a window; `pixels` begins with the window's first column. At most
/// `255 * 2^17 < 2^25`.
fn weigh_columns<const C: usize>(pixels: &[[u8; C]], column: Covered, pitch: u32) -> [u32; C] {
    let mut sums = [0; C];
    let [first, rest @ ..] = pixels else { return sums };
    let (body, rest) = rest.split_at_checked(column.body).unwrap_or((rest, &[]));
    for pixel in body {
        add_channels(&mut sums, pixel, 1);
    }
    sums = sums.map(|sum| sum * pitch);
    add_channels(&mut sums, first, column.head);
    if let Some(last) = rest.first() {
        add_channels(&mut sums, last, column.tail);
    }
    sums
}

fn add_channels<const C: usize>(sums: &mut [u32; C], pixel: &[u8; C], weight: u32) {
    for (sum, &channel) in sums.iter_mut().zip(pixel) {
        *sum += channel as u32 * weight;
    }
}

fn add_weighted<const C: usize>(sums: &mut [u64; C], line: [u32; C], weight: u32) {
    for (sum, value) in sums.iter_mut().zip(line) {
        *sum += value as u64 * weight as u64;
    }
}

/// `sum / total` to the nearest integer, half up; `sum <= 255 * total`, `total <= 2^34`.
///
/// Long division, one bit of the quotient at a time: exact, without a divide instruction or its panic.
fn mean(sum: u64, total: u64) -> u8 {
    let mut rest = sum + total / 2;
    let mut quotient = 0;
    for bit in (0..8).rev() {
        if rest >= total << bit {
            rest -= total << bit;
            quotient |= 1 << bit;
        }
    }
    quotient
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Axis, Covered, Resize, mean};
    use std::vec::Vec;

    fn windows(source: u32, target: u32) -> Vec<Covered> {
        Axis::centred(source, source, target, Resize::Area).windows().collect()
    }

    fn covered(first: usize, head: u32, body: usize, tail: u32) -> Covered {
        Covered { first, head, body, tail }
    }

    #[test]
    fn shrinking_five_to_two_halves_the_middle_pixel() {
        // pitch 4, width 10.
        assert_eq!(windows(5, 2), [covered(0, 4, 1, 2), covered(2, 2, 2, 0)]);
    }

    #[test]
    fn enlarging_two_to_four_weighs_three_to_one_and_repeats_the_border() {
        // pitch 8, width 8: centres at 1/4, 3/4, 5/4, 7/4 source pixels.
        let expected =
            [covered(0, 8, 0, 0), covered(0, 6, 0, 2), covered(0, 2, 0, 6), covered(1, 8, 0, 0)];
        assert_eq!(windows(2, 4), expected);
    }

    #[test]
    fn equal_sizes_take_one_pixel_each() {
        assert_eq!(windows(3, 3), [covered(0, 6, 0, 0), covered(1, 6, 0, 0), covered(2, 6, 0, 0)]);
    }

    #[test]
    fn weights_add_up_to_the_width_and_stay_inside_the_picture() {
        for (source, target) in
            (1..=70).flat_map(|source| (1..=70).map(move |target| (source, target)))
        {
            for filter in Resize::ALL {
                let axis = Axis::centred(source, source, target, filter);
                assert_eq!(axis.windows().count(), target as usize);
                for window in axis.windows() {
                    let sum = window.head + window.body as u32 * axis.pitch() + window.tail;
                    assert_eq!(sum, axis.width(), "{source} -> {target}: {window:?}");
                    let last = window.first + window.body + usize::from(window.tail > 0);
                    assert!(last < source as usize, "{source} -> {target}: {window:?}");
                }
            }
        }
    }

    #[test]
    fn the_longest_side_stays_within_its_integers() {
        for (source, target) in [(65_535, 1), (1, 65_535), (65_535, 65_534), (65_534, 65_535)] {
            let axes = Resize::ALL.map(|filter| Axis::centred(source, source, target, filter));
            for (axis, window) in
                axes.into_iter().flat_map(|axis| axis.windows().map(move |window| (axis, window)))
            {
                let body = window.body as u64 * u64::from(axis.pitch());
                let sum = u64::from(window.head) + body + u64::from(window.tail);
                assert_eq!(sum, u64::from(axis.width()));
            }
        }
    }

    #[test]
    fn mean_rounds_half_up() {
        let total = 6;
        assert_eq!([0, 2, 3, 8, 9, 255 * 6].map(|sum| mean(sum, total)), [0, 0, 1, 1, 2, 255]);
        let largest = 4 * 65_535 * 65_535;
        assert_eq!(mean(255 * largest, largest), 255);
    }
}
