//! What cannot be compiled is refused with the node's name, and nothing panics.

use crate::samples::{Builder, HIDDEN, every_kind};
use proptest::prelude::{any, proptest};
use thumbnet_compile::{CompileError, InstructionSet, LayerRow, Optimize, Options, compile, emit};
use thumbnet_graph::{Int8Graph, Op, Quantization, Shape, TensorId, Window};

fn refusal(graph: &Int8Graph) -> String {
    compile(graph, [0; 8], &Options::default()).expect_err("it is refused").to_string()
}

fn small() -> Int8Graph {
    Builder::new("m", Shape::new(4, 4, 2))
        .conv("conv", Window::square(3, 1), 2)
        .relu("relu")
        .build()
}

fn assert_refused(change: impl Fn(&mut Int8Graph), expected: &str) {
    let mut graph = small();
    change(&mut graph);
    let message = refusal(&graph);
    assert!(message.contains(expected), "{message} lacks {expected}");
}

#[test]
fn contradictions_name_their_place() {
    assert_refused(|graph| graph.input = TensorId(9), "the graph's input refers to tensor 9");
    assert_refused(|graph| graph.nodes[0].output = TensorId(0), "node 'conv' makes tensor 'input'");
    assert_refused(|graph| graph.nodes.swap(0, 1), "node 'relu' reads tensor 'conv_out' before");
    assert_refused(|graph| graph.tensors[1].shape.h = 3, "node 'conv' makes shape [2, 2, 2]");
    assert_refused(|graph| graph.tensors[1].format.scale = f32::NAN, "scale NaN");
    assert_refused(|graph| graph.tensors[0].shape.h = 0, "tensor 'input' has shape [0, 4, 2]");
}

#[test]
fn a_network_that_computes_nothing_is_refused() {
    let nothing = |graph: &mut Int8Graph| {
        graph.nodes.clear();
        graph.tensors.truncate(1);
        graph.output = graph.input;
    };
    assert_refused(nothing, "the network has no layer");
}

#[test]
fn sizes_beyond_any_microcontroller_are_refused() {
    let large = Builder::new("m", Shape::new(1 << 14, 1 << 14, 2)).relu("relu").build();
    assert!(refusal(&large).contains("tensor 'input' has a size of 536870912"));
    let wide = |graph: &mut Int8Graph| {
        let Op::Conv2d(conv) = &mut graph.nodes[0].op else { unreachable!() };
        conv.window.padding.top = 1 << 40;
        conv.window.stride[0] = 1 << 40;
        graph.tensors[1].shape.h = 2;
    };
    assert_refused(wide, "the padding of node 'conv' has a size of");
}

#[test]
fn what_may_overflow_names_node_and_channel() {
    let bias = |graph: &mut Int8Graph| {
        let Op::Conv2d(conv) = &mut graph.nodes[0].op else { unreachable!() };
        conv.weights.bias[1] = i32::MIN;
    };
    assert_refused(bias, "node conv (Conv): channel 1 may reach an accumulator of 21");
    let factor = |graph: &mut Int8Graph| {
        graph.tensors[0].format.scale = f32::MAX / 1_000.0;
        graph.tensors[1].format.scale = f32::MIN_POSITIVE;
        graph.tensors[2].format.scale = f32::MIN_POSITIVE;
    };
    assert_refused(factor, "node conv (Conv): the input's scale times a weight scale");
}

/// The requantization of an add of three scales, or why it is refused.
fn add_of(lhs: f32, rhs: f32, output: f32) -> Result<&'static str, String> {
    let shape = Shape::new(2, 2, 1);
    let format = |scale| Quantization { scale, zero_point: 1 };
    let mut graph = Builder::new("m", shape)
        .push("one", Op::AveragePool2d(Window::UNIT), shape, format(rhs))
        .join("sum", Op::Add, vec![TensorId(0), TensorId(1)], shape, format(output))
        .build();
    graph.tensors[0].format = format(lhs);
    let program =
        compile(&graph, [0; 8], &Options::default()).map_err(|error| error.to_string())?;
    Ok(LayerRow::of(&program, 1).requantization)
}

