//! Which form 3 x 3 convolutions get where speed counts.

use crate::samples::Builder;
use thumbnet_compile::{InstructionSet, Optimize, Options, Step, compile};
use thumbnet_graph::{Int8Graph, Op, Padding, Shape, Window};

/// A convolution of 16 channels on a map of 16 x 16, as residual networks have it.
fn residual() -> Int8Graph {
    let padding = Padding { top: 1, left: 1, bottom: 1, right: 1 };
    let window = Window { padding, ..Window::square(3, 1) };
    Builder::new("m", Shape::new(16, 16, 16)).conv("conv", window, 16).build()
}

/// The weights and biases of [`residual`].
fn constants(graph: &mut Int8Graph) -> (&mut [i8], &mut [i32]) {
    let Op::Conv2d(conv) = &mut graph.nodes[0].op else { unreachable!() };
    (&mut conv.weights.values, &mut conv.weights.bias)
}

fn step(graph: &Int8Graph, flash_bytes: Option<usize>) -> Step {
    step_of(graph, Optimize::Speed, flash_bytes)
}

fn step_of(graph: &Int8Graph, optimize: Optimize, flash_bytes: Option<usize>) -> Step {
    let instruction_set = InstructionSet::Armv7em;
    let options = Options { instruction_set, optimize, flash_bytes, ..Options::default() };
    let mut program = compile(graph, [0; 8], &options).expect("it compiles");
    program.steps.remove(0)
}

#[test]
fn large_tiles_are_taken_where_they_fit() {
    let kernel = |flash_bytes| step(&residual(), flash_bytes).call.kernel();
    // 18,944 B of weights for F(4x4,3x3) with its constants.
    assert_eq!(kernel(None), "winograd4_conv2d");
    assert_eq!(kernel(Some(19_500)), "winograd4_conv2d");
    assert_eq!(kernel(Some(18_900)), "compact_winograd4_conv2d");
    let why = step(&residual(), Some(8_000)).choice.why;
    assert!(why.contains("F(4x4,3x3) does not fit"), "{why}");
}

#[test]
fn weights_of_their_own_size_are_transformed_on_the_device_where_memory_is_short() {
    // 2,304 B of weights and 320 B of constants.
    assert_eq!(step(&residual(), Some(6_000)).call.kernel(), "compact_winograd4_conv2d");
    // Balanced: the direct kernel's 8,192 B of maps allow 2,048 B more.
    let balanced = step_of(&residual(), Optimize::Balanced, None);
    assert_eq!(balanced.call.kernel(), "deep_conv2d");
    let why = balanced.choice.why;
    assert!(why.contains("from int8 weights would take more than a quarter more RAM"), "{why}");
}

#[test]
fn a_balance_takes_memory_that_other_layers_need_anyway() {
    let padding = Padding { top: 1, left: 1, bottom: 1, right: 1 };
    let same = Window { padding, ..Window::square(3, 1) };
    let builder = Builder::new("m", Shape::new(48, 48, 16)).conv("wide", Window::square(4, 4), 16);
    let graph = builder.conv("narrow", same, 16).build();
    let options = Options { instruction_set: InstructionSet::Armv7em, ..Options::default() };
    let program = compile(&graph, [0; 8], &options).expect("it compiles");
    let kernels: Vec<_> = program.steps.iter().map(|step| step.call.kernel()).collect();
    assert_eq!(kernels, ["conv2d", "compact_winograd4_conv2d"]);
}

#[test]
fn the_reason_names_the_proof() {
    let mut graph = residual();
    let (weights, bias) = constants(&mut graph);
    weights.fill(-127);
    bias.fill(0);
    let step = step(&graph, None);
    // |sum| <= 144 * 127 * 128 and the folded zero point, -128, as much again: 2^22.2.
    assert_eq!(
        step.choice.why,
        "F(4x4,3x3): accumulators stay below 2^22.2, exact up to 2^25; 18,944 B of weights fit"
    );
}

#[test]
fn a_layer_whose_accumulators_may_reach_two_to_the_25_gets_small_tiles() {
    let mut graph = residual();
    let (weights, bias) = constants(&mut graph);
    weights.fill(1);
    // The folded bias is 144 * 128 more; sums of weights of 1 reach 144 * 128 as well.
    bias.fill((1 << 25) - 2 * 144 * 128 - 1);
    assert_eq!(step(&graph, None).call.kernel(), "winograd4_conv2d");
    constants(&mut graph).1[3] += 1;
    let step = step(&graph, None);
    assert_eq!(step.call.kernel(), "winograd_conv2d");
    let why = step.choice.why;
    assert!(why.contains("an accumulator may reach 2^25.0: F(4x4,3x3) is not exact"), "{why}");
}
