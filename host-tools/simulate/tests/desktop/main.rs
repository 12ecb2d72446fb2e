//! The desktop interpreter against an independent reading of ONNX, and against the generated code.

mod codes;
mod foreign;
mod generated;
mod oracle;
mod random;
mod stripes;

use random::Random;
use thumbnet_compile::{InstructionSet, Optimize, Options, Program, compile};
use thumbnet_graph::Int8Graph;
use thumbnet_kernels::{Armv7em, Portable};
use thumbnet_simulate::desktop::{self, Simulator};

/// Random networks tried by each test; each differs in depth, shapes, windows, formats and fusion.
const NETWORKS: u64 = 300;

fn compiled(graph: &Int8Graph, fuse: bool) -> Program {
    compile(graph, [0; 8], &Options { fuse, ..Options::default() }).expect("it is valid")
}

#[test]
fn every_node_gives_the_bytes_of_the_oracle() {
    for seed in 0..NETWORKS {
        let mut random = Random::new(seed);
        let graph = random.network();
        let program = compiled(&graph, false);
        let input = random.bytes(program.input.bytes);
        let maps = oracle::run(&graph, &input);
        let mut seen = 0;
        desktop::run(&program, &input, &mut |index, output| {
            let node = &graph.nodes[index];
            assert_eq!(output, maps[node.output.0], "seed {seed}, node {index}: {node:?}");
            seen += 1;
        });
        assert_eq!(seen, graph.nodes.len());
    }
}

#[test]
fn fusion_changes_no_byte() {
    let mut fewer = 0;
    for seed in 0..NETWORKS {
        let mut random = Random::new(seed);
        let graph = random.network();
        let (fused, unfused) = (compiled(&graph, true), compiled(&graph, false));
        fewer += unfused.steps.len() - fused.steps.len();
        let mut simulators = [Simulator::new(&fused), Simulator::new(&unfused)];
        // Twice with one arena: what an earlier run left behind must not matter.
        for _ in 0..2 {
            let input = random.bytes(fused.input.bytes);
            let maps = oracle::run(&graph, &input);
            for simulator in &mut simulators {
                let simulator: &mut Simulator<'_> = simulator;
                let logits = simulator.run(&input, &mut |_, _| {});
                assert_eq!(logits, maps[graph.output.0], "seed {seed}");
            }
        }
    }
    assert!(fewer > NETWORKS as usize / 4, "only {fewer} nodes were fused: nothing was tested");
}

/// Packed wherever there is a packed kernel.
fn packed(graph: &Int8Graph, fuse: bool) -> Program {
    let instruction_set = InstructionSet::Armv7em;
    let optimize = Optimize::Speed;
    let options = Options { fuse, instruction_set, optimize, ..Options::default() };
    compile(graph, [0; 8], &options).expect("it is valid")
}

#[test]
fn the_networks_add_in_both_forms() {
    let kernels: Vec<&str> = (0..NETWORKS)
        .flat_map(|seed| compiled(&Random::new(seed).network(), true).steps)
        .map(|step| step.call.kernel())
        .collect();
    for form in ["add", "add_float"] {
        let count = kernels.iter().filter(|kernel| **kernel == form).count();
        assert!(count >= 30, "{form}: only {count} of {NETWORKS} networks' steps");
    }
}

#[test]
fn packing_changes_no_byte_on_any_backend() {
    let mut packed_steps = 0;
    for seed in 0..NETWORKS {
        let mut random = Random::new(seed);
        let graph = random.network();
        let program = packed(&graph, seed % 2 == 0);
        packed_steps +=
            program.steps.iter().filter(|step| !step.call.packed_weights().is_empty()).count();
        let input = random.bytes(program.input.bytes);
        let maps = oracle::run(&graph, &input);
        let check = &mut |index: usize, output: &[i8]| {
            let step = &program.steps[index];
            let tensor = graph.tensors.iter().position(|tensor| tensor.name == step.tensor);
            let expected = &maps[tensor.expect("a tensor of the graph")];
            assert_eq!(output, expected, "seed {seed}, step {index}: {:?}", step.call);
        };
        Simulator::<Portable>::new(&program).run(&input, check);
        Simulator::<Armv7em>::new(&program).run(&input, check);
    }
    assert!(packed_steps > NETWORKS as usize / 2, "only {packed_steps} steps were packed");
}

#[test]
fn fused_steps_give_the_tensor_they_are_named_after() {
    for seed in 0..NETWORKS {
        let mut random = Random::new(seed);
        let graph = random.network();
        let program = compiled(&graph, true);
        let input = random.bytes(program.input.bytes);
        let maps = oracle::run(&graph, &input);
        desktop::run(&program, &input, &mut |index, output| {
            let name = &program.steps[index].tensor;
            let tensor = graph.tensors.iter().position(|tensor| tensor.name == *name);
            assert_eq!(output, maps[tensor.expect("a tensor of the graph")], "seed {seed}, {name}");
        });
    }
}
