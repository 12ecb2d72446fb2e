//! Networks of one layer, of any size.

use thumbnet_graph::{
    Conv2d, Int8Graph, Int8Weights, Metadata, Node, Op, Quantization, Shape, Tensor, TensorId,
    Window,
};

/// One convolution, named `giant`.
pub fn one_layer(input: Shape, window: Window, filters: usize) -> Int8Graph {
    let [h, w] = window.positions(input.h, input.w).expect("the window fits the input");
    let taps = window.taps() * input.c;
    let weights = Int8Weights {
        values: (0..filters * taps).map(|index| (index % 7) as i8 - 3).collect(),
        bias: vec![0; filters],
        scales: vec![0.001; filters],
    };
    let format = Quantization { scale: 1.0 / 255.0, zero_point: -128 };
    let tensor = |name: &str, shape| Tensor { name: name.to_owned(), shape, format };
    let op = Op::Conv2d(Conv2d { window, groups: 1, weights });
    let (inputs, output) = (vec![TensorId(0)], TensorId(1));
    Int8Graph {
        tensors: vec![tensor("input", input), tensor("logits", Shape::new(h, w, filters))],
        nodes: vec![Node { name: "giant".to_owned(), op, inputs, output }],
        input: TensorId(0),
        output: TensorId(1),
        metadata: Metadata { name: "one layer".to_owned(), ..Metadata::default() },
    }
}

/// A dense layer of `inputs` to `outputs` values.
pub fn dense(inputs: usize, outputs: usize) -> Int8Graph {
    let window = Window { kernel: [1, inputs], ..Window::UNIT };
    one_layer(Shape::new(1, inputs, 1), window, outputs)
}
