//! The operations on codes that only other tools' files have: every step gives the bytes of the graph's own
//! evaluation, fused or not, on every backend.

use super::{compiled, packed};
use std::collections::BTreeSet;
use thumbnet_compile::Program;
use thumbnet_graph::Int8Graph;
use thumbnet_graph::evaluate::evaluate;
use thumbnet_graph::testing::{Random, codes_graph};
use thumbnet_kernels::{Armv7em, Backend, Portable, Scalar};
use thumbnet_simulate::desktop::Simulator;

/// Random networks tried.
const NETWORKS: u64 = 400;

#[test]
fn every_step_gives_the_bytes_of_the_evaluation() {
    let mut kernels = BTreeSet::new();
    for seed in 0..NETWORKS {
        let graph = codes_graph(seed);
        graph.validate().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let shape = graph.tensor(graph.input).shape;
        let input = Random::new(seed).codes(shape.len());
        let maps = evaluate(&graph, &input);
        for program in [compiled(&graph, false), compiled(&graph, true), packed(&graph, true)] {
            kernels.extend(program.steps.iter().map(|step| step.call.kernel()));
            let label = format!("seed {seed}");
            agrees::<Portable>(&label, &program, &graph, &input, &maps);
            agrees::<Scalar>(&label, &program, &graph, &input, &maps);
            agrees::<Armv7em>(&label, &program, &graph, &input, &maps);
        }
    }
    for kernel in ["average_pool_float", "combine", "lookup", "concat", "rearrange", "pad"] {
        assert!(kernels.contains(kernel), "no network used {kernel}: {kernels:?}");
    }
}

fn agrees<B: Backend>(
    label: &str,
    program: &Program,
    graph: &Int8Graph,
    input: &[i8],
    maps: &[Vec<i8>],
) {
    let check = &mut |index: usize, output: &[i8]| {
        let step = &program.steps[index];
        let tensor = graph.tensors.iter().position(|tensor| tensor.name == step.tensor);
        let expected = &maps[tensor.expect("a tensor of the graph")];
        assert!(output == expected, "{label}, step {index}: {:?}", step.call);
    };
    let logits = Simulator::<B>::new(program).run(input, check).to_vec();
    assert_eq!(logits, maps[graph.output.0], "{label}");
}
