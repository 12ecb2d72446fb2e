//! The operations on codes as onnxruntime without optimizations computes them, as plainly as can be.

use super::{Map, positions, quantize, real, saturate, step};
use crate::codes_op::{Axis, CodesOp, Combine, Lookup, Mean, MeanArithmetic, ZeroPoint};
use crate::graph::Quantization;
use thumbnet_kernels::geometry::Shape;
use thumbnet_kernels::portable::{Function, SumOrder};

/// The codes that `op` makes of `maps`.
pub(super) fn evaluate(op: &CodesOp, maps: &[Map<'_>], made: Shape, to: Quantization) -> Vec<i8> {
    let x = maps[0];
    match op {
        CodesOp::Mean(mean) => means(mean, x, made, to),
        CodesOp::Combine(combine) => (0..made.len())
            .map(|at| combined(*combine, [(x, at), (maps[1], at % maps[1].codes.len())], to))
            .collect(),
        CodesOp::Clip([min, max]) => x.codes.iter().map(|code| *code.clamp(min, max)).collect(),
        CodesOp::Lookup(Lookup { results, .. }) => {
            let entry = |(at, code): (usize, &i8)| {
                let table = if results.len() == 256 { 0 } else { at % x.shape.c };
                results[table * 256 + (i16::from(*code) + 128) as usize]
            };
            x.codes.iter().enumerate().map(entry).collect()
        }
        CodesOp::Concat(axis) => joined(*axis, maps, made),
        CodesOp::Rearrange(_, copy) => {
            let mut offsets = vec![copy.start as isize];
            for each in copy.loops {
                let steps = |offset: isize| {
                    (0..each.count as isize).map(move |index| offset + index * each.stride)
                };
                offsets = offsets.into_iter().flat_map(steps).collect();
            }
            offsets.into_iter().map(|offset| x.codes[offset as usize]).collect()
        }
        CodesOp::Pad(padding, value) => each_place(made, |y, column, c| {
            let (y, column) = (y.checked_sub(padding.top), column.checked_sub(padding.left));
            match (y.filter(|y| *y < x.shape.h), column.filter(|column| *column < x.shape.w)) {
                (Some(y), Some(column)) => x.codes[(y * x.shape.w + column) * x.shape.c + c],
                _ => *value,
            }
        }),
    }
}

fn each_place(shape: Shape, code: impl Fn(usize, usize, usize) -> i8) -> Vec<i8> {
    let mut codes = Vec::with_capacity(shape.len());
    for y in 0..shape.h {
        for x in 0..shape.w {
            codes.extend((0..shape.c).map(|c| code(y, x, c)));
        }
    }
    codes
}

fn joined(axis: Axis, maps: &[Map<'_>], made: Shape) -> Vec<i8> {
    each_place(made, |mut y, mut x, mut c| {
        for map in maps {
            let (at, side) = match axis {
                Axis::Rows => (&mut y, map.shape.h),
                Axis::Columns => (&mut x, map.shape.w),
                Axis::Channels => (&mut c, map.shape.c),
            };
            if *at < side {
                return map.codes[(y * map.shape.w + x) * map.shape.c + c];
            }
            *at -= side;
        }
        unreachable!("the sides of the maps add up to that of the joined one")
    })
}

fn combined(
    combine: Combine,
    [(a, a_at), (b, b_at)]: [(Map<'_>, usize); 2],
    to: Quantization,
) -> i8 {
    match combine {
        Combine::Real(function) => {
            let (a, b) = (real(a, a_at), real(b, b_at));
            let result = match function {
                Function::Add => a + b,
                Function::Subtract => a - b,
                Function::Multiply => a * b,
            };
            quantize(result, to)
        }
        Combine::QLinearAdd { unsigned } => {
            let file = |code: i8| f32::from(i16::from(code) + if unsigned { 128 } else { 0 });
            let [a_ratio, b_ratio] = [a, b].map(|map| map.format.scale / to.scale);
            let [a_zero, b_zero] = [a, b].map(|map| file(map.format.zero_point));
            let fixed = file(to.zero_point) - a_ratio.mul_add(a_zero, b_ratio * b_zero);
            let sum = file(b.codes[b_at]).mul_add(b_ratio, fixed);
            let sum = file(a.codes[a_at]).mul_add(a_ratio, sum).round_ties_even();
            (if unsigned { sum - 128.0 } else { sum }) as i8
        }
        Combine::QLinearMul { unsigned } => {
            let factor = a.format.scale * b.format.scale / to.scale;
            rounded((step(a, a_at) * step(b, b_at)) as f32 * factor, to, unsigned)
        }
    }
}

/// Rounded after the zero point of the file's codes was added.
fn rounded(steps: f32, to: Quantization, unsigned: bool) -> i8 {
    let shift = if unsigned { 128.0 } else { 0.0 };
    ((steps + (f32::from(to.zero_point) + shift)).round_ties_even() - shift) as i8
}

fn means(mean: &Mean, x: Map<'_>, made: Shape, to: Quantization) -> Vec<i8> {
    let taps = mean.window.taps();
    let mut codes = Vec::with_capacity(made.len());
    for position in positions(&mean.window, x.shape, made) {
        for channel in 0..made.c {
            let at = |pixel: usize| pixel * x.shape.c + channel;
            let inside = position.iter().flatten().count();
            let count = if mean.counts_padding { taps } else { inside } as f32;
            codes.push(match mean.arithmetic {
                MeanArithmetic::ScaledSum => {
                    let sum: i32 = position.iter().flatten().map(|pixel| step(x, at(*pixel))).sum();
                    let factor = x.format.scale / (to.scale * count);
                    saturate((sum as f32 * factor).round_ties_even(), to.zero_point)
                }
                MeanArithmetic::Real(order, zero_point) => {
                    let sum = float_sum(mean, x, &position, channel, order);
                    match zero_point {
                        ZeroPoint::AfterRounding => quantize(sum / count, to),
                        ZeroPoint::BeforeRounding { unsigned } => {
                            rounded(sum / count / to.scale, to, unsigned)
                        }
                    }
                }
            });
        }
    }
    codes
}

/// The sum of a channel under a window, in float.
fn float_sum(
    mean: &Mean,
    x: Map<'_>,
    position: &[Option<usize>],
    channel: usize,
    order: SumOrder,
) -> f32 {
    let value =
        |pixel: &Option<usize>| pixel.map_or(0.0, |pixel| real(x, pixel * x.shape.c + channel));
    let values: Vec<f32> = position.iter().map(value).collect();
    sum(order, &values, mean.window.kernel[1], channel)
}

/// Means that nothing rounds.
pub(super) fn float_means(mean: &Mean, x: Map<'_>, made: Shape) -> Vec<f32> {
    let order = match mean.arithmetic {
        MeanArithmetic::Real(order, _) => order,
        MeanArithmetic::ScaledSum => SumOrder::Rows,
    };
    let mut means = Vec::with_capacity(made.len());
    for position in positions(&mean.window, x.shape, made) {
        let inside = position.iter().flatten().count();
        let count = if mean.counts_padding { position.len() } else { inside } as f32;
        means.extend(
            (0..made.c).map(|channel| float_sum(mean, x, &position, channel, order) / count),
        );
    }
    means
}

/// The sum of `values`, rows of `width`. Padding is 0, which changes no sum.
fn sum(order: SumOrder, values: &[f32], width: usize, channel: usize) -> f32 {
    match order {
        SumOrder::Rows => values.iter().sum(),
        SumOrder::Columns => {
            let column = |x| values.iter().skip(x).step_by(width).sum::<f32>();
            (0..width).map(column).sum()
        }
        SumOrder::Lanes => {
            let (whole, rest) = values.split_at(values.len() / 4 * 4);
            let lane = |lane| whole.iter().skip(lane).step_by(4).sum::<f32>();
            rest.iter().fold((lane(0) + lane(2)) + (lane(1) + lane(3)), |sum, value| sum + value)
        }
        SumOrder::Packets => {
            let before = (4 - channel * values.len() % 4) % 4;
            let (before, rest) = values.split_at(before.min(values.len()));
            let (whole, after) = rest.split_at(rest.len() / 4 * 4);
            if whole.is_empty() {
                return values.iter().sum();
            }
            // Two chains of packets, then the packet that has no partner.
            let pairs = whole.len() / 8 * 8;
            let lane = |lane| {
                let chain = |chain: usize| {
                    whole[..pairs].iter().skip(4 * chain + lane).step_by(8).sum::<f32>()
                };
                let single = whole.get(pairs + lane).copied();
                single.map_or(chain(0) + chain(1), |single| chain(0) + chain(1) + single)
            };
            let lanes = (lane(0) + lane(2)) + (lane(1) + lane(3));
            before.iter().chain(after).fold(lanes, |sum, value| sum + value)
        }
    }
}
