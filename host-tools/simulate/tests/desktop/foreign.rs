//! Networks of other tools, with adds and averages of any scales: the bytes of the graph's own evaluation. Runs where the
//! files are; elsewhere it says that it was skipped.

use std::path::Path;
use thumbnet_compile::{InstructionSet, Optimize, Options, Program, compile};
use thumbnet_graph::Int8Graph;
use thumbnet_graph::evaluate::evaluate;
use thumbnet_graph::onnx::import;
use thumbnet_kernels::{Armv7em, Backend, Portable};
use thumbnet_simulate::arrays::read_inputs;
use thumbnet_simulate::desktop::Simulator;

/// How many inputs of each model are run.
const INPUTS: usize = 8;

#[test]
fn models_of_other_tools_with_adds_give_the_bytes_of_their_evaluation() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/models");
    if !models.is_dir() {
        println!("skipped: {} is not here", models.display());
        return;
    }
    // One of the three QLinearAdds of resnet8 is not the f32 form for all pairs of codes.
    for (model, kernels) in [
        ("mlperf_ic_tf2onnx_qdq", [3, 0, 1]),
        ("resnet8_cifar__qop_u8s8_pc", [2, 1, 1]),
        ("mobilenet_cifar__qdq_s8s8_pc", [2, 0, 1]),
        ("lenet5_mnist__qdq_u8s8_pc_rr", [0, 0, 2]),
    ] {
        let bytes = std::fs::read(models.join(model).join("model.onnx")).expect("readable");
        let (graph, interface) = import(&bytes, model).expect("it is supported");
        let inputs = read_inputs(&models.join(model).join("inputs.npy"), &interface);
        let inputs = inputs.expect("made for the model");
        let (instruction_set, optimize) = (InstructionSet::Armv7em, Optimize::Speed);
        let options = Options { instruction_set, optimize, ..Options::default() };
        let program = compile(&graph, [0; 8], &options).expect("it compiles");
        let names = ["add_float", "combine", "average_pool_float"];
        assert_eq!(names.map(|name| count(&program, name)), kernels, "{model}");
        for input in inputs.iter().take(INPUTS) {
            let maps = evaluate(&graph, input);
            let [portable, fast] = [
                logits::<Portable>(&program, &graph, input, &maps),
                logits::<Armv7em>(&program, &graph, input, &maps),
            ];
            assert_eq!(portable, fast, "{model}");
            assert_eq!(portable, maps[graph.output.0], "{model}");
        }
    }
}

fn count(program: &Program, kernel: &str) -> usize {
    program.steps.iter().filter(|step| step.call.kernel() == kernel).count()
}

/// The logits; every step is compared with the evaluation's `maps`.
fn logits<B: Backend>(
    program: &Program,
    graph: &Int8Graph,
    input: &[i8],
    maps: &[Vec<i8>],
) -> Vec<i8> {
    let steps = &program.steps;
    let check = &mut |index: usize, output: &[i8]| {
        let name = &steps[index].tensor;
        let tensor = graph.tensors.iter().position(|tensor| tensor.name == *name);
        let expected = &maps[tensor.expect("a tensor of the graph")];
        assert!(output == expected, "step {index}: {:?}", steps[index].name);
    };
    Simulator::<B>::new(program).run(input, check).to_vec()
}
