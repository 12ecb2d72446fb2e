//! A network to emulate: every operation once, sized so that a build and a run take moments.

use thumbnet_graph::{
    Conv2d, Fit, Int8Graph, Int8Weights, Metadata, Node, Op, Preprocessing, Quantization, Shape,
    Tensor, TensorId, Window,
};

const INPUT: Quantization = Quantization { scale: 1.0 / 255.0, zero_point: -128 };
const HIDDEN: Quantization = Quantization { scale: 0.0625, zero_point: -128 };

/// Two convolutions, both pools, a depthwise convolution, residual adds by shifts and in f32, a dense layer, on 20 x 20 grey pictures.
pub fn small() -> Int8Graph {
    let mut grower = Grower::new("small", Shape::new(20, 20, 1));
    let (three, two) = (Window::square(3, 1), Window::square(2, 2));
    grower.conv("conv1", three, 8, 1);
    grower.pool("pool1", Op::MaxPool2d(two), two);
    let before = grower.graph.output;
    grower.conv("conv2", Window::square(1, 1), 8, 1);
    grower.push("add", Op::Add, vec![before, grower.graph.output], grower.shape());
    grower.push("add_float", Op::Add, vec![before, grower.graph.output], grower.shape());
    let sum = grower.graph.output;
    grower.graph.tensors[sum.0].format.scale = 0.1; // no power of two away from the others
    grower.conv("depthwise", three, 8, 8);
    grower.pool("pool2", Op::AveragePool2d(two), two);
    let [h, w] = [grower.shape().h, grower.shape().w];
    grower.conv("dense", Window { kernel: [h, w], ..Window::UNIT }, 10, 1);
    let logits = grower.graph.output;
    grower.graph.tensors[logits.0].format.zero_point = 5;
    grower.graph.metadata.labels = (0..10).map(|class| format!("class {class}")).collect();
    grower.graph.metadata.preprocessing = Some(Preprocessing::new(Fit::Crop, true));
    grower.graph
}

/// One dense layer with so many weights that no board has room for them.
pub fn too_large() -> Int8Graph {
    let mut grower = Grower::new("too large", Shape::new(96, 96, 1));
    grower.conv("giant", Window { kernel: [96, 96], ..Window::UNIT }, 512, 1);
    grower.graph
}

struct Grower {
    graph: Int8Graph,
    state: u64,
}

impl Grower {
    fn new(name: &str, shape: Shape) -> Self {
        let graph = Int8Graph {
            tensors: vec![Tensor { name: "input".into(), shape, format: INPUT }],
            nodes: vec![],
            input: TensorId(0),
            output: TensorId(0),
            metadata: Metadata { name: name.into(), ..Metadata::default() },
        };
        Self { graph, state: 1 }
    }

    fn shape(&self) -> Shape {
        self.graph.tensor(self.graph.output).shape
    }

    fn conv(&mut self, name: &str, window: Window, oc: usize, groups: usize) {
        let input = self.shape();
        let [h, w] = window.positions(input.h, input.w).expect("the window fits");
        let taps = window.taps() * input.c / groups;
        let values = (0..oc * taps).map(|_| self.random() as i8).collect();
        let bias = (0..oc).map(|_| (self.random() % 2_000) as i32 - 1_000).collect();
        // So that the sum of random products fills the int8 range and seldom leaves it: a random weight is 74 steps
        // large on average.
        let scale = 4.0 / (taps as f32).sqrt() / 74.0;
        let scales = (0..oc).map(|channel| scale * (1.0 + channel as f32 / 16.0)).collect();
        let weights = Int8Weights { values, bias, scales };
        let op = Op::Conv2d(Conv2d { window, groups, weights });
        self.push(name, op, vec![self.graph.output], Shape::new(h, w, oc));
    }

    fn pool(&mut self, name: &str, op: Op<Int8Weights>, window: Window) {
        let input = self.shape();
        let [h, w] = window.positions(input.h, input.w).expect("the window fits");
        self.push(name, op, vec![self.graph.output], Shape::new(h, w, input.c));
    }

    fn push(&mut self, name: &str, op: Op<Int8Weights>, inputs: Vec<TensorId>, shape: Shape) {
        let tensor = Tensor { name: format!("{name}_out"), shape, format: HIDDEN };
        let output = self.graph.add_tensor(tensor);
        self.graph.nodes.push(Node { name: name.into(), op, inputs, output });
        self.graph.output = output;
    }

    /// Xorshift64.
    fn random(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state >> 20
    }
}
