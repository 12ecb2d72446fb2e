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

#[cfg(test)]
mod tests {
    use super::{Padding, Window};

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
}
