//! What is written of a float graph is read back as the same graph.

use proptest::prelude::*;
use thumbnet_graph::onnx::{read_float, write_float};
use thumbnet_graph::testing::{int8_graph, seed_cnn};
use thumbnet_graph::{
    Axis, CodesOp, Conv2d, FloatGraph, FloatWeights, Formula, Function, Graph, Int8Graph, Mean,
    Node, Op, Padding, RealOp, Shape, Tensor, TensorId, Unary, Window,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn random_graphs_survive(seed: u64) {
        let graph = as_float(&int8_graph(seed));
        prop_assert_eq!(graph.validate(), Ok(()));
        // These are read as parts of functions of one element.
        prop_assume!(!graph.nodes.iter().any(scales_channels));
        let bytes = write_float(&graph).expect("it has operators for all");
        let again = read_float(&bytes, "random.onnx");
        prop_assert_eq!(again.as_ref(), Ok(&graph));
    }
}

fn scales_channels(node: &Node<FloatWeights>) -> bool {
    let Op::Conv2d(conv) = &node.op else { return false };
    conv.window.taps() == 1 && conv.weights.values.len() == conv.groups
}

#[test]
fn operations_on_real_numbers_survive() {
    let map = Shape::new(4, 6, 2);
    let window = Window { padding: border(1), ..Window::square(3, 1) };
    let swish = Formula::unary(Unary::HardSwish, Formula::Element);
    let elu = Formula::unary(Unary::Elu { alpha: 0.5 }, Formula::Element);
    let operations = [
        (RealOp::Function(swish), map, 1),
        (RealOp::Function(elu), map, 1),
        (RealOp::Combine(Function::Multiply), map, 2),
        (RealOp::Combine(Function::Subtract), map, 2),
        (RealOp::Mean { window, counts_padding: false }, map, 1),
        (RealOp::Concat(Axis::Rows), Shape::new(8, 6, 2), 2),
        (RealOp::Concat(Axis::Channels), Shape::new(4, 6, 4), 2),
        (RealOp::Pad(border(2), -1.5), Shape::new(8, 10, 2), 1),
    ];
    for (op, shape, inputs) in operations {
        let graph = one_real_operation(op.clone(), map, shape, inputs);
        assert_eq!(graph.validate(), Ok(()), "{op:?}");
        let bytes = write_float(&graph).expect("it has an operator");
        assert_eq!(read_float(&bytes, "real.onnx").as_ref(), Ok(&graph), "{op:?}");
    }
}

/// `op` on a map that a max pool makes, or on that map and what another one makes of it.
fn one_real_operation(op: RealOp, map: Shape, made: Shape, inputs: usize) -> FloatGraph {
    let mut graph = as_float(&seed_cnn(1));
    graph.tensors.clear();
    graph.nodes.clear();
    let largest = Window { padding: border(1), ..Window::square(3, 1) };
    let pools = [("pool1", 0), ("pool2", 1)].into_iter().take(inputs);
    let before = pools.map(|(name, from)| (name, Op::MaxPool2d(largest), from..from + 1, map));
    let operation = ("op", Op::Real(op), 1..1 + inputs, made);
    graph.add_tensor(Tensor { name: "input".to_owned(), shape: map, format: () });
    for (name, op, inputs, shape) in before.chain([operation]) {
        let output = graph.add_tensor(Tensor { name: format!("{name}_out"), shape, format: () });
        let inputs = inputs.map(TensorId).collect();
        graph.nodes.push(Node { name: name.to_owned(), op, inputs, output });
        graph.output = output;
    }
    graph
}

/// The float network that a random int8 one stands for.
fn as_float(graph: &Int8Graph) -> FloatGraph {
    let nodes = graph.nodes.iter().map(|node| {
        let op = match &node.op {
            Op::Conv2d(conv) => {
                let taps = conv.weights.values.len() / conv.weights.scales.len();
                let scales = conv.weights.scales.iter();
                let values = conv.weights.values.chunks_exact(taps).zip(scales.clone());
                let values = values.flat_map(|(filter, scale)| {
                    filter.iter().map(move |&code| f32::from(code) * scale)
                });
                let bias = scales.zip(&conv.weights.bias).map(|(s, &code)| code as f32 * s);
                let weights = FloatWeights { values: values.collect(), bias: bias.collect() };
                Op::Conv2d(Conv2d { window: conv.window, groups: conv.groups, weights })
            }
            Op::MaxPool2d(window) => Op::MaxPool2d(*window),
            Op::AveragePool2d(window) => Op::AveragePool2d(*window),
            Op::Add => Op::Add,
            Op::Relu => Op::Relu,
            Op::Codes(CodesOp::Mean(Mean { window, .. })) if window.padding == Padding::NONE => {
                Op::AveragePool2d(*window)
            }
            Op::Codes(CodesOp::Mean(Mean { window, counts_padding, .. })) => {
                Op::Real(RealOp::Mean { window: *window, counts_padding: *counts_padding })
            }
            Op::Clip(_) | Op::Codes(_) | Op::Real(_) => unreachable!("the graph has none"),
        };
        Node { name: node.name.clone(), op, inputs: node.inputs.clone(), output: node.output }
    });
    let tensors = graph.tensors.iter().map(|Tensor { name, shape, .. }| Tensor {
        name: name.clone(),
        shape: *shape,
        format: (),
    });
    Graph {
        nodes: nodes.collect(),
        tensors: tensors.collect(),
        input: graph.input,
        output: graph.output,
        metadata: graph.metadata.clone(),
    }
}

fn border(width: usize) -> Padding {
    Padding { top: width, left: width, bottom: width, right: width }
}
