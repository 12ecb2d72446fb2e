//! Random valid graphs of the operations that only other tools' files have.

use super::Random;
use super::random_graph::GraphBuilder;
use crate::codes_op::{Axis, CodesOp, Combine, Lookup, Mean, MeanArithmetic, ZeroPoint};
use crate::graph::{Int8Graph, Quantization, TensorId};
use crate::op::Op;
use thumbnet_kernels::geometry::{Padding, Shape, Window};
use thumbnet_kernels::portable::{Function, Loop, Rearrange, SumOrder};

/// Maps above this size are made smaller before anything else.
const LARGEST_MAP: usize = 1_500;

/// A random graph of every [`CodesOp`], mixed with convolutions, ReLUs and max pools, a dense layer at the
/// end. The same seed always gives the same graph.
pub fn codes_graph(seed: u64) -> Int8Graph {
    let mut builder = GraphBuilder::new(seed);
    let mut map = builder.graph.input;
    for _ in 0..builder.random.within(3..=9) {
        map = builder.codes_layer(map);
    }
    let classes = builder.random.within(1..=12);
    builder.graph.output = builder.dense(map, classes);
    builder.graph
}

impl GraphBuilder {
    fn codes_layer(&mut self, map: TensorId) -> TensorId {
        let shape = self.graph.tensor(map).shape;
        if shape.len() > LARGEST_MAP {
            let part = slice(&mut self.random, shape);
            return self.rearranged(map, part);
        }
        match self.random.within(0..=11) {
            0 | 1 => self.mean(map),
            2 | 3 => self.combined(map),
            4 => {
                let [one, other] = [self.random.code(), self.random.code()];
                self.same_format(CodesOp::Clip([one.min(other), one.max(other)]), vec![map])
            }
            5 => {
                let tables = if self.random.one_in(2) { shape.c } else { 1 };
                let op = CodesOp::Lookup(Lookup {
                    results: self.random.codes(256 * tables),
                    formula: None,
                });
                self.other_format(op, vec![map])
            }
            6 | 7 => self.joined(map),
            8 => {
                let copy = match self.random.within(0..=3) {
                    0 => slice(&mut self.random, shape),
                    1 => enlarged(&mut self.random, shape),
                    2 => transposed(shape),
                    _ => shuffled(&mut self.random, shape),
                };
                self.rearranged(map, copy)
            }
            9 => {
                let mut side = || self.random.within(0..=2);
                let padding = Padding { top: side(), left: side(), bottom: side(), right: side() };
                let value = self.random.code();
                self.same_format(CodesOp::Pad(padding, value), vec![map])
            }
            10 => self.pool(map, Op::Relu),
            _ => {
                let channels = self.random.within(1..=6);
                self.conv(map, Window::UNIT, 1, channels, false)
            }
        }
    }

    fn mean(&mut self, map: TensorId) -> TensorId {
        let shape = self.graph.tensor(map).shape;
        let zero_point = match self.random.within(0..=2) {
            0 => ZeroPoint::AfterRounding,
            rest => ZeroPoint::BeforeRounding { unsigned: rest == 1 },
        };
        let mean = match self.random.within(0..=4) {
            0 => Mean::whole(shape, MeanArithmetic::ScaledSum),
            1 => Mean::whole(shape, MeanArithmetic::Real(SumOrder::Lanes, zero_point)),
            2 => Mean::whole(shape, MeanArithmetic::Real(SumOrder::Packets, zero_point)),
            rest => {
                let order = if rest == 3 { SumOrder::Rows } else { SumOrder::Columns };
                let window = Window { dilation: [1, 1], ..self.fitting_window(shape, true) };
                let counts_padding = self.random.one_in(2);
                let arithmetic = MeanArithmetic::Real(order, zero_point);
                Mean { window, counts_padding, arithmetic }
            }
        };
        self.other_format(CodesOp::Mean(mean), vec![map])
    }

    /// A map with itself, with another function of itself, or with one pixel of it.
    fn combined(&mut self, map: TensorId) -> TensorId {
        let shape = self.graph.tensor(map).shape;
        let other = match self.random.within(0..=3) {
            0 => map,
            1 => self.conv(map, Window::UNIT, 1, shape.c, false),
            2 => {
                let mean = Mean::whole(shape, MeanArithmetic::ScaledSum);
                self.other_format(CodesOp::Mean(mean), vec![map])
            }
            _ => {
                let start = self.random.within(0..=shape.len() - 1);
                let copy = Rearrange { start, loops: [Loop::ONCE; 6] };
                self.rearranged(map, (Shape::new(1, 1, 1), copy))
            }
        };
        let unsigned = self.random.one_in(2);
        let combine = match self.random.within(0..=4) {
            0 => Combine::QLinearAdd { unsigned },
            1 => Combine::QLinearMul { unsigned },
            rest => {
                Combine::Real([Function::Add, Function::Subtract, Function::Multiply][rest - 2])
            }
        };
        self.other_format(CodesOp::Combine(combine), vec![map, other])
    }

