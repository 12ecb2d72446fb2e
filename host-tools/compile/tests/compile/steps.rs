//! Which steps a network becomes, and what memory they take.

use crate::samples::{Builder, every_kind, seed_cnn};
use thumbnet_compile::{Call, InstructionSet, Optimize, Options, Program, Summary, compile};
use thumbnet_graph::{CodesOp, Int8Graph, Op, Quantization, Shape, Window};

fn compiled(graph: &Int8Graph, fuse: bool) -> Program {
    compile(graph, [7; 8], &Options { fuse, ..Options::default() }).expect("it compiles")
}

#[test]
fn the_seed_cnn_needs_6_kib_as_a_whole() {
    let options = Options { stream: false, ..Options::default() };
    let program = compile(&seed_cnn(), [7; 8], &options).expect("it compiles");
    // pool2 reads 13 x 13 x 32 = 5408 B, on which its output lies, but for the 64 B written when the last pixels are
    // still to be read; 640 B are sums of 32 channels at two positions and the words of a row of its window.
    assert_eq!(program.arena_bytes, 5_408 + 64 + 640);
    assert_eq!(program.arena_lower_bound_bytes, 5_408 + 64 + 640);
    let names: Vec<&str> = program.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["pool1", "pool2", "dense1", "dense2"]);
    // pool2 drops the eleventh row and column of conv2.
    assert_eq!(program.steps[1].macs, 10 * 10 * 64 * 9 * 32);
}

#[test]
fn without_fusion_every_node_is_a_step() {
    for graph in [seed_cnn(), every_kind()] {
        let program = compiled(&graph, false);
        let steps: Vec<_> = program.steps.iter().map(|step| (&step.name, &step.tensor)).collect();
        let nodes: Vec<_> =
            graph.nodes.iter().map(|node| (&node.name, &graph.tensor(node.output).name)).collect();
        assert_eq!(steps, nodes);
    }
}

#[test]
fn every_kind_of_node_gets_its_kernel() {
    let kernels = |fuse| {
        let program = compiled(&every_kind(), fuse);
        program.steps.iter().map(|step| step.call.kernel()).collect::<Vec<_>>()
    };
    let unfused = [
        "conv2d",
        "average_pool2d",
        "depthwise_conv2d",
        "conv2d",
        "max_pool2d",
        "average_pool2d",
        "add",
        "add_float",
        "average_pool2d",
        "dense",
    ];
    assert_eq!(kernels(false), unfused);
    // The pool's windows overlap, so it stays.
    let fused = [
        "conv2d",
        "depthwise_conv2d",
        "conv2d",
        "max_pool2d",
        "average_pool2d",
        "add",
        "add_float",
        "average_pool2d",
        "dense",
    ];
    assert_eq!(kernels(true), fused);
}

#[test]
fn a_relu_becomes_the_lower_clamp() {
    let mut graph = Builder::new("m", Shape::new(4, 4, 1))
        .conv("conv", Window::square(3, 1), 2)
        .relu("relu")
        .max_pool("pool", Window::square(2, 2))
        .build();
    for tensor in &mut graph.tensors[1..] {
        tensor.format.zero_point = 5;
    }
    let program = compiled(&graph, true);
    let [step] = program.steps.as_slice() else { panic!("{:?}", program.steps) };
    let Call::Conv2d { pool, requantize, .. } = &step.call else { panic!("{:?}", step.call) };
    assert_eq!((*pool, requantize.min, requantize.max), (Window::square(2, 2), 5, 127));
    assert_eq!(step.name, "pool");
}

#[test]
fn a_map_that_others_read_is_not_fused_away() {
    let builder = Builder::new("m", Shape::new(4, 4, 1)).conv("conv", Window::UNIT, 1);
    let mut graph = builder.max_pool("pool", Window::square(2, 2)).build();
    assert_eq!(compiled(&graph, true).steps.len(), 1);
    // Now the logits are the convolution's.
    graph.output = graph.nodes[0].output;
    assert_eq!(compiled(&graph, true).steps.len(), 2);
}

#[test]
fn a_depthwise_convolution_of_ones_is_an_average() {
    let mut graph = Builder::new("m", Shape::new(3, 3, 4))
        .grouped_conv("mean", Window::square(3, 1), 4, 4)
        .build();
    let Op::Conv2d(conv) = &mut graph.nodes[0].op else { unreachable!() };
    conv.weights.values.fill(1);
    conv.weights.bias.fill(0);
    conv.weights.scales.fill(1.0 / 9.0);
    let program = compiled(&graph, true);
    let Call::AveragePool2d { bias, requantize, .. } = &program.steps[0].call else { panic!() };
    assert_eq!((*bias, requantize.factors.len()), (128 * 9, 1));
    let Op::Conv2d(conv) = &mut graph.nodes[0].op else { unreachable!() };
    conv.weights.scales[2] = 0.1;
    assert_eq!(compiled(&graph, true).steps[0].call.kernel(), "depthwise_conv2d");
}

