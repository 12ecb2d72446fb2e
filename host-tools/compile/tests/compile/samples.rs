//! Networks to compile: the seed CNN, and pieces to build others from.

use thumbnet_graph::{
    Conv2d, Fit, Int8Graph, Int8Weights, Metadata, Node, Op, Preprocessing, Quantization, Shape,
    Tensor, TensorId, Window,
};

/// The format of the input: `real = (code + 128) / 255`.
pub const INPUT: Quantization = Quantization { scale: 1.0 / 255.0, zero_point: -128 };

/// The format of every other map here.
pub const HIDDEN: Quantization = Quantization { scale: 0.037, zero_point: -128 };

/// A graph that grows node by node.
pub struct Builder {
    graph: Int8Graph,
    state: u64,
}

impl Builder {
    /// A graph with an input of this shape and no node.
    pub fn new(name: &str, input: Shape) -> Self {
        let metadata = Metadata { name: name.into(), ..Metadata::default() };
        let input = Tensor { name: "input".into(), shape: input, format: INPUT };
        let graph = Int8Graph {
            tensors: vec![input],
            nodes: vec![],
            input: TensorId(0),
            output: TensorId(0),
            metadata,
        };
        Self { graph, state: 1 }
    }

    /// The graph, its last node's output as the logits.
    pub fn build(self) -> Int8Graph {
        self.graph
    }

    /// A convolution of `oc` channels with weights that look random.
    pub fn conv(self, name: &str, window: Window, oc: usize) -> Self {
        self.grouped_conv(name, window, oc, 1)
    }

    /// The same with groups.
    pub fn grouped_conv(mut self, name: &str, window: Window, oc: usize, groups: usize) -> Self {
        let input = self.shape();
        let ic = input.c / groups;
        let values = (0..oc * window.taps() * ic).map(|_| self.weight()).collect();
        let bias = (0..oc).map(|_| (self.random() % 2_000) as i32 - 1_000).collect();
        let scales = (0..oc).map(|channel| 0.001 + 0.0001 * channel as f32).collect();
        let [h, w] = window.positions(input.h, input.w).expect("fits");
        let weights = Int8Weights { values, bias, scales };
        let op = Op::Conv2d(Conv2d { window, groups, weights });
        self.push(name, op, Shape::new(h, w, oc), HIDDEN)
    }

    /// A dense layer.
    pub fn dense(self, name: &str, oc: usize) -> Self {
        let input = self.shape();
        let window = Window { kernel: [input.h, input.w], ..Window::UNIT };
        self.conv(name, window, oc)
    }

    /// A max pool.
    pub fn max_pool(self, name: &str, window: Window) -> Self {
        let (input, format) = (self.shape(), self.format());
        let [h, w] = window.positions(input.h, input.w).expect("fits");
        self.push(name, Op::MaxPool2d(window), Shape::new(h, w, input.c), format)
    }

    /// An average pool.
    pub fn average_pool(self, name: &str, window: Window) -> Self {
        let input = self.shape();
        let [h, w] = window.positions(input.h, input.w).expect("fits");
        self.push(name, Op::AveragePool2d(window), Shape::new(h, w, input.c), HIDDEN)
    }

    /// A ReLU that keeps the number format.
    pub fn relu(self, name: &str) -> Self {
        let (shape, format) = (self.shape(), self.format());
        self.push(name, Op::Relu, shape, format)
    }

    /// A node of one input.
    pub fn push(self, name: &str, op: Op<Int8Weights>, shape: Shape, format: Quantization) -> Self {
        let input = self.graph.output;
        self.join(name, op, vec![input], shape, format)
    }

    /// A node.
    pub fn join(
        mut self,
        name: &str,
        op: Op<Int8Weights>,
        inputs: Vec<TensorId>,
        shape: Shape,
        format: Quantization,
    ) -> Self {
        let output = self.graph.add_tensor(Tensor { name: format!("{name}_out"), shape, format });
        self.graph.nodes.push(Node { name: name.into(), op, inputs, output });
        self.graph.output = output;
        self
    }

    /// Shape of the last map.
    pub fn shape(&self) -> Shape {
        self.graph.tensor(self.graph.output).shape
    }

    /// Format of the last map.
    pub fn format(&self) -> Quantization {
        self.graph.tensor(self.graph.output).format
    }

    /// The last map.
    pub fn output(&self) -> TensorId {
        self.graph.output
    }

    /// As small as trained weights are, so that long filters can be packed.
    fn weight(&mut self) -> i8 {
        (self.random() % 127) as i8 - 63
    }

    /// Xorshift64.
    fn random(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state >> 20
    }
}

/// The seed CNN: 28x28x1, two convolutions with ReLU and pool, two dense layers.
pub fn seed_cnn() -> Int8Graph {
    let (three, two) = (Window::square(3, 1), Window::square(2, 2));
    let builder = Builder::new("seed-cnn", Shape::new(28, 28, 1));
    let builder = builder.conv("conv1", three, 32).max_pool("pool1", two);
    let builder = builder.conv("conv2", three, 64).max_pool("pool2", two);
    let mut graph = builder.dense("dense1", 64).dense("dense2", 10).build();
    graph.metadata.preprocessing = Some(Preprocessing::new(Fit::Stretch, true));
    graph
}

/// One node of every kind, with padding, strides, dilation, groups, both kinds of add, and both requantization forms.
pub fn every_kind() -> Int8Graph {
    let padded = Window {
        padding: thumbnet_graph::Padding { top: 1, left: 0, bottom: 1, right: 2 },
        ..Window::square(3, 1)
    };
    let dilated = Window { kernel: [1, 2], dilation: [1, 2], ..Window::UNIT };
    let builder = Builder::new("every-kind", Shape::new(12, 12, 4));
    let builder = builder.conv("full", padded, 6).relu("relu");
    let builder = builder.grouped_conv("depthwise", Window::square(3, 1), 6, 6);
    let builder =
        builder.grouped_conv("grouped", dilated, 4, 2).max_pool("pool", Window::square(3, 2));
    let (shape, last) = (builder.shape(), builder.graph.output);
    let half = Quantization { scale: 0.25, zero_point: 3 };
    let one = builder.join("round", Op::AveragePool2d(Window::UNIT), vec![last], shape, half);
    let last = one.graph.output;
    let sum = Quantization { scale: 0.5, zero_point: -7 };
    let both = one.join("twice", Op::Add, vec![last, last], shape, sum);
    let twice = both.graph.output;
    let any = Quantization { scale: 0.3, zero_point: 11 };
    let mixed = both.join("mixed", Op::Add, vec![twice, last], shape, any);
    let window = Window { kernel: [shape.h, shape.w], ..Window::UNIT };
    mixed.average_pool("mean", window).dense("logits", 3).build()
}