#[test]
fn an_add_is_by_shifts_only_if_every_pair_gives_onnx_bytes() {
    assert_eq!(add_of(0.25, 0.5, 1.0), Ok("shift"));
    assert_eq!(add_of(0.5, 0.5, 0.25), Ok("shift"));
    assert_eq!(add_of(0.3, 0.5, 1.0), Ok("float"), "no power of two apart");
    // Halves of 0.1 are ties that float arithmetic may break either way.
    assert_eq!(add_of(0.05, 0.05, 0.1), Ok("float"), "not exact in f32");
    assert_eq!(add_of(0.5, 0.5, f32::MIN_POSITIVE), Ok("float"), "no shift is that long");
}

#[test]
fn an_add_beyond_f32_is_refused() {
    let huge = f32::MAX / 300.0;
    let message = add_of(huge, huge, huge).expect_err("510 times the scale is infinite");
    assert!(message.contains("node sum (Add): the sum of its inputs"), "{message}");
}

#[test]
fn unsupported_names_node_problem_and_remedy() {
    let mut graph = every_kind();
    graph.tensors.iter_mut().for_each(|tensor| tensor.format = HIDDEN);
    let error = CompileError::Unsupported {
        node: "node a (Add)".into(),
        problem: "b".into(),
        remedy: "c".into(),
    };
    assert_eq!(error.to_string(), "node a (Add): b; c");
    assert!(compile(&graph, [0; 8], &Options::default()).is_ok());
}

proptest! {
    /// Whatever is written into a graph, compiling it ends in a program or in a message.
    #[test]
    fn no_graph_makes_it_panic(
        changes in proptest::collection::vec((any::<u8>(), any::<u8>(), any::<u32>()), 1..4),
        fuse in any::<bool>(),
        packed in any::<bool>(),
    ) {
        let mut graph = every_kind();
        for (field, index, value) in changes {
            damage(&mut graph, field, index as usize, value);
        }
        let instruction_set =
            if packed { InstructionSet::Armv7em } else { InstructionSet::Portable };
        let optimize = Optimize::Speed;
        let options = Options { fuse, instruction_set, optimize, ..Options::default() };
        if let Ok(program) = compile(&graph, [0; 8], &options) {
            let _ = emit(&program);
        }
    }
}

/// Overwrites one field of one tensor or node.
fn damage(graph: &mut Int8Graph, field: u8, index: usize, value: u32) {
    let (tensors, nodes) = (graph.tensors.len(), graph.nodes.len());
    let small = value as usize % 20;
    let size = if value & 1 == 0 { small } else { (value as usize) << 20 };
    let tensor = &mut graph.tensors[index % tensors];
    let node = &mut graph.nodes[index % nodes];
    match field % 12 {
        0 => tensor.shape.h = size,
        1 => tensor.shape.c = size,
        2 => tensor.format.scale = f32::from_bits(value),
        3 => tensor.format.zero_point = value as i8,
        4 => node.inputs = vec![TensorId(small)],
        5 => node.inputs = vec![TensorId(small), TensorId(small / 2)],
        6 => node.output = TensorId(small),
        7 => node.op = Op::Add,
        8 => node.op = Op::MaxPool2d(Window { kernel: [size, small], ..Window::square(2, 1) }),
        9 => graph.output = TensorId(small),
        10 => graph.input = TensorId(small),
        _ => {
            if let Op::Conv2d(conv) = &mut node.op {
                match value % 5 {
                    0 => conv.groups = size,
                    1 => conv.window.padding.left = size,
                    2 => conv.window.dilation[0] = size,
                    3 => conv.weights.scales[0] = f32::from_bits(value),
                    _ => conv.weights.bias[0] = value as i32,
                }
            }
        }
    }
}
