//! Random valid int8 graphs of the kinds that real classifiers are made of.

use super::Random;
use crate::codes_op::{CodesOp, Mean};
use crate::graph::{Graph, Int8Graph, Metadata, Node, Quantization, Tensor, TensorId};
use crate::op::{Conv2d, Int8Weights, Op};
use crate::{Fit, Preprocessing, Resize, Turn};
use thumbnet_kernels::geometry::{Padding, Shape, Window};

/// A random graph: ordinary, strided, dilated, grouped and depthwise convolutions, max and average
/// pools, residual sums, ReLUs, a dense layer at the end; names unique, tensors in order of
/// definition, nothing unused. The same seed always gives the same graph.
///
/// The scales of activations are powers of two but for the input's 1/255; weight scales are
/// arbitrary and chosen so that outputs fill their range. They are not snapped: runtimes may differ
/// in rare roundings.
pub fn int8_graph(seed: u64) -> Int8Graph {
    let mut builder = GraphBuilder::new(seed);
    let mut map = builder.graph.input;
    for _ in 0..builder.random.within(1..=6) {
        map = builder.layer(map);
    }
    let classes = builder.random.within(1..=12);
    builder.graph.output = builder.dense(map, classes);
    builder.graph
}

/// The seed CNN with random weights: 28 x 28 x 1, two 3 x 3 convolutions with 2 x 2 max pools,
/// dense 64, dense 10.
pub fn seed_cnn(seed: u64) -> Int8Graph {
    let mut builder = GraphBuilder::new(seed);
    let input = builder.graph.input;
    builder.graph.tensors[input.0].shape = Shape::new(28, 28, 1);
    let mut map = input;
    for channels in [32, 64] {
        map = builder.conv(map, Window::square(3, 1), 1, channels, true);
        map = builder.pool(map, Op::MaxPool2d(Window::square(2, 2)));
    }
    map = builder.dense(map, 64);
    builder.graph.output = builder.dense(map, 10);
    builder.graph
}

pub(super) struct GraphBuilder {
    pub(super) random: Random,
    pub(super) graph: Int8Graph,
}

