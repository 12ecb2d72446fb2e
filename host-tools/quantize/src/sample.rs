//! Small random networks and pictures for tests, so that they need no trained model.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use thumbnet_graph::{
    Conv2d, FloatGraph, FloatWeights, Graph, Metadata, Node, Op, RealOp, Shape, Tensor, TensorId,
    Window,
};

/// Builds a float network layer by layer, with He-scaled random weights.
pub(crate) struct Builder {
    graph: FloatGraph,
    here: TensorId,
    random: Pcg64Mcg,
}

impl Builder {
    /// Begins with an input of `shape`.
    pub fn new(shape: Shape, seed: u64) -> Self {
        let input = Tensor { name: "input".into(), shape, format: () };
        let graph = Graph {
            tensors: vec![input],
            nodes: Vec::new(),
            input: TensorId(0),
            output: TensorId(0),
            metadata: Metadata::default(),
        };
        Self { graph, here: TensorId(0), random: Pcg64Mcg::seed_from_u64(seed) }
    }

    /// The tensor made last.
    pub fn here(&self) -> TensorId {
        self.here
    }

    /// A `size x size` convolution with stride 1 and no padding.
    pub fn conv2d(&mut self, name: &str, channels: usize, size: usize) -> &mut Self {
        self.window(name, channels, Window::square(size, 1), 1)
    }

    /// A layer whose window covers the whole map.
    pub fn dense(&mut self, name: &str, channels: usize) -> &mut Self {
        let Shape { h, w, .. } = self.shape();
        let window = Window { kernel: [h, w], ..Window::UNIT };
        self.window(name, channels, window, 1)
    }

    /// A scale and a shift a channel: batch normalization.
    pub fn affine(&mut self, name: &str) -> &mut Self {
        let channels = self.shape().c;
        self.window(name, channels, Window::UNIT, channels)
    }

    /// Goes on from a tensor made before.
    pub fn goto(&mut self, tensor: TensorId) -> &mut Self {
        self.here = tensor;
        self
    }

    /// A clip to this range.
    pub fn clip(&mut self, name: &str, limits: [f32; 2]) -> &mut Self {
        let (inputs, shape) = (vec![self.here], self.shape());
        self.push(name, Op::Clip(limits), inputs, shape)
    }

    /// A convolution with any window and groups.
    pub fn window(
        &mut self,
        name: &str,
        channels: usize,
        window: Window,
        groups: usize,
    ) -> &mut Self {
        let inputs = window.taps() * self.shape().c / groups;
        let scale = (6.0 / inputs as f32).sqrt();
        let mut uniform = |scale: f32| self.random.random_range(-scale..scale);
        let values = (0..channels * inputs).map(|_| uniform(scale)).collect();
        let bias = (0..channels).map(|_| uniform(0.1)).collect();
        let op = Op::Conv2d(Conv2d { window, groups, weights: FloatWeights { values, bias } });
        self.windowed(name, op, window, channels)
    }

    pub fn max_pool2d(&mut self, name: &str, size: usize) -> &mut Self {
        let (window, channels) = (Window::square(size, size), self.shape().c);
        self.windowed(name, Op::MaxPool2d(window), window, channels)
    }

    /// An average over the whole map.
    pub fn global_average_pool2d(&mut self, name: &str) -> &mut Self {
        let Shape { h, w, .. } = self.shape();
        self.average_pool2d(name, Window { kernel: [h, w], ..Window::UNIT })
    }

    pub fn average_pool2d(&mut self, name: &str, window: Window) -> &mut Self {
        let channels = self.shape().c;
        self.windowed(name, Op::AveragePool2d(window), window, channels)
    }

    pub fn relu(&mut self, name: &str) -> &mut Self {
        let (shape, inputs) = (self.shape(), vec![self.here]);
        self.push(name, Op::Relu, inputs, shape)
    }

    /// Adds `other` to the tensor made last.
    pub fn add(&mut self, name: &str, other: TensorId) -> &mut Self {
        let (shape, inputs) = (self.shape(), vec![self.here, other]);
        self.push(name, Op::Add, inputs, shape)
    }

