//! Tests: networks of gates, joined maps and activation functions come out close to their float network, and
//! their files are read as what was written.

use crate::sample::{Builder, pictures};
use crate::{Calibrate, Options, integer, quantize_with};
use thumbnet_graph::onnx::{Form, read, write};
use thumbnet_graph::{
    Axis, Binary, FloatGraph, Formula, Function, Padding, RealOp, Rearrange, Shape, Unary, Window,
};
use thumbnet_kernels::portable::Loop;

/// As for plain networks of random weights.
const LEAST_SQNR_DB: f64 = 22.0;

fn function(unary: Unary) -> RealOp {
    RealOp::Function(Formula::unary(unary, Formula::Element))
}

fn silu() -> RealOp {
    let gate = Formula::unary(Unary::Sigmoid, Formula::Element);
    RealOp::Function(Formula::binary(Binary::Mul, Formula::Element, gate))
}

/// Quantizes in both forms, checks the noise, and that the written file is the same network.
fn check(graph: &FloatGraph, expected: &[&str]) {
    let samples = pictures(graph.tensor(graph.input).shape, 24, 7);
    for form in [Form::QLinear, Form::Qdq] {
        let options = Options { form, calibrate: Calibrate::MinMax, ..Options::default() };
        let quantized = quantize_with(graph, &samples, &options).expect("quantizes");
        let int8 = &quantized.graph;
        let ops: Vec<&str> = int8.nodes.iter().map(|node| node.op.name()).collect();
        assert_eq!(ops, expected, "{form:?}");
        for layer in &quantized.layers {
            assert!(layer.sqnr_db > LEAST_SQNR_DB, "{form:?} {layer:?}");
        }
        let mut read = read(&write(int8, form), "m.onnx").unwrap_or_else(|error| panic!("{error}"));
        for (tensor, written) in read.tensors.iter_mut().zip(&int8.tensors) {
            // A copy is known by its name before its QuantizeLinear, which changes nothing.
            if tensor.name.strip_suffix("_exact") == Some(&written.name) {
                tensor.name.clone_from(&written.name);
            }
        }
        assert_eq!(&read, int8, "{form:?}");
        let picture = &samples[..int8.tensor(int8.input).shape.len()];
        let output = |graph| integer::run_picture(graph, picture).unwrap()[int8.output.0].clone();
        assert_eq!(output(&read), output(int8));
    }
}

/// Loops from the outermost on: how often, and by how many elements.
fn rearrange(start: usize, steps: &[[isize; 2]]) -> Rearrange {
    let mut loops = [Loop::ONCE; 6];
    for (each, [count, stride]) in loops.iter_mut().rev().zip(steps.iter().rev()) {
        *each = Loop { count: count.cast_unsigned(), stride: *stride };
    }
    Rearrange { start, loops }
}

const SAME: Window = Window {
    padding: Padding { top: 1, left: 1, bottom: 1, right: 1 },
    kernel: [3, 3],
    ..Window::UNIT
};

#[test]
fn a_gated_network() {
    let mut builder = Builder::new(Shape::new(8, 8, 3), 3);
    let stem = builder.window("stem", 8, SAME, 1).here();
    let map = builder.real("swish", function(Unary::HardSwish), &[stem]).here();
    builder.global_average_pool2d("pool").conv2d("squeeze", 4, 1).relu("relu");
    let gate = builder.conv2d("expand", 8, 1).here();
    let sigmoid = Unary::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 };
    let gate = builder.real("gate", function(sigmoid), &[gate]).here();
    builder.real("scale", RealOp::Combine(Function::Multiply), &[map, gate]);
    let narrow = builder.conv2d("narrow", 8, 1).here();
    builder.real("silu", silu(), &[narrow]).dense("logits", 5);
    check(
        &builder.finish(),
        &["Conv", "table", "Conv", "Conv", "Conv", "table", "Mul", "Conv", "table", "Conv"],
    );
}

