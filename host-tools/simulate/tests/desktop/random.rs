//! Random int8 networks: small maps, every operation, every combination that the compiler takes.

use thumbnet_graph::{
    Conv2d, Int8Graph, Int8Weights, Metadata, Node, Op, Padding, Quantization, Shape, Tensor,
    TensorId, Window,
};

/// A seeded source of numbers and networks.
pub struct Random {
    state: u64,
    /// Channels come in multiples of this, but for those of depthwise convolutions.
    multiple: usize,
}

impl Random {
    /// The same seed gives the same numbers.
    pub fn new(seed: u64) -> Self {
        // Spread small seeds over all bits; xorshift must not start at zero.
        Self { state: (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15), multiple: 1 }
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state >> 11
    }

    /// `low..=high`.
    fn within(&mut self, low: usize, high: usize) -> usize {
        low + (self.next() as usize) % (high - low + 1)
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.within(1, n) == 1
    }

    /// An int8 code; the extremes are as likely as all the rest together.
    fn code(&mut self) -> i8 {
        match self.within(0, 3) {
            0 => -128,
            1 => 127,
            _ => self.next() as i8,
        }
    }

    /// A map of codes.
    pub fn bytes(&mut self, len: usize) -> Vec<i8> {
        (0..len).map(|_| self.code()).collect()
    }

    /// Weights; mostly without -128, which keeps a layer from being packed.
    fn weights(&mut self, len: usize) -> Vec<i8> {
        let lowest = if self.one_in(4) { -128 } else { -127 };
        (0..len).map(|_| self.code().max(lowest)).collect()
    }

    /// A network of 1 to 7 nodes.
    pub fn network(&mut self) -> Int8Graph {
        let shape = Shape::new(self.within(1, 9), self.within(1, 9), self.within(1, 5));
        let nodes = self.within(1, 7);
        self.network_on(shape, nodes)
    }

    /// A network of 3 to 9 nodes on a map of many rows, each of whole words.
    pub fn tall_network(&mut self) -> Int8Graph {
        self.multiple = 4;
        let shape = Shape::new(self.within(15, 41), self.within(2, 9), 4 * self.within(1, 2));
        let nodes = self.within(3, 9);
        self.network_on(shape, nodes)
    }

    /// Sums of two paths from one map, the body's windows larger than the shortcut's, so that one path may be ahead of the
    /// other.
    pub fn forked_network(&mut self) -> Int8Graph {
        self.multiple = 4;
        let shape = Shape::new(self.within(16, 41), self.within(4, 12), 4 * self.within(1, 2));
        let mut graph = self.network_on(shape, 0);
        self.square_conv(&mut graph, TensorId(0), [12, 3, 1]);
        for _ in 0..self.within(1, 3) {
            let from = graph.output;
            let (filters, stride) = (4 * self.within(1, 4), self.within(1, 2));
            let body = self.square_conv(&mut graph, from, [filters, 3, stride]);
            let body = self.square_conv(&mut graph, body, [filters, 3, 1]);
            let shortcut = self.square_conv(&mut graph, from, [filters, 1, stride]);
            let (shape, format) = (graph.tensor(body).shape, self.format());
            push(&mut graph, Op::Add, vec![body, shortcut], shape, format);
        }
        graph
    }

    /// A convolution of square windows and padding that keeps the size, but for the stride.
    fn square_conv(
        &mut self,
        graph: &mut Int8Graph,
        from: TensorId,
        [filters, size, stride]: [usize; 3],
    ) -> TensorId {
        let input = graph.tensor(from).shape;
        let side = size / 2;
        let padding = Padding { top: side, left: side, bottom: side, right: side };
        let (kernel, stride) = ([size, size], [stride, stride]);
        let window = Window { kernel, stride, padding, ..Window::UNIT };
        let [h, w] = window.positions(input.h, input.w).expect("its padding is enough");
        let values = self.weights(filters * window.taps() * input.c);
        let bias = (0..filters).map(|_| self.within(0, 20_000) as i32 - 10_000).collect();
        let weights = Int8Weights { values, bias, scales: vec![0.002; filters] };
        let op = Op::Conv2d(Conv2d { window, groups: 1, weights });
        let format = self.format();
        push(graph, op, vec![from], Shape::new(h, w, filters), format)
    }

    fn network_on(&mut self, shape: Shape, nodes: usize) -> Int8Graph {
        let format = self.format();
        let mut graph = Int8Graph {
            tensors: vec![Tensor { name: "t0".into(), shape, format }],
            nodes: vec![],
            input: TensorId(0),
            output: TensorId(0),
            metadata: Metadata { name: "random".into(), ..Metadata::default() },
        };
        for _ in 0..nodes {
            self.grow(&mut graph);
        }
        graph
    }