    pub fn finish(mut self) -> FloatGraph {
        self.graph.output = self.here;
        self.graph
    }

    fn shape(&self) -> Shape {
        self.graph.tensor(self.here).shape
    }

    fn windowed(
        &mut self,
        name: &str,
        op: Op<FloatWeights>,
        window: Window,
        channels: usize,
    ) -> &mut Self {
        let Shape { h, w, .. } = self.shape();
        let [h, w] = window.positions(h, w).expect("a test's window fits its map");
        let inputs = vec![self.here];
        self.push(name, op, inputs, Shape::new(h, w, channels))
    }

    /// An operation on real numbers over these tensors.
    pub fn real(&mut self, name: &str, op: RealOp, inputs: &[TensorId]) -> &mut Self {
        let shapes: Vec<Shape> =
            inputs.iter().map(|&input| self.graph.tensor(input).shape).collect();
        let op = Op::Real(op);
        let shape = op.output_shape(&shapes).expect("a test's operation fits its maps");
        self.push(name, op, inputs.to_vec(), shape)
    }

    fn push(
        &mut self,
        name: &str,
        op: Op<FloatWeights>,
        inputs: Vec<TensorId>,
        shape: Shape,
    ) -> &mut Self {
        let tensor = Tensor { name: format!("{name}_out"), shape, format: () };
        let output = self.graph.add_tensor(tensor);
        self.graph.nodes.push(Node { name: name.into(), op, inputs, output });
        self.here = output;
        self
    }
}

/// The seed CNN with random weights.
pub(crate) fn seed_cnn(seed: u64) -> FloatGraph {
    let mut builder = Builder::new(Shape::new(28, 28, 1), seed);
    builder.conv2d("conv1", 32, 3).relu("relu1").max_pool2d("pool1", 2);
    builder.conv2d("conv2", 64, 3).relu("relu2").max_pool2d("pool2", 2);
    builder.dense("dense1", 64).relu("relu3").dense("dense2", 10);
    builder.finish()
}

/// A residual network with a depthwise convolution and a global average.
pub(crate) fn residual(seed: u64) -> FloatGraph {
    let same = |stride| Window {
        padding: thumbnet_graph::Padding { top: 1, left: 1, bottom: 1, right: 1 },
        ..Window::square(3, stride)
    };
    let mut builder = Builder::new(Shape::new(12, 12, 3), seed);
    let skip = builder.window("stem", 8, same(1), 1).relu("stem_relu").here();
    builder.window("block1_a", 8, same(1), 1).relu("block1_relu");
    let skip = builder.window("block1_b", 8, same(1), 1).add("add1", skip).relu("add1_relu").here();
    builder.window("block2_dw", 8, same(1), 8).relu("block2_relu");
    builder.conv2d("block2_pw", 8, 1).add("add2", skip).relu("add2_relu");
    builder.window("down", 16, same(2), 1).relu("down_relu").global_average_pool2d("average");
    builder.dense("logits", 10);
    builder.finish()
}

/// `count` pictures of `shape`: a bright blob each, somewhere.
pub(crate) fn pictures(shape: Shape, count: usize, seed: u64) -> Vec<u8> {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut bytes = Vec::with_capacity(count * shape.len());
    for _ in 0..count {
        let centre = [random.random_range(0.2..0.8f32), random.random_range(0.2..0.8f32)];
        let radius = random.random_range(0.1..0.4f32);
        let gain: Vec<f32> = (0..shape.c).map(|_| random.random_range(0.3..1.0)).collect();
        for index in 0..shape.len() {
            let (pixel, channel) = (index / shape.c, index % shape.c);
            let y = (pixel / shape.w) as f32 / shape.h as f32 - centre[0];
            let x = (pixel % shape.w) as f32 / shape.w as f32 - centre[1];
            let light = 255.0 * gain[channel] * (-(x * x + y * y) / (radius * radius)).exp();
            bytes.push((light + random.random_range(0.0..20.0f32)).min(255.0) as u8);
        }
    }
    bytes
}
