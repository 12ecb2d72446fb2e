//! Networks of other tools, with adds of any scales: the bytes of the graph's own evaluation. Runs where the
//! files are; elsewhere it says that it was skipped.

use std::path::Path;
use thumbnet_compile::{InstructionSet, Optimize, Options, Program, compile};
use thumbnet_graph::Int8Graph;
use thumbnet_graph::onnx::import;
use thumbnet_graph::testing::evaluate;
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
    // The average pool of ic: the evaluation adds floats, as the file says; the kernel adds codes and scales the
    // exact sum. So one mean in some hundred falls on the other side of a half.
    for (model, adds, differing) in [
        ("mlperf_ic_tf2onnx_qdq", 3, 2),
        ("resnet8_cifar__qop_u8s8_pc", 3, 0),
        ("mobilenet_cifar__qdq_s8s8_pc", 2, 0),
    ] {
        let bytes = std::fs::read(models.join(model).join("model.onnx")).expect("readable");
        let (graph, interface) = import(&bytes, model).expect("it is supported");
        let inputs = read_inputs(&models.join(model).join("inputs.npy"), &interface);
        let inputs = inputs.expect("made for the model");
        let (instruction_set, optimize) = (InstructionSet::Armv7em, Optimize::Speed);
        let options = Options { instruction_set, optimize, ..Options::default() };
        let program = compile(&graph, [0; 8], &options).expect("it compiles");
        assert_eq!(count(&program, "add_float"), adds, "{model}");
        let differs = |input: &&Vec<i8>| {
            let maps = evaluate(&graph, input);
            let [portable, fast] = [
                logits::<Portable>(&program, &graph, input, &maps),
                logits::<Armv7em>(&program, &graph, input, &maps),
            ];
            assert_eq!(portable, fast, "{model}");
            portable != maps[graph.output.0]
        };
        assert_eq!(inputs.iter().take(INPUTS).filter(differs).count(), differing, "{model}");
    }
}

fn count(program: &Program, kernel: &str) -> usize {
    program.steps.iter().filter(|step| step.call.kernel() == kernel).count()
}

/// The logits; every step before an average pool is compared with the evaluation's `maps`.
fn logits<B: Backend>(
    program: &Program,
    graph: &Int8Graph,
    input: &[i8],
    maps: &[Vec<i8>],
) -> Vec<i8> {
    let steps = &program.steps;
    let exact = steps.iter().take_while(|step| step.call.kernel() != "average_pool2d").count();
    let check = &mut |index: usize, output: &[i8]| {
        let name = &steps[index].tensor;
        let tensor = graph.tensors.iter().position(|tensor| tensor.name == *name);
        let expected = &maps[tensor.expect("a tensor of the graph")];
        assert!(index >= exact || output == expected, "step {index}: {:?}", steps[index].name);
    };
    Simulator::<B>::new(program).run(input, check).to_vec()
}