    /// Adds a node behind the last one.
    fn grow(&mut self, graph: &mut Int8Graph) {
        let last = graph.output;
        let Tensor { shape, format, .. } = graph.tensor(last).clone();
        let other = self.partner(graph);
        // On many rows, more convolutions: whole maps between them are what stripes save.
        let kind = if self.multiple > 1 && self.one_in(2) { 0 } else { self.within(0, 13) };
        let (op, inputs, shape, format) = match kind {
            0..=4 => {
                let (conv, shape) = self.conv(shape);
                (Op::Conv2d(conv), vec![last], shape, self.format())
            }
            5..=7 => {
                let padded = self.one_in(3);
                let (window, [h, w]) = self.window(shape, padded);
                (Op::MaxPool2d(window), vec![last], Shape::new(h, w, shape.c), format)
            }
            8 => {
                let window = Window { dilation: [1, 1], ..self.window(shape, false).0 };
                let [h, w] = window.positions(shape.h, shape.w).expect("smaller than before");
                (Op::AveragePool2d(window), vec![last], Shape::new(h, w, shape.c), self.format())
            }
            9..=11 => (Op::Relu, vec![last], shape, format),
            _ => {
                let shifted = self.one_in(2);
                let format =
                    if shifted { self.shifted(graph, [last, other]) } else { self.format() };
                (Op::Add, vec![last, other], shape, format)
            }
        };
        push(graph, op, inputs, shape, format);
    }

    /// A tensor that can be added to the last one: of its shape.
    fn partner(&mut self, graph: &Int8Graph) -> TensorId {
        let last = graph.tensor(graph.output);
        let fits = |tensor: &Tensor<Quantization>| tensor.shape == last.shape;
        let fitting: Vec<usize> =
            (0..graph.tensors.len()).filter(|id| fits(&graph.tensors[*id])).collect();
        TensorId(fitting[self.within(0, fitting.len() - 1)])
    }

    /// A format for the sum of two tensors, whose scales become exact powers of two.
    fn shifted(&mut self, graph: &mut Int8Graph, operands: [TensorId; 2]) -> Quantization {
        // A changed scale changes what earlier max pools and fused ReLUs promise: follow them.
        for id in operands {
            let scale = 2f32.powi(self.within(0, 3) as i32 - 6);
            let old = graph.tensor(id).format;
            for tensor in &mut graph.tensors {
                if tensor.format.scale == old.scale {
                    tensor.format.scale = scale;
                }
            }
        }
        Quantization { scale: 2f32.powi(self.within(0, 4) as i32 - 6), zero_point: self.code() }
    }

    fn format(&mut self) -> Quantization {
        let scale = 0.01 + self.within(0, 1_000) as f32 / 20_000.0;
        let scale = if self.one_in(4) { 0.03125 } else { scale };
        let zero_point = if self.one_in(2) { -128 } else { self.code() };
        Quantization { scale, zero_point }
    }

    fn conv(&mut self, input: Shape) -> (Conv2d<Int8Weights>, Shape) {
        let (groups, oc) = match self.within(0, 5) {
            0 | 1 => (input.c, input.c),
            2 => (input.c, input.c * 2),
            _ => (1, self.multiple * self.within(1, 6)),
        };
        let (window, [h, w]) = if self.one_in(5) {
            (Window { kernel: [input.h, input.w], ..Window::UNIT }, [1, 1])
        } else {
            self.window(input, true)
        };
        let count = oc * window.taps() * (input.c / groups);
        let average = self.one_in(6);
        let values = if average { vec![1; count] } else { self.weights(count) };
        let bias = (0..oc).map(|_| self.within(0, 20_000) as i32 - 10_000).collect();
        let bias = if average { vec![77; oc] } else { bias };
        let scale = |random: &mut Self| 0.0005 + random.within(0, 1_000) as f32 / 300_000.0;
        let first = scale(self);
        let scales = (0..oc).map(|_| if average { first } else { scale(self) }).collect();
        let weights = Int8Weights { values, bias, scales };
        (Conv2d { window, groups, weights }, Shape::new(h, w, oc))
    }

    /// A window that fits, and its positions.
    fn window(&mut self, input: Shape, padded: bool) -> (Window, [usize; 2]) {
        loop {
            let size = |random: &mut Self| [random.within(1, 3), random.within(1, 3)];
            let kernel = size(self);
            let padding =
                if padded && self.one_in(2) { self.padding(kernel) } else { Padding::NONE };
            let stride = match self.within(1, 3) {
                1 => kernel,
                _ if self.multiple > 1 && !self.one_in(4) => [1, 1],
                _ => size(self),
            };
            let dilation = if self.one_in(4) { size(self) } else { [1, 1] };
            let window = Window { kernel, stride, dilation, padding };
            if let Some(positions) = window.positions(input.h, input.w) {
                return (window, positions);
            }
        }
    }

    /// Less than the kernel, as max pools must have it.
    fn padding(&mut self, [kh, kw]: [usize; 2]) -> Padding {
        let mut side = |kernel: usize| self.within(0, kernel - 1);
        Padding { top: side(kh), left: side(kw), bottom: side(kh), right: side(kw) }
    }
}

/// Adds a node, the output of the graph from now on.
fn push(
    graph: &mut Int8Graph,
    op: Op<Int8Weights>,
    inputs: Vec<TensorId>,
    shape: Shape,
    format: Quantization,
) -> TensorId {
    let name = format!("t{}", graph.tensors.len());
    let output = graph.add_tensor(Tensor { name: name.clone(), shape, format });
    graph.nodes.push(Node { name, op, inputs, output });
    graph.output = output;
    output
}
