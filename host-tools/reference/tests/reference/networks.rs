//! Random float networks of the layers that the device can run, quantized to ONNX files.

use thumbnet_graph::onnx::{self, Form};
use thumbnet_graph::testing::Random;
use thumbnet_graph::{
    Conv2d, FloatGraph, FloatWeights, Graph, Int8Graph, Metadata, Node, Op, Padding, Shape, Tensor,
    TensorId, Window,
};
use thumbnet_quantize::quantize;
use thumbnet_reference::Model;

/// A network with a convolution, a depthwise one, a residual sum, a max pool, an average pool and two dense
/// layers, of random sizes and weights.
pub fn network(seed: u64) -> FloatGraph {
    let mut random = Random::new(seed);
    let shape = Shape::new(random.within(9..=14), random.within(9..=14), random.pick(&[1, 3]));
    let mut builder = Builder::new(shape, random);
    let channels = builder.random.within(2..=9);
    builder.conv("conv1", padded(3, 1), channels, 1).relu("relu1");
    builder.pool("pool1", Op::MaxPool2d(Window::square(2, 2)));
    let trunk = builder.here;
    builder.conv("depthwise", padded(3, 1), channels, channels).relu("relu2");
    builder.conv("pointwise", Window::UNIT, channels, 1).add("add", trunk).relu("relu3");
    let stride = builder.random.within(1..=2);
    let more = builder.random.within(4..=12);
    builder.conv("conv2", padded(3, stride), more, 1).relu("relu4");
    let Shape { h, w, .. } = builder.shape();
    if seed.is_multiple_of(2) {
        let whole = Window { kernel: [h, w], ..Window::UNIT };
        builder.pool("average", Op::AveragePool2d(whole));
    }
    builder.dense("dense1", 16).relu("relu5").dense("dense2", 10);
    builder.graph.output = builder.here;
    builder.graph
}

/// `graph` quantized and snapped for `form`, written as an ONNX file and read back.
pub fn model(graph: &FloatGraph, form: Form) -> Model {
    let shape = graph.tensor(graph.input).shape;
    let mut random = Random::new(99);
    let pictures: Vec<u8> =
        random.codes(24 * shape.len()).into_iter().map(|code| code as u8).collect();
    let quantized = quantize(graph, &pictures, form).expect("random networks quantize");
    file(&quantized.graph, form)
}

/// The ONNX file of `graph`, as it reads back.
pub fn file(graph: &Int8Graph, form: Form) -> Model {
    Model::new("random.onnx".to_owned(), onnx::write(graph, form))
        .expect("what we write can be read")
}

fn padded(size: usize, stride: usize) -> Window {
    let padding = Padding { top: 1, left: 1, bottom: 1, right: 1 };
    Window { padding, ..Window::square(size, stride) }
}

struct Builder {
    graph: FloatGraph,
    here: TensorId,
    random: Random,
}

impl Builder {
    fn new(shape: Shape, random: Random) -> Self {
        let input = Tensor { name: "input".to_owned(), shape, format: () };
        let graph = Graph {
            tensors: vec![input],
            nodes: Vec::new(),
            input: TensorId(0),
            output: TensorId(0),
            metadata: Metadata::default(),
        };
        Self { graph, here: TensorId(0), random }
    }

    fn shape(&self) -> Shape {
        self.graph.tensor(self.here).shape
    }

    fn conv(&mut self, name: &str, window: Window, channels: usize, groups: usize) -> &mut Self {
        let inputs = window.taps() * self.shape().c / groups;
        let reach = (6.0 / inputs as f32).sqrt();
        let values =
            (0..channels * inputs).map(|_| (2.0 * self.random.unit() - 1.0) * reach).collect();
        let bias = (0..channels).map(|_| self.random.unit() * 0.2 - 0.1).collect();
        let op = Op::Conv2d(Conv2d { window, groups, weights: FloatWeights { values, bias } });
        self.push(name, op, vec![self.here])
    }

    fn dense(&mut self, name: &str, channels: usize) -> &mut Self {
        let Shape { h, w, .. } = self.shape();
        self.conv(name, Window { kernel: [h, w], ..Window::UNIT }, channels, 1)
    }

    fn pool(&mut self, name: &str, op: Op<FloatWeights>) -> &mut Self {
        self.push(name, op, vec![self.here])
    }

    fn relu(&mut self, name: &str) -> &mut Self {
        self.push(name, Op::Relu, vec![self.here])
    }

    fn add(&mut self, name: &str, other: TensorId) -> &mut Self {
        self.push(name, Op::Add, vec![self.here, other])
    }

    fn push(&mut self, name: &str, op: Op<FloatWeights>, inputs: Vec<TensorId>) -> &mut Self {
        let shapes: Vec<_> = inputs.iter().map(|&input| self.graph.tensor(input).shape).collect();
        let shape = op.output_shape(&shapes).expect("the test's layers fit their maps");
        let tensor = Tensor { name: format!("{name}_out"), shape, format: () };
        self.here = self.graph.add_tensor(tensor);
        self.graph.nodes.push(Node { name: name.to_owned(), op, inputs, output: self.here });
        self
    }
}
