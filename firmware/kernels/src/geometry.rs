//! Shapes and windows: the arithmetic of output sizes, in one place for host and device.

/// The shape of one activation map, `[h, w, c]` in memory order (channels innermost).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Rows.
    pub h: usize,
    /// Columns.
    pub w: usize,
    /// Channels.
    pub c: usize,
}

impl Shape {
    /// The shape `[h, w, c]`.
    pub const fn new(h: usize, w: usize, c: usize) -> Self {
        Self { h, w, c }
    }

    /// Number of elements; the number of bytes of an int8 map.
    pub const fn len(self) -> usize {
        self.h * self.w * self.c
    }

    /// Number of elements, or `None` if it does not fit in a `usize`: for shapes not yet trusted.
    pub const fn checked_len(self) -> Option<usize> {
        match self.h.checked_mul(self.w) {
            Some(pixels) => pixels.checked_mul(self.c),
            None => None,
        }
    }

    /// Whether there is no element.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// Rows or columns of padding around a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Columns to the left.
    pub left: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the right.
    pub right: usize,
}

impl Padding {
    /// No padding ("valid").
    pub const NONE: Self = Self { top: 0, left: 0, bottom: 0, right: 0 };

    /// The shape of a map with this padding, or `None` if a side overflows.
    pub const fn around(&self, map: Shape) -> Option<Shape> {
        let Some(h) = map.h.checked_add(self.top) else { return None };
        let Some(w) = map.w.checked_add(self.left) else { return None };
        match (h.checked_add(self.bottom), w.checked_add(self.right)) {
            (Some(h), Some(w)) => Some(Shape::new(h, w, map.c)),
            _ => None,
        }
    }
}

/// A sliding window: of a convolution or of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Size `[kh, kw]`, each at least 1.
    pub kernel: [usize; 2],
    /// Step `[rows, columns]`, each at least 1.
    pub stride: [usize; 2],
    /// Distance between neighbouring taps `[rows, columns]`, each at least 1.
    pub dilation: [usize; 2],
    /// Padding around the input.
    pub padding: Padding,
}

impl Window {
    /// The window of one element: what an absent pool is.
    pub const UNIT: Self = Self::square(1, 1);

    /// A `size x size` window with equal strides, no dilation and no padding.
    pub const fn square(size: usize, stride: usize) -> Self {
        Self {
            kernel: [size, size],
            stride: [stride, stride],
            dilation: [1, 1],
            padding: Padding::NONE,
        }
    }

    /// Number of positions `[rows, columns]` the window takes on an `h x w` map (rounded down), or
    /// `None` if the padded map is smaller than the window, a field is zero, or a size overflows.
    pub const fn positions(&self, h: usize, w: usize) -> Option<[usize; 2]> {
        let rows = positions_along(
            h,
            [self.padding.top, self.padding.bottom],
            self.kernel[0],
            self.stride[0],
            self.dilation[0],
        );
        let columns = positions_along(
            w,
            [self.padding.left, self.padding.right],
            self.kernel[1],
            self.stride[1],
            self.dilation[1],
        );
        match (rows, columns) {
            (Some(rows), Some(columns)) => Some([rows, columns]),
            _ => None,
        }
    }

    /// Taps of the window: `kh * kw`.
    pub const fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Shape `[oc, kh * kw, ic]` of a convolution's filters, or `None` if `kh * kw` overflows.
    pub const fn filters(&self, oc: usize, ic: usize) -> Option<Shape> {
        match self.kernel[0].checked_mul(self.kernel[1]) {
            Some(taps) => Some(Shape::new(oc, taps, ic)),
            None => None,
        }
    }

    /// Whether the window makes the map `output` of `input`, channel by channel.
    pub fn maps(&self, input: Shape, output: Shape) -> bool {
        input.c == output.c && self.positions(input.h, input.w) == Some([output.h, output.w])
    }

    /// The taps of row position `position` that lie on a map of `h` rows, not on its padding. For a position
    /// that the window does not take: any taps on the map.
    pub const fn rows_inside(&self, position: usize, h: usize) -> Taps {
        // Wraps only for positions that the window does not take.
        let origin = position.wrapping_mul(self.stride[0]);
        taps_along(origin, self.padding.top, self.kernel[0], self.dilation[0], h)
    }

    /// The taps of column position `position` that lie on a map of `w` columns, not on its padding. For a
    /// position that the window does not take: any taps on the map.
    pub const fn columns_inside(&self, position: usize, w: usize) -> Taps {
        let origin = position.wrapping_mul(self.stride[1]);
        taps_along(origin, self.padding.left, self.kernel[1], self.dilation[1], w)
    }
}

