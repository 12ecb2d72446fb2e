//! From the channel-first order of ONNX to `[h, w, c]`, and back.

use thumbnet_kernels::geometry::Shape;

/// The order in which a tensor of an ONNX file holds a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[c, h, w]`, what ONNX convolutions read and write.
    ChannelsFirst,
    /// `[h, w, c]`, as in files that came from TensorFlow.
    ChannelsLast,
}

impl Layout {
    /// The order in which `dimensions` (without the batch) hold a map of `shape`; channels first where both
    /// would do. `None` if neither does.
    ///
    /// One dimension is a vector of channels; two are `[c, w]` or `[w, c]`.
    pub fn of(dimensions: &[usize], shape: Shape) -> Option<Self> {
        if channels_first(dimensions) == Some(shape) {
            return Some(Self::ChannelsFirst);
        }
        (channels_last(dimensions) == Some(shape)).then_some(Self::ChannelsLast)
    }

    /// The `[h, w, c]` shape of a tensor of these `dimensions` (without the batch); `None` if there are more
    /// than three.
    pub fn shape(self, dimensions: &[usize]) -> Option<Shape> {
        match self {
            Self::ChannelsFirst => channels_first(dimensions),
            Self::ChannelsLast => channels_last(dimensions),
        }
    }

    /// `values` of one map, held in this order, in `[h, w, c]` order.
    pub fn to_hwc<T: Copy>(self, values: &[T], shape: Shape) -> Vec<T> {
        match self {
            Self::ChannelsFirst => transpose(values, shape.c, shape.h * shape.w),
            Self::ChannelsLast => values.to_vec(),
        }
    }

    /// `values` of one map, held in `[h, w, c]` order, in this order.
    pub fn from_hwc<T: Copy>(self, values: &[T], shape: Shape) -> Vec<T> {
        match self {
            Self::ChannelsFirst => transpose(values, shape.h * shape.w, shape.c),
            Self::ChannelsLast => values.to_vec(),
        }
    }
}

fn channels_first(dimensions: &[usize]) -> Option<Shape> {
    match *dimensions {
        [] => Some(Shape::new(1, 1, 1)),
        [c] => Some(Shape::new(1, 1, c)),
        [c, w] => Some(Shape::new(1, w, c)),
        [c, h, w] => Some(Shape::new(h, w, c)),
        _ => None,
    }
}

fn channels_last(dimensions: &[usize]) -> Option<Shape> {
    match *dimensions {
        [] => Some(Shape::new(1, 1, 1)),
        [c] => Some(Shape::new(1, 1, c)),
        [w, c] => Some(Shape::new(1, w, c)),
        [h, w, c] => Some(Shape::new(h, w, c)),
        _ => None,
    }
}

/// The transpose of a `[rows, columns]` matrix.
fn transpose<T: Copy>(values: &[T], rows: usize, columns: usize) -> Vec<T> {
    (0..columns)
        .flat_map(|column| (0..rows).map(move |row| values[row * columns + column]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Layout;
    use thumbnet_kernels::geometry::Shape;

    #[test]
    fn channels_move_to_the_end_and_back() {
        let shape = Shape::new(2, 3, 2);
        let channels_first = [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15];
        let hwc = Layout::ChannelsFirst.to_hwc(&channels_first, shape);
        assert_eq!(hwc, [0, 10, 1, 11, 2, 12, 3, 13, 4, 14, 5, 15]);
        assert_eq!(Layout::ChannelsFirst.from_hwc(&hwc, shape), channels_first);
        assert_eq!(Layout::ChannelsLast.to_hwc(&hwc, shape), hwc);
    }

    #[test]
    fn the_order_follows_from_the_dimensions() {
        let shape = Shape::new(4, 5, 3);
        assert_eq!(Layout::of(&[3, 4, 5], shape), Some(Layout::ChannelsFirst));
        assert_eq!(Layout::of(&[4, 5, 3], shape), Some(Layout::ChannelsLast));
        assert_eq!(Layout::of(&[5, 4, 3], shape), None);
        assert_eq!(Layout::of(&[10], Shape::new(1, 1, 10)), Some(Layout::ChannelsFirst));
        assert_eq!(Layout::of(&[8, 8, 8], Shape::new(8, 8, 8)), Some(Layout::ChannelsFirst));
        assert_eq!(Layout::of(&[1, 3, 4, 5], shape), None);
    }
}
