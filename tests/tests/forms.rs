//! One network, every way to run it: both ONNX forms, the exact meaning of the graph, both backends, fused or not.

use parity::small;
use thumbnet_compile::{InstructionSet, Options, compile};
use thumbnet_data::to_codes;
use thumbnet_graph::Int8Graph;
use thumbnet_graph::onnx::{self, Form};
use thumbnet_kernels::{Armv7em, Backend, Portable};
use thumbnet_simulate::desktop::Simulator;

const PICTURES: usize = 40;

/// Every layer that both sides have, on pictures and on constant inputs.
fn layers_agree<B: Backend>(graph: &Int8Graph, options: &Options) {
    let program = compile(graph, [0; 8], options).unwrap_or_else(|error| panic!("{error}"));
    let mut simulator = Simulator::<B>::new(&program);
    let test = &small().dataset.test;
    let pictures = (0..PICTURES).map(|index| to_codes(&test.picture(index)));
    let constants = [i8::MIN, 0, i8::MAX].map(|code| vec![code; program.input.bytes]);
    for input in pictures.chain(constants) {
        let expected = thumbnet_quantize::integer::run(graph, &input).expect("a sound graph");
        let mut compared = 0;
        let logits = simulator.run(&input, &mut |index, map| {
            let step = &program.steps[index];
            let id = graph.tensors.iter().position(|tensor| tensor.name == step.tensor);
            let id = id.unwrap_or_else(|| panic!("{} is no tensor of the graph", step.tensor));
            assert_eq!(map, expected[id], "{} with {options:?}", step.name);
            compared += 1;
        });
        assert_eq!(logits, expected[graph.output.0]);
        assert_eq!(compared, program.steps.len());
        let nodes = graph.nodes.len();
        assert!(if options.fuse { compared < nodes } else { compared == nodes }, "{options:?}");
    }
}

fn every_way(graph: &Int8Graph, form: Form) {
    let file = onnx::write(graph, form);
    let read = onnx::read(&file, "small").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(&read, graph, "what is written is read back");
    assert_eq!(onnx::write(&read, form), file, "and written again to the same bytes");
    for fuse in [true, false] {
        for instruction_set in [InstructionSet::Portable, InstructionSet::Armv7em] {
            let options = Options { fuse, instruction_set, ..Options::default() };
            layers_agree::<Portable>(graph, &options);
            layers_agree::<Armv7em>(graph, &options);
        }
    }
}

#[test]
fn qlinear_runs_to_the_same_bytes_everywhere() {
    every_way(&small().qlinear, Form::QLinear);
}

#[test]
fn qdq_runs_to_the_same_bytes_everywhere() {
    every_way(&small().qdq, Form::Qdq);
}

#[test]
fn the_small_network_is_worth_comparing() {
    let small = small();
    let correct = (0..small.dataset.test.len()).filter(|&index| {
        let picture = small.dataset.test.picture(index);
        let tensors = thumbnet_quantize::integer::run_picture(&small.qlinear, &picture);
        let logits = &tensors.expect("a sound graph")[small.qlinear.output.0];
        let best = logits.iter().max().expect("there are classes");
        logits.iter().position(|logit| logit == best) == Some(small.dataset.test.labels[index])
    });
    // Chance is one in ten; a network that has learned uses the whole range of its codes.
    assert!(correct.count() > small.dataset.test.len() / 3);
}