/// The taps of a window that lie on the map, along one axis: taps `first..first + count`, of which the
/// first reads row (or column) `start` and each other one `dilation` further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taps {
    /// Index of the first tap on the map.
    pub first: usize,
    /// Number of taps on the map.
    pub count: usize,
    /// Row or column that the first tap on the map reads.
    pub start: usize,
}

impl Taps {
    /// The row or column that tap `tap` of a window with this `dilation` reads, or `None` on padding.
    #[inline]
    pub const fn reads(&self, tap: usize, dilation: usize) -> Option<usize> {
        // Below `first` the difference wraps to a number that is not below `count` either.
        let step = tap.wrapping_sub(self.first);
        if step < self.count { Some(self.start + step * dilation) } else { None }
    }
}

const fn taps_along(
    origin: usize,
    padding: usize,
    kernel: usize,
    dilation: usize,
    length: usize,
) -> Taps {
    let first = steps_up_to(padding.saturating_sub(origin), dilation);
    if first >= kernel {
        return Taps { first: 0, count: 0, start: 0 };
    }
    let start = origin.wrapping_add(first.wrapping_mul(dilation)).wrapping_sub(padding);
    if start >= length {
        return Taps { first: 0, count: 0, start: 0 };
    }
    let reachable = steps_up_to(length - start, dilation);
    let remaining = kernel - first;
    Taps { first, count: if remaining < reachable { remaining } else { reachable }, start }
}

const fn positions_along(
    length: usize,
    padding: [usize; 2],
    kernel: usize,
    stride: usize,
    dilation: usize,
) -> Option<usize> {
    if kernel == 0 || stride == 0 || dilation == 0 {
        return None;
    }
    let Some(span) = (kernel - 1).checked_mul(dilation) else { return None };
    let Some(padded) = length.checked_add(padding[0]) else { return None };
    let Some(padded) = padded.checked_add(padding[1]) else { return None };
    if padded <= span {
        return None;
    }
    Some((padded - span - 1) / stride + 1)
}

/// `distance / step`, rounded up. A step of 0 belongs to no valid window and counts as 1.
const fn steps_up_to(distance: usize, step: usize) -> usize {
    match step {
        0 | 1 => distance,
        _ => distance.div_ceil(step),
    }
}

#[cfg(test)]
mod tests {
    use super::{Padding, Shape, Taps, Window};

    #[test]
    fn positions_follow_the_onnx_formula() {
        assert_eq!(Window::square(3, 1).positions(28, 28), Some([26, 26]));
        assert_eq!(Window::square(2, 2).positions(11, 11), Some([5, 5]));
        let same = Window {
            padding: Padding { top: 0, left: 0, bottom: 1, right: 1 },
            ..Window::square(3, 2)
        };
        assert_eq!(same.positions(32, 32), Some([16, 16]));
        let dilated = Window { dilation: [2, 2], ..Window::square(3, 1) };
        assert_eq!(dilated.positions(5, 6), Some([1, 2]));
    }

    #[test]
    fn impossible_windows_have_no_positions() {
        assert_eq!(Window::square(3, 1).positions(2, 8), None);
        assert_eq!(Window::square(0, 1).positions(8, 8), None);
        assert_eq!(Window::square(1, 0).positions(8, 8), None);
        let huge = Window { dilation: [usize::MAX, 1], ..Window::square(3, 1) };
        assert_eq!(huge.positions(8, 8), None);
    }

    #[test]
    fn taps_inside_agree_with_counting_them() {
        for (padding, kernel, dilation, length) in
            [(0, 3, 1, 5), (1, 3, 1, 5), (2, 3, 2, 4), (5, 2, 3, 2), (4, 5, 1, 1), (3, 4, 2, 3)]
        {
            let window = Window {
                kernel: [kernel, 1],
                dilation: [dilation, 1],
                padding: Padding { top: padding, bottom: padding, left: 0, right: 0 },
                ..Window::square(1, 1)
            };
            let [positions, _] = window.positions(length, 1).unwrap();
            for position in 0..positions {
                let on_map = |tap: &usize| {
                    let row = position + tap * dilation;
                    (padding..padding + length).contains(&row)
                };
                let taps = window.rows_inside(position, length);
                let mut counted = (0..kernel).filter(on_map);
                assert_eq!(taps.count, counted.clone().count(), "{window:?} at {position}");
                if let Some(first) = counted.next() {
                    let start = position + first * dilation - padding;
                    assert_eq!(taps, Taps { first, start, ..taps }, "{window:?} at {position}");
                }
            }
        }
    }

    #[test]
    fn a_shape_too_large_to_count_has_no_length() {
        assert_eq!(Shape::new(3, 4, 5).checked_len(), Some(60));
        assert_eq!(Shape::new(usize::MAX, 2, 1).checked_len(), None);
        assert_eq!(Shape::new(1 << 20, 1 << 20, usize::MAX).checked_len(), None);
    }
}