#[test]
fn groups_are_written_out_as_zeros() {
    let graph =
        Builder::new("m", Shape::new(1, 2, 4)).grouped_conv("g", Window::UNIT, 2, 2).build();
    let Op::Conv2d(conv) = &graph.nodes[0].op else { unreachable!() };
    let &[a, b, c, d] = conv.weights.values.as_slice() else { unreachable!() };
    let program = compiled(&graph, true);
    assert_eq!(program.steps[0].call.weights(), [a, b, 0, 0, 0, 0, c, d]);
}

#[test]
fn the_summary_counts_what_the_program_holds() {
    let program = compiled(&seed_cnn(), true);
    let summary = Summary::of(&program);
    assert_eq!(summary.macs, program.steps.iter().map(|step| step.macs).sum::<u64>());
    let weights = 288 + 18_432 + 102_400 + 640;
    assert_eq!(summary.weight_bytes, weights + 8 * (32 + 64 + 64 + 10));
    let table = summary.to_string();
    assert!(table.is_ascii() && table.lines().count() == 10, "{table}");
    assert!(table.contains("dense1: dense: this core has plain kernels only"), "{table}");
    assert!(table.contains("Conv 3x3 + MaxPool 2x2"), "{table}");
    assert!(
        table.ends_with(
            "6,112 B of activations and scratch (lower bound 6,112 B, unplanned 8,798 B)"
        ),
        "{table}"
    );
}

#[test]
fn packed_kernels_run_the_seed_cnn_in_less_than_7_kib_as_a_whole() {
    let instruction_set = InstructionSet::Armv7em;
    let options = Options { instruction_set, stream: false, ..Options::default() };
    let program = compile(&seed_cnn(), [0; 8], &options).expect("it compiles");
    let kernels: Vec<_> = program.steps.iter().map(|step| step.call.kernel()).collect();
    assert_eq!(kernels, ["shallow_conv2d", "deep_conv2d", "packed_dense", "packed_dense"]);
    // Input of conv2, on which its output lies, and a patch of 4 x 4 x 32 halfwords.
    assert_eq!(program.arena_bytes, 5_408 + 1_024);
    assert_eq!(program.arena_lower_bound_bytes, 5_408 + 1_024);
    let scratch = program.steps[1].scratch.expect("a patch");
    assert!(scratch.offset.is_multiple_of(8));
    let plain = compile(&seed_cnn(), [0; 8], &Options::default()).expect("it compiles");
    let bytes = |program: &Program| Summary::of(program).weight_bytes;
    assert!(bytes(&program) < bytes(&plain) + 200, "packing costs only a last odd channel or tap");
}

#[test]
fn small_weights_win_where_size_matters() {
    let options = |optimize| Options {
        instruction_set: InstructionSet::Armv7em,
        optimize,
        ..Options::default()
    };
    // Three input channels fill eight of a deep layer: 2.7 times the flash.
    let graph = Builder::new("m", Shape::new(8, 8, 3)).conv("c", Window::square(2, 1), 8).build();
    let kernel = |optimize| {
        let program = compile(&graph, [0; 8], &options(optimize)).expect("it compiles");
        program.steps[0].call.kernel()
    };
    assert_eq!(kernel(Optimize::Speed), "deep_conv2d");
    assert_eq!(kernel(Optimize::Balanced), "conv2d");
    let calls = |options: &Options| {
        let program = compile(&seed_cnn(), [0; 8], options).expect("it compiles");
        program.steps.into_iter().map(|step| step.call).collect::<Vec<_>>()
    };
    assert!(calls(&options(Optimize::Size)) == calls(&Options::default()), "the same plain calls");
}

#[test]
fn dense_layers_are_packed_however_large_their_sums() {
    let mut graph = Builder::new("m", Shape::new(5, 5, 64)).dense("dense", 4).build();
    let Op::Conv2d(conv) = &mut graph.nodes[0].op else { unreachable!() };
    conv.weights.values.fill(-127);
    let options = Options { instruction_set: InstructionSet::Armv7em, ..Options::default() };
    let program = compile(&graph, [0; 8], &options).expect("it compiles");
    assert_eq!(program.steps[0].call.kernel(), "packed_dense");
}

#[test]
fn a_clip_below_the_zero_of_a_relu_wins() {
    let format = Quantization { scale: 0.5, zero_point: 10 };
    let builder = Builder::new("clipped", Shape::new(2, 2, 1));
    let builder =
        builder.push("mean", Op::AveragePool2d(Window::UNIT), Shape::new(2, 2, 1), format);
    let builder = builder.max_pool("pool", Window::UNIT).relu("relu");
    let clip = Op::Codes(CodesOp::Clip([-20, 5]));
    let program = compiled(&builder.push("clip", clip, Shape::new(2, 2, 1), format).build(), true);
    let last = program.steps.last().expect("there is one").call.requantize();
    let requantize = last.expect("a ReLU alone is an average of one");
    assert_eq!([requantize.min, requantize.max], [5, 5]);
}
