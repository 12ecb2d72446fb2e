//! The operations of float networks beyond layers, pools and sums: how they are run on real numbers.

use crate::taps::{positions, visit_taps};
use thumbnet_graph::{Axis, Function, Padding, RealOp, Rearrange, Shape, Window};

/// A map: its shape and values.
#[derive(Clone, Copy)]
pub(crate) struct Map<'a> {
    pub shape: Shape,
    pub values: &'a [f32],
}

/// What `op` makes of `maps`, a map of shape `made`.
pub(crate) fn run(op: &RealOp, maps: &[Map], made: Shape) -> Vec<f32> {
    let x = maps[0];
    match op {
        RealOp::Function(formula) => {
            let each = x.values.iter().enumerate();
            each.map(|(at, &value)| formula.at(value, at % x.shape.c)).collect()
        }
        RealOp::Combine(function) => {
            let other = maps[1].values;
            let each = x.values.iter().zip(other.iter().cycle());
            each.map(|(&a, &b)| combined(*function, a, b)).collect()
        }
        RealOp::Mean { window, counts_padding } => mean(window, *counts_padding, x, made),
        RealOp::Concat(axis) => joined(*axis, maps, made),
        RealOp::Rearrange(_, copy) => rearranged(copy, x.values, made.len()),
        RealOp::Pad(padding, value) => padded(padding, *value, x, made),
    }
}

fn combined(function: Function, a: f32, b: f32) -> f32 {
    match function {
        Function::Add => a + b,
        Function::Subtract => a - b,
        Function::Multiply => a * b,
    }
}

fn mean(window: &Window, counts_padding: bool, x: Map, made: Shape) -> Vec<f32> {
    let mut y = vec![0.0; made.len()];
    for (position, sums) in positions(made).zip(y.chunks_exact_mut(made.c)) {
        let mut taps = 0;
        visit_taps(window, x.shape, position, |_, offset| {
            taps += 1;
            for (sum, value) in sums.iter_mut().zip(&x.values[offset..]) {
                *sum += value;
            }
        });
        let count = if counts_padding { window.taps() } else { taps };
        sums.iter_mut().for_each(|sum| *sum /= count as f32);
    }
    y
}

/// Each block of one map, then that of the next.
fn joined(axis: Axis, maps: &[Map], made: Shape) -> Vec<f32> {
    let block = |shape: Shape| match axis {
        Axis::Rows => shape.len(),
        Axis::Columns => shape.w * shape.c,
        Axis::Channels => shape.c,
    };
    let blocks = made.len() / block(made);
    let mut y = Vec::with_capacity(made.len());
    for index in 0..blocks {
        for map in maps {
            let len = block(map.shape);
            y.extend_from_slice(&map.values[index * len..][..len]);
        }
    }
    y
}

fn rearranged(copy: &Rearrange, x: &[f32], len: usize) -> Vec<f32> {
    let mut offsets = vec![copy.start.cast_signed()];
    for each in copy.loops {
        let places = |start: isize| {
            (0..each.count.cast_signed()).map(move |index| start + index * each.stride)
        };
        offsets = offsets.into_iter().flat_map(places).collect();
    }
    debug_assert_eq!(offsets.len(), len);
    offsets.into_iter().map(|offset| x[offset.cast_unsigned()]).collect()
}

fn padded(padding: &Padding, value: f32, x: Map, made: Shape) -> Vec<f32> {
    let mut y = vec![value; made.len()];
    let row = x.shape.w * x.shape.c;
    for (index, values) in x.values.chunks_exact(row).enumerate() {
        let start = ((index + padding.top) * made.w + padding.left) * made.c;
        y[start..][..row].copy_from_slice(values);
    }
    y
}

#[cfg(test)]
mod tests {
    use super::{Map, run};
    use thumbnet_graph::{Axis, Function, Padding, RealOp, Shape, Window};

    const MAP: Map = Map { shape: Shape::new(2, 2, 1), values: &[1.0, 2.0, 3.0, 4.0] };

    #[test]
    fn maps_join_along_each_axis() {
        let other = Map { values: &[5.0, 6.0, 7.0, 8.0], ..MAP };
        let joined = |axis, h, w, c| run(&RealOp::Concat(axis), &[MAP, other], Shape::new(h, w, c));
        assert_eq!(joined(Axis::Rows, 4, 2, 1), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        assert_eq!(joined(Axis::Columns, 2, 4, 1), [1.0, 2.0, 5.0, 6.0, 3.0, 4.0, 7.0, 8.0]);
        assert_eq!(joined(Axis::Channels, 2, 2, 2), [1.0, 5.0, 2.0, 6.0, 3.0, 7.0, 4.0, 8.0]);
    }

    #[test]
    fn a_border_surrounds_the_map() {
        let padding = Padding { left: 1, bottom: 1, ..Padding::NONE };
        let made = run(&RealOp::Pad(padding, 9.0), &[MAP], Shape::new(3, 3, 1));
        assert_eq!(made, [9.0, 1.0, 2.0, 9.0, 3.0, 4.0, 9.0, 9.0, 9.0]);
    }

    #[test]
    fn a_mean_counts_padding_or_not() {
        let padding = Padding { top: 1, ..Padding::NONE };
        let window = Window { padding, ..Window::square(2, 1) };
        let mean = |counts_padding| {
            run(&RealOp::Mean { window, counts_padding }, &[MAP], Shape::new(2, 1, 1))
        };
        assert_eq!(mean(false), [1.5, 2.5]);
        assert_eq!(mean(true), [0.75, 2.5]);
    }

    #[test]
    fn one_pixel_combines_with_every_pixel() {
        let pixel = Map { shape: Shape::new(1, 1, 1), values: &[3.0] };
        let made = run(&RealOp::Combine(Function::Multiply), &[MAP, pixel], MAP.shape);
        assert_eq!(made, [3.0, 6.0, 9.0, 12.0]);
    }
}
