//! What cannot be compiled is refused with the node's name, and nothing panics.

use crate::samples::{Builder, HIDDEN, every_kind};
use proptest::prelude::{any, proptest};
use thumbnet_compile::{CompileError, Options, compile, emit};
use thumbnet_graph::{Int8Graph, Op, Padding, Quantization, Shape, TensorId, Window};

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
    assert_refused(|graph| graph.nodes.clear(), "no node");
    assert_refused(|graph| graph.input = TensorId(9), "its input is no tensor");
    assert_refused(|graph| graph.output = TensorId(9), "no node makes its output");
    assert_refused(
        |graph| graph.nodes[0].output = TensorId(0),
        "node conv (Conv): its output is made twice",
    );
    assert_refused(
        |graph| graph.nodes.swap(0, 1),
        "node relu (Relu): it reads a tensor that no earlier",
    );
    assert_refused(|graph| graph.nodes[1].inputs.clear(), "node relu (Relu): it has 0 inputs");
    assert_refused(|graph| graph.tensors[1].shape.h = 0, "[0, 2, 2] is no size");
    assert_refused(|graph| graph.tensors[1].shape.h = usize::MAX, "is no size");
    assert_refused(|graph| graph.tensors[1].shape.h = 1 << 30, "more than");
    assert_refused(
        |graph| graph.tensors[1].shape.h = 3,
        "declared [3, 2, 2] but computes [2, 2, 2]",
    );
    assert_refused(|graph| graph.tensors[1].format.scale = f32::NAN, "scale NaN");
}

#[test]
fn wrong_constants_name_their_node() {
    let conv = |change: fn(&mut thumbnet_graph::Conv2d<thumbnet_graph::Int8Weights>)| {
        move |graph: &mut Int8Graph| {
            let Op::Conv2d(conv) = &mut graph.nodes[0].op else { unreachable!() };
            change(conv);
        }
    };
    assert_refused(conv(|conv| conv.groups = 0), "node conv (Conv): 0 groups");
    assert_refused(conv(|conv| conv.groups = 3), "3 groups do not divide");
    assert_refused(conv(|conv| conv.window.kernel = [5, 5]), "does not fit on [4, 4, 2]");
    assert_refused(conv(|conv| conv.window.padding.top = usize::MAX), "padding is larger");
    assert_refused(conv(|conv| conv.weights.values.truncate(3)), "are not its 3 weights");
    assert_refused(conv(|conv| conv.weights.scales.truncate(1)), "1 weight scales");
    assert_refused(conv(|conv| conv.weights.scales[1] = 0.0), "weight scale 1 is not positive");
    assert_refused(conv(|conv| conv.weights.bias[1] = i32::MIN), "channel 1 may reach");
}

#[test]
fn a_factor_beyond_f32_is_refused() {
    let tiny = |graph: &mut Int8Graph| {
        graph.tensors[0].format.scale = f32::MAX;
        graph.tensors[1].format.scale = f32::MIN_POSITIVE;
    };
    assert_refused(tiny, "node conv (Conv): the input's scale times a weight scale");
}

#[test]
fn operations_without_an_exact_kernel_come_with_a_remedy() {
    let mut pool =
        Builder::new("m", Shape::new(4, 4, 1)).max_pool("pool", Window::square(2, 2)).build();
    pool.tensors[1].format.zero_point = 3;
    assert!(refusal(&pool).contains("node pool (MaxPool): its output has another scale"));

    let window = Window { padding: Padding { top: 1, ..Padding::NONE }, ..Window::square(2, 2) };
    let average = Builder::new("m", Shape::new(4, 4, 1)).average_pool("mean", window).build();
    assert!(refusal(&average).contains("node mean (AveragePool): an average over padding"));
}

#[test]
fn an_add_is_refused_unless_every_pair_gives_onnx_bytes() {
    let add = |lhs: f32, rhs: f32, output: f32| {
        let shape = Shape::new(2, 2, 1);
        let format = |scale| Quantization { scale, zero_point: 1 };
        let mut graph = Builder::new("m", shape)
            .push("relu", Op::Relu, shape, format(rhs))
            .join("sum", Op::Add, vec![TensorId(0), TensorId(1)], shape, format(output))
            .build();
        graph.tensors[0].format = format(lhs);
        compile(&graph, [0; 8], &Options::default()).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(add(0.25, 0.5, 1.0), Ok(()));
    assert_eq!(add(0.5, 0.5, 0.25), Ok(()));
    let message = add(0.3, 0.5, 1.0).expect_err("no power of two apart");
    assert!(message.contains("node sum (Add): the scales"), "{message}");
    // Halves of 0.1 are ties that float arithmetic may break either way.
    let message = add(0.05, 0.05, 0.1).expect_err("not exact in f32");
    assert!(message.contains("rounding"), "{message}");
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
    ) {
        let mut graph = every_kind();
        for (field, index, value) in changes {
            damage(&mut graph, field, index as usize, value);
        }
        let options = Options { fuse };
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