impl GraphBuilder {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let shape =
            Shape::new(random.within(3..=12), random.within(3..=12), random.pick(&[1, 2, 3, 4, 8]));
        let format = Quantization { scale: 1.0 / 255.0, zero_point: -128 };
        let labels = (0..random.within(0..=3)).map(|class| format!("class \"{class}\"")).collect();
        let preprocessing = Some(Preprocessing {
            fit: random.pick(&Fit::ALL),
            resize: random.pick(&Resize::ALL),
            invert: random.one_in(2),
            turn: random.pick(&Turn::ALL),
        });
        let metadata = Metadata {
            name: format!("random {seed}"),
            labels,
            preprocessing: preprocessing.filter(|_| !random.one_in(3)),
            producer: "thumbnet 0.1.0".to_owned(),
            temperature: seed.is_multiple_of(2).then_some(0.873),
        };
        let graph = Graph {
            tensors: vec![Tensor { name: "input".to_owned(), shape, format }],
            nodes: Vec::new(),
            input: TensorId(0),
            output: TensorId(0),
            metadata,
        };
        Self { random, graph }
    }

    /// One random layer over `map`.
    fn layer(&mut self, map: TensorId) -> TensorId {
        let shape = self.graph.tensor(map).shape;
        match self.random.within(0..=7) {
            0 => self.residual(map),
            1 => {
                let window = self.fitting_window(shape, true);
                self.pool(map, Op::MaxPool2d(window))
            }
            2 => {
                let kernel = [
                    self.random.within(1..=shape.h.min(3)),
                    self.random.within(1..=shape.w.min(3)),
                ];
                let stride = [self.random.within(1..=2), self.random.within(1..=2)];
                let window = Window { kernel, stride, ..Window::UNIT };
                let mean = Mean::average_pool(window, shape, false, 17);
                self.pool(map, Op::Codes(CodesOp::Mean(mean)))
            }
            3 if map != self.graph.input => self.pool(map, Op::Relu),
            4 => {
                let window = self.fitting_window(shape, false);
                self.conv(map, window, shape.c, shape.c, true)
            }
            5 => {
                let groups = self.random.pick(&[2, 4]);
                let groups = if shape.c.is_multiple_of(groups) { groups } else { 1 };
                let channels = groups * self.random.within(1..=3);
                let window = self.fitting_window(shape, false);
                self.conv(map, window, groups, channels, true)
            }
            _ => {
                let window = self.fitting_window(shape, false);
                let channels = self.random.within(1..=9);
                let rectified = self.random.one_in(2);
                self.conv(map, window, 1, channels, rectified)
            }
        }
    }

    /// A map added to a convolution of itself.
    fn residual(&mut self, map: TensorId) -> TensorId {
        let shape = self.graph.tensor(map).shape;
        let first = self.conv(map, Window::UNIT, 1, shape.c, true);
        let second = self.conv(first, Window::UNIT, 1, shape.c, false);
        let format = self.format(false);
        self.emit("add", Op::Add, vec![first, second], shape, format)
    }

    pub(super) fn dense(&mut self, map: TensorId, channels: usize) -> TensorId {
        let Shape { h, w, .. } = self.graph.tensor(map).shape;
        self.conv(map, Window { kernel: [h, w], ..Window::UNIT }, 1, channels, false)
    }

    pub(super) fn conv(
        &mut self,
        map: TensorId,
        window: Window,
        groups: usize,
        channels: usize,
        rectified: bool,
    ) -> TensorId {
        let input = self.graph.tensor(map);
        let (shape, x_scale) = (input.shape, input.format.scale);
        let taps = window.taps() * (shape.c / groups);
        let format = self.format(rectified);
        // Products of uniform codes have a deviation of 74 * 74; their sum fills 64 steps of the
        // output.
        let factor = 64.0 / (74.0 * 74.0 * (taps as f32).sqrt());
        let mut scale = || factor * format.scale / x_scale * (0.5 + self.random.unit());
        let scales: Vec<f32> = (0..channels).map(|_| scale()).collect();
        let values = self.random.codes(channels * taps);
        let bias = (0..channels).map(|_| i32::from(self.random.code()) * 64).collect();
        let op =
            Op::Conv2d(Conv2d { window, groups, weights: Int8Weights { values, bias, scales } });
        let made = op.output_shape(&[shape]).expect("the window was chosen to fit");
        self.emit("conv", op, vec![map], made, format)
    }

    pub(super) fn pool(&mut self, map: TensorId, op: Op<Int8Weights>) -> TensorId {
        let input = self.graph.tensor(map);
        let format = input.format;
        let made = op.output_shape(&[input.shape]).expect("the window was chosen to fit");
        self.emit("step", op, vec![map], made, format)
    }

    pub(super) fn emit(
        &mut self,
        stem: &str,
        op: Op<Int8Weights>,
        inputs: Vec<TensorId>,
        shape: Shape,
        format: Quantization,
    ) -> TensorId {
        let name = format!("{stem}{}", self.graph.nodes.len() + 1);
        let output = self.graph.add_tensor(Tensor { name: format!("{name}_out"), shape, format });
        self.graph.nodes.push(Node { name, op, inputs, output });
        output
    }

    fn format(&mut self, rectified: bool) -> Quantization {
        let scale = self.random.pick(&[0.125, 0.0625, 0.03125]);
        let zero_point = if rectified { -128 } else { self.random.within(0..=40) as i8 - 20 };
        Quantization { scale, zero_point }
    }

    /// A window with at least one position on a map of `shape`; `pool` keeps its padding below its
    /// kernel.
    pub(super) fn fitting_window(&mut self, shape: Shape, pool: bool) -> Window {
        let random = &mut self.random;
        let kernel = [random.within(1..=shape.h.min(3)), random.within(1..=shape.w.min(3))];
        let most = |side: usize| if pool { (side - 1).min(1) } else { 1 };
        let padding = Padding {
            top: random.within(0..=most(kernel[0])),
            left: random.within(0..=most(kernel[1])),
            bottom: random.within(0..=most(kernel[0])),
            right: random.within(0..=most(kernel[1])),
        };
        let stride = [random.within(1..=2), random.within(1..=3)];
        let window = Window { kernel, stride, dilation: [1, 1], padding };
        let dilated = Window { dilation: [random.within(1..=2), random.within(1..=2)], ..window };
        if dilated.positions(shape.h, shape.w).is_some() { dilated } else { window }
    }
}
