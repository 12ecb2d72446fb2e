//! A map within its border of zeros.

use crate::engine::real::Real;
use thumbnet_graph::{Padding, Shape};

/// Where a map lies within its border.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub map: Shape,
    /// The map with its border.
    pub framed: Shape,
    border: Padding,
}

impl Frame {
    pub fn new(map: Shape, border: Padding) -> Self {
        let rows = border.top + map.h + border.bottom;
        let columns = border.left + map.w + border.right;
        Self { map, framed: Shape::new(rows, columns, map.c), border }
    }

    /// Room for the framed map; 0 if there is no border.
    pub fn len(&self) -> usize {
        if self.framed == self.map { 0 } else { self.framed.len() }
    }

    /// The picture within its border of zeros, which `room` already has; itself if there is no border.
    pub fn put<'a, T: Real>(&self, picture: &'a [T], room: &'a mut [T]) -> &'a [T] {
        if self.len() == 0 {
            return picture;
        }
        self.for_each_row(|at, framed_at, len| {
            room[framed_at..][..len].copy_from_slice(&picture[at..][..len]);
        });
        room
    }

    /// The inverse of `put`.
    pub fn crop<T: Real>(&self, framed: &[T], target: &mut [T]) {
        self.for_each_row(|at, framed_at, len| {
            target[at..][..len].copy_from_slice(&framed[framed_at..][..len]);
        });
    }

    fn for_each_row(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let (len, framed_len) = (self.map.w * self.map.c, self.framed.w * self.map.c);
        for y in 0..self.map.h {
            let framed_at = (y + self.border.top) * framed_len + self.border.left * self.map.c;
            visit(y * len, framed_at, len);
        }
    }
}
