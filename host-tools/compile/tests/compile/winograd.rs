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
    let instruction_set = InstructionSet::Armv7em;
    let optimize = Optimize::Speed;
    let options = Options { instruction_set, optimize, flash_bytes, ..Options::default() };
    let mut program = compile(graph, [0; 8], &options).expect("it compiles");
    program.steps.remove(0)
}

#[test]
fn large_tiles_are_taken_where_they_fit() {
    let kernel = |flash_bytes| step(&residual(), flash_bytes).call.kernel();
    // 2,304 B of weights, 8,192 B for F(2x2,3x3), 18,944 B for F(4x4,3x3) with its constants.
    assert_eq!(kernel(None), "winograd4_conv2d");
    assert_eq!(kernel(Some(19_500)), "winograd4_conv2d");
    assert_eq!(kernel(Some(18_900)), "winograd_conv2d");
    assert_eq!(kernel(Some(8_000)), "deep_conv2d");
    let why = step(&residual(), Some(8_000)).choice.why;
    assert!(why.contains("F(4x4,3x3) does not fit"), "{why}");
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
