//! How the axes of a tensor lie in memory where an operator works on one of them: a map, a line or a vector.

use super::view::View;
use crate::codes_op::Axis;
use thumbnet_kernels::geometry::Shape;

/// How ONNX's axes lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `[1, c, h, w]`.
    ChannelsFirst,
    /// `[1, h, w, c]`.
    ChannelsLast,
    /// `[1, c, w]`: one row.
    Line,
    /// `[1, w, c]`: one row.
    LineChannelsLast,
    /// `[1, ..., c]` of this rank.
    Vector(usize),
}

impl Layout {
    /// Whether a map of this shape can lie so.
    pub(crate) fn holds(self, shape: Shape) -> bool {
        match self {
            Self::ChannelsFirst | Self::ChannelsLast => true,
            Self::Line | Self::LineChannelsLast => shape.h == 1,
            Self::Vector(_) => [shape.h, shape.w] == [1, 1],
        }
    }

    /// Which axis of the map an ONNX axis is.
    pub(crate) fn axis(self, axis: usize) -> Option<Axis> {
        match (self, axis) {
            (Self::ChannelsFirst, 2) | (Self::ChannelsLast, 1) => Some(Axis::Rows),
            (Self::ChannelsFirst, 3) | (Self::ChannelsLast | Self::Line, 2) => Some(Axis::Columns),
            (Self::LineChannelsLast, 1) => Some(Axis::Columns),
            (Self::ChannelsFirst | Self::Line, 1) => Some(Axis::Channels),
            (Self::ChannelsLast, 3) | (Self::LineChannelsLast, 2) => Some(Axis::Channels),
            (Self::Vector(rank), axis) if axis + 1 == rank => Some(Axis::Channels),
            _ => None,
        }
    }

    /// The ONNX axis of the channels.
    pub(crate) fn channels(self) -> usize {
        match self {
            Self::ChannelsFirst | Self::Line => 1,
            Self::ChannelsLast => 3,
            Self::LineChannelsLast => 2,
            Self::Vector(rank) => rank.saturating_sub(1),
        }
    }

    /// How ONNX sees a map that lies so.
    pub(crate) fn view(self, shape: Shape) -> View {
        let view = View::nchw(shape);
        match self {
            Self::ChannelsFirst => view,
            Self::ChannelsLast => {
                view.transposed(&[0, 2, 3, 1]).expect("a permutation of four axes")
            }
            Self::Line => View::line(shape),
            Self::LineChannelsLast => {
                View::line(shape).transposed(&[0, 2, 1]).expect("a permutation of three axes")
            }
            Self::Vector(rank) => View::row(shape.c, rank),
        }
    }

    /// ONNX's axes from the outermost in memory to the innermost.
    pub(crate) fn order(self) -> Vec<usize> {
        match self {
            Self::ChannelsFirst => vec![0, 2, 3, 1],
            Self::ChannelsLast => vec![0, 1, 2, 3],
            Self::Line => vec![0, 2, 1],
            Self::LineChannelsLast => vec![0, 1, 2],
            Self::Vector(rank) => (0..rank).collect(),
        }
    }

    /// The shape in memory of a tensor that ONNX sees with these sides.
    pub(crate) fn shape(self, dims: &[usize]) -> Option<Shape> {
        match (self, dims) {
            (Self::ChannelsFirst, &[1, c, h, w]) | (Self::ChannelsLast, &[1, h, w, c]) => {
                Some(Shape::new(h, w, c))
            }
            (Self::Line, &[1, c, w]) | (Self::LineChannelsLast, &[1, w, c]) => {
                Some(Shape::new(1, w, c))
            }
            (Self::Vector(_), dims) => {
                let len = dims.iter().try_fold(1_usize, |len, side| len.checked_mul(*side))?;
                (dims.last() == Some(&len)).then_some(Shape::new(1, 1, len))
            }
            _ => None,
        }
    }
}
