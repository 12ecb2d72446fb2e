//! `--kernel NODE=KERNEL`: the user's kernel, or what is possible instead.

use crate::samples::{Builder, seed_cnn};
use thumbnet_compile::{CompileError, InstructionSet, Optimize, Options, Program, compile};
use thumbnet_graph::{Int8Graph, Op, Padding, Shape, Window};

fn with_kernels(
    graph: &Int8Graph,
    instruction_set: InstructionSet,
    kernels: &[&str],
) -> Result<Program, CompileError> {
    let kernels = kernels.iter().map(|text| text.parse().expect("well formed")).collect();
    let optimize = Optimize::Speed;
    let options = Options { instruction_set, optimize, kernels, ..Options::default() };
    compile(graph, [0; 8], &options)
}

fn kernels(program: &Program) -> Vec<&'static str> {
    program.steps.iter().map(|step| step.call.kernel()).collect()
}

#[test]
fn layers_get_the_kernels_that_are_asked_for() {
    let chosen = ["conv1=deep_conv2d", "pool2=winograd_conv2d", "dense1=dense"];
    let program = with_kernels(&seed_cnn(), InstructionSet::Armv7em, &chosen).expect("possible");
    assert_eq!(kernels(&program), ["deep_conv2d", "winograd_conv2d", "dense", "packed_dense"]);
    assert_eq!(program.steps[0].choice.why, "chosen by --kernel");
    // Also where the automatic choice would be a faster one.
    let program = with_kernels(&seed_cnn(), InstructionSet::Armv7em, &["conv2=conv2d"]);
    let program = program.expect("possible");
    assert_eq!(program.steps[1].call.kernel(), "conv2d");
    assert_eq!(program.steps[1].scratch, None);
}

#[test]
fn what_is_not_possible_is_refused_with_what_is() {
    for (chosen, words) in [
        (
            "conv9=conv2d",
            "no layer has a node of that name; layers are pool1, pool2, dense1, dense2",
        ),
        (
            "conv1=fft",
            "there is no such kernel for this layer; possible here: conv2d, shallow_conv2d, deep_conv2d",
        ),
        ("conv2=shallow_conv2d", "possible here: conv2d, deep_conv2d, winograd_conv2d"),
        ("dense2=conv2d", "possible here: dense, packed_dense"),
    ] {
        let error = with_kernels(&seed_cnn(), InstructionSet::Armv7em, &[chosen]);
        let error = error.expect_err(chosen).to_string();
        assert!(error.starts_with(&format!("--kernel {chosen}: ")), "{error}");
        assert!(error.contains(words), "{error}");
    }
    let error = with_kernels(&seed_cnn(), InstructionSet::Portable, &["conv2=deep_conv2d"]);
    let error = error.expect_err("no such core").to_string();
    assert!(error.ends_with("possible here: conv2d"), "{error}");
}

#[test]
fn a_bound_that_is_not_proved_is_named() {
    let padding = Padding { top: 1, left: 1, bottom: 1, right: 1 };
    let window = Window { padding, ..Window::square(3, 1) };
    let mut graph = Builder::new("m", Shape::new(8, 8, 64)).conv("conv", window, 8).build();
    let Op::Conv2d(conv) = &mut graph.nodes[0].op else { unreachable!() };
    conv.weights.values.fill(127);
    let refused = |kernel: &str| {
        let chosen = format!("conv={kernel}");
        with_kernels(&graph, InstructionSet::Armv7em, &[&chosen]).expect_err(kernel).to_string()
    };
    let error = refused("deep_conv2d");
    assert!(
        error.contains("not proved for these weights that sums of a channel stay below 2^23"),
        "{error}"
    );
    assert!(
        error.ends_with(
            "possible here: conv2d, winograd_conv2d, winograd4_conv2d, compact_winograd4_conv2d"
        ),
        "{error}"
    );
}
