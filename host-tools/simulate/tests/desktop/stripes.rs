//! Layers by stripes give the bytes of the same layers as a whole.

use super::{Random, oracle};
use thumbnet_compile::{InstructionSet, Optimize, Options, Program, compile};
use thumbnet_graph::{Int8Graph, Shape};
use thumbnet_kernels::{Armv7em, Portable, Scalar};
use thumbnet_simulate::desktop::Simulator;

/// Random networks tried, each for both instruction sets.
const NETWORKS: u64 = 400;

/// By stripes wherever that lowers the need of memory, whatever it costs.
pub fn forced(graph: &Int8Graph, fast: bool) -> Program {
    within(graph, fast, 0)
}

/// By stripes as it takes to need so much memory.
fn within(graph: &Int8Graph, fast: bool, ram_bytes: usize) -> Program {
    compile(graph, [0; 8], &options(fast, Some(ram_bytes))).expect("it is valid")
}

fn options(fast: bool, ram_bytes: Option<usize>) -> Options {
    let instruction_set = if fast { InstructionSet::Armv7em } else { InstructionSet::Portable };
    let optimize = if fast { Optimize::Balanced } else { Optimize::Size };
    Options { instruction_set, optimize, ram_bytes, ..Options::default() }
}

#[test]
fn stripes_change_no_byte_of_any_layer_on_any_backend() {
    stripes_change_no_byte(Random::tall_network, NETWORKS);
}

#[test]
fn stripes_change_no_byte_where_one_path_is_ahead_of_the_other() {
    stripes_change_no_byte(Random::forked_network, NETWORKS / 8);
}

fn stripes_change_no_byte(network: fn(&mut Random) -> Int8Graph, count: u64) {
    let [mut streams, mut saved] = [0; 2];
    for seed in 0..count {
        let mut random = Random::new(seed);
        let graph = network(&mut random);
        let input = random.bytes(graph.tensor(graph.input).shape.len());
        let maps = oracle::run(&graph, &input);
        for fast in [false, true] {
            let whole = Options { stream: false, ..options(fast, None) };
            let whole = compile(&graph, [0; 8], &whole).expect("it is valid").arena_bytes;
            for ram_bytes in [0, whole * 3 / 4] {
                let program = within(&graph, fast, ram_bytes);
                assert!(program.arena_bytes <= whole, "seed {seed}");
                streams += program.streams.len();
                saved += usize::from(program.arena_bytes < whole);
                let mut seen = 0;
                let mut check = |index: usize, output: &[i8]| {
                    assert_eq!(index, seen % program.steps.len(), "seed {seed}");
                    let name = &program.steps[index].tensor;
                    let tensor = graph.tensors.iter().position(|tensor| tensor.name == *name);
                    let expected = &maps[tensor.expect("a tensor of the graph")];
                    assert_eq!(output, expected, "seed {seed}, {name}: {:?}", program.streams);
                    seen += 1;
                };
                Simulator::<Portable>::new(&program).run(&input, &mut check);
                Simulator::<Scalar>::new(&program).run(&input, &mut check);
                Simulator::<Armv7em>::new(&program).run(&input, &mut check);
                assert_eq!(seen, 3 * program.steps.len());
            }
        }
    }
    let enough = count * 5 / 8;
    assert!(
        streams as u64 > enough && saved as u64 > enough,
        "only {streams} groups in {saved} networks"
    );
}

/// Each row of a map is made once, in order, and read where it was written.
#[test]
fn stripes_make_each_row_once() {
    for seed in 0..NETWORKS {
        let graph = Random::new(seed).tall_network();
        let program = forced(&graph, true);
        for (index, step) in program.steps.iter().enumerate() {
            let runs = program.runs(index);
            let rows: usize = runs.iter().map(|run| run.output_shape.h).sum();
            assert_eq!(rows, step.output_shape.h, "seed {seed}, step {index}");
            for run in runs {
                let window = step.call.window().map(|window| run.window(window));
                let shape = |shape: Shape| shape.len();
                assert_eq!(shape(run.output_shape), run.output.bytes);
                assert_eq!(shape(run.input_shape), run.inputs[0].bytes);
                // Padding lies only where the whole map has it.
                let around = step.call.window().map(|window| window.padding);
                if let (Some(own), Some(around)) = (window, around) {
                    assert!(own.padding.top <= around.top && own.padding.bottom <= around.bottom);
                }
            }
        }
    }
}

/// The search gives up where there is nothing to gain, and keeps what it is told.
#[test]
fn nothing_runs_by_stripes_unasked() {
    for seed in 0..NETWORKS / 4 {
        let graph = Random::new(seed).tall_network();
        let program = |fuse, stream, optimize| {
            let options = Options { fuse, stream, optimize, ..Options::default() };
            compile(&graph, [0; 8], &options).expect("it is valid")
        };
        assert_eq!(program(false, true, Optimize::Balanced).streams, []);
        assert_eq!(program(true, false, Optimize::Balanced).streams, []);
        assert_eq!(program(true, true, Optimize::Speed).streams, []);
    }
}