#[test]
fn joined_maps_of_which_one_is_rectified() {
    let mut builder = Builder::new(Shape::new(8, 8, 2), 4);
    let squeeze = builder.conv2d("squeeze", 4, 1).relu("relu").here();
    let left = builder.conv2d("left", 4, 1).relu("left_relu").here();
    let right = builder.goto(squeeze).window("right", 4, SAME, 1).here();
    builder.real("join", RealOp::Concat(Axis::Channels), &[left, right]);
    builder.max_pool2d("pool", 2).dense("logits", 4);
    // The left part keeps its rectifier, as the lowest code of the joined map is below 0.
    check(&builder.finish(), &["Conv", "Conv", "Relu", "Conv", "Concat", "MaxPool", "Conv"]);
}

#[test]
fn rectified_maps_join_for_free() {
    let mut builder = Builder::new(Shape::new(8, 8, 2), 5);
    let squeeze = builder.conv2d("squeeze", 4, 1).relu("relu").here();
    let left = builder.conv2d("left", 4, 1).relu("left_relu").here();
    let right = builder.goto(squeeze).window("right", 4, SAME, 1).relu("right_relu").here();
    builder.real("join", RealOp::Concat(Axis::Channels), &[left, right]).dense("logits", 4);
    check(&builder.finish(), &["Conv", "Conv", "Conv", "Concat", "Conv"]);
}

#[test]
fn the_picture_is_copied_before_it_is_joined() {
    let mut builder = Builder::new(Shape::new(6, 6, 1), 6);
    let picture = builder.here();
    let map = builder.window("conv", 3, SAME, 1).here();
    builder.real("join", RealOp::Concat(Axis::Channels), &[picture, map]).dense("logits", 4);
    check(&builder.finish(), &["Conv", "Conv", "Concat", "Conv"]);
}

#[test]
fn borders_slices_and_repeats() {
    let mut builder = Builder::new(Shape::new(6, 6, 2), 7);
    let map = builder.conv2d("conv", 4, 1).relu("relu").here();
    let padding = Padding { top: 1, left: 2, bottom: 0, right: 1 };
    let padded = builder.real("pad", RealOp::Pad(padding, 0.0), &[map]).here();
    let part = Shape::new(3, 4, 4);
    // Of rows of 36: from row 1 and column 2 on.
    let slice = rearrange(44, &[[3, 36], [16, 1]]);
    let cut = builder.real("slice", RealOp::Rearrange(part, slice), &[padded]).here();
    let larger = Shape::new(6, 8, 4);
    let repeat = rearrange(0, &[[3, 16], [2, 0], [4, 4], [2, 0], [4, 1]]);
    builder.real("resize", RealOp::Rearrange(larger, repeat), &[cut]);
    builder.window("again", 4, SAME, 1).dense("logits", 3);
    check(&builder.finish(), &["Conv", "Pad", "rearrange", "rearrange", "Conv", "Conv"]);
}

#[test]
fn slopes_and_differences() {
    let mut builder = Builder::new(Shape::new(6, 6, 2), 8);
    let map = builder.conv2d("conv", 3, 1).here();
    let slopes = Formula::Numbers(vec![0.25, 0.1, 0.5]);
    let leak = Formula::binary(Binary::PRelu, Formula::Element, slopes);
    let leaky = builder.real("leak", RealOp::Function(leak), &[map]).here();
    let mean = builder.global_average_pool2d("mean").here();
    builder.real("centre", RealOp::Combine(Function::Subtract), &[leaky, mean]);
    builder.dense("logits", 4);
    check(&builder.finish(), &["Conv", "table", "Conv", "Sub", "Conv"]);
}

#[test]
fn an_operation_that_nothing_stands_for_is_refused() {
    let mut builder = Builder::new(Shape::new(6, 6, 1), 9);
    let map = builder.conv2d("conv", 2, 1).here();
    let backwards = rearrange(71, &[[72, -1]]);
    builder.real("flip", RealOp::Rearrange(Shape::new(6, 6, 2), backwards), &[map]);
    builder.dense("logits", 3);
    let graph = builder.finish();
    let samples = pictures(Shape::new(6, 6, 1), 4, 7);
    let refused = quantize_with(&graph, &samples, &Options::default());
    let message = refused.expect_err("a refusal").to_string();
    assert!(message.starts_with("node 'flip'"), "{message}");
}