    /// Two or three maps of one format, the first and the last of them `map`.
    fn joined(&mut self, map: TensorId) -> TensorId {
        let shape = self.graph.tensor(map).shape;
        let axis = self.random.pick(&[Axis::Rows, Axis::Columns, Axis::Channels]);
        let part = |side: usize| side.div_ceil(2);
        let part = match axis {
            Axis::Rows => Shape { h: part(shape.h), ..shape },
            Axis::Columns => Shape { w: part(shape.w), ..shape },
            Axis::Channels => Shape { c: part(shape.c), ..shape },
        };
        let part = self.rearranged(map, (part, cut(shape, part, 0)));
        let mut inputs = vec![map, part];
        if self.random.one_in(2) {
            inputs.push(map);
        }
        self.same_format(CodesOp::Concat(axis), inputs)
    }

    fn rearranged(&mut self, map: TensorId, (made, copy): (Shape, Rearrange)) -> TensorId {
        self.same_format(CodesOp::Rearrange(made, copy), vec![map])
    }

    fn same_format(&mut self, op: CodesOp, inputs: Vec<TensorId>) -> TensorId {
        let format = self.graph.tensor(inputs[0]).format;
        self.made(op, inputs, format)
    }

    fn other_format(&mut self, op: CodesOp, inputs: Vec<TensorId>) -> TensorId {
        // No powers of two: sums and means by f32, with ties and without.
        let scale = self.random.pick(&[0.1, 0.037, 0.062_5, 0.023_528_1]);
        let zero_point = self.random.pick(&[-128, -3, 0, 17, 127]);
        self.made(op, inputs, Quantization { scale, zero_point })
    }

    fn made(&mut self, op: CodesOp, inputs: Vec<TensorId>, format: Quantization) -> TensorId {
        let shapes: Vec<Shape> = inputs.iter().map(|id| self.graph.tensor(*id).shape).collect();
        let op = Op::Codes(op);
        let made = op.output_shape(&shapes).expect("it was made to fit");
        self.emit("codes", op, inputs, made, format)
    }
}

/// The codes of `part`, a part of `shape`, from offset `start` on.
fn cut(shape: Shape, part: Shape, start: usize) -> Rearrange {
    let strides = [shape.w * shape.c, shape.c, 1];
    let counts = [part.h, part.w, part.c];
    Rearrange { start, loops: loops(counts.into_iter().zip(strides.map(usize::cast_signed))) }
}

fn slice(random: &mut Random, shape: Shape) -> (Shape, Rearrange) {
    let mut side = |side: usize| {
        let first = random.within(0..=side / 2);
        (first, random.within(1..=(side - first).min(6)))
    };
    let [(y, h), (x, w), (c, channels)] = [side(shape.h), side(shape.w), side(shape.c)];
    let part = Shape::new(h, w, channels);
    (part, cut(shape, part, (y * shape.w + x) * shape.c + c))
}

/// Each row and column several times, as Resize does it; upside down now and then.
fn enlarged(random: &mut Random, shape: Shape) -> (Shape, Rearrange) {
    let [rows, columns] = [random.within(1..=2), random.within(1..=2)];
    let row = (shape.w * shape.c).cast_signed();
    let (start, step) =
        if random.one_in(2) { (0, row) } else { ((shape.h - 1) * shape.w * shape.c, -row) };
    let loops = loops([
        (shape.h, step),
        (rows, 0),
        (shape.w, shape.c.cast_signed()),
        (columns, 0),
        (shape.c, 1),
    ]);
    (Shape::new(shape.h * rows, shape.w * columns, shape.c), Rearrange { start, loops })
}

/// `[h, w, c]` as `[c, h, w]`.
fn transposed(shape: Shape) -> (Shape, Rearrange) {
    let Shape { h, w, c } = shape;
    let [row, pixel] = [w * c, c].map(usize::cast_signed);
    let loops = loops([(c, 1), (h, row), (w, pixel)]);
    (Shape::new(c, h, w), Rearrange { start: 0, loops })
}

/// Channels by turns from each of their groups.
fn shuffled(random: &mut Random, shape: Shape) -> (Shape, Rearrange) {
    let groups = random.within(1..=shape.c);
    let groups = if shape.c.is_multiple_of(groups) { groups } else { 1 };
    let each = shape.c / groups;
    let loops = loops([
        (shape.h * shape.w, shape.c.cast_signed()),
        (each, 1),
        (groups, each.cast_signed()),
    ]);
    (shape, Rearrange { start: 0, loops })
}

/// The inner ones of six loops.
fn loops(
    inner: impl IntoIterator<Item = (usize, isize), IntoIter: ExactSizeIterator>,
) -> [Loop; 6] {
    let inner = inner.into_iter();
    let mut loops = [Loop::ONCE; 6];
    let first = loops.len() - inner.len();
    for (each, (count, stride)) in loops[first..].iter_mut().zip(inner) {
        *each = Loop { count, stride };
    }
    loops
}
