//! The files of `tests/foreign` against onnxruntime without optimizations, whose outputs lie beside them.

use crate::folders;
use std::path::Path;
use thumbnet_compile::{InstructionSet, Optimize, Options, compile};
use thumbnet_graph::onnx::{Numbers, import};
use thumbnet_kernels::{Armv7em, Portable};
use thumbnet_simulate::arrays::read_inputs;
use thumbnet_simulate::desktop::Simulator;
use thumbnet_simulate::file::FileOutput;

/// Files whose output the tool left in float, and how many steps of a device's codes a logit may be off: by rounding of
/// the sums, or a little more where float biases moved a code on the way to its neighbour.
const FLOAT_LOGITS: [(&str, f32); 6] = [
    ("brevitas/per-channel", 1e-3),
    ("nncf/lenet", 0.1),
    ("nncf/map-output", 0.05),
    ("nncf/mobilenet-v1-mixed", 0.2),
    ("nncf/mobilenet-v2", 0.2),
    ("onnxruntime/open-batch-qdq", 1e-3),
];

/// Files with float biases but codes as output: a few of these may be neighbours of onnxruntime's.
const FLOAT_BIASES: [&str; 2] = ["brevitas/float-bias", "brevitas/shifted"];

#[test]
fn files_of_other_tools_give_onnxruntimes_numbers() {
    for folder in folders() {
        let name = name(&folder);
        let bytes = std::fs::read(folder.join("model.onnx")).expect("it has a model");
        let (graph, interface) = import(&bytes, &name).unwrap_or_else(|error| panic!("{error}"));
        let inputs = read_inputs(&folder.join("inputs.npy"), &interface);
        let inputs = inputs.unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = array(&folder.join("expected.npy"));
        let options = Options {
            instruction_set: InstructionSet::Armv7em,
            optimize: Optimize::Speed,
            ..Options::default()
        };
        let program = compile(&graph, [0; 8], &options).unwrap_or_else(|error| panic!("{error}"));
        let mut portable = Simulator::<Portable>::new(&program);
        let mut fast = Simulator::<Armv7em>::new(&program);
        let file = FileOutput::new(&graph, &interface).unwrap_or_else(|error| panic!("{error}"));
        let mut simulator = file.simulator();
        let mut outputs = Vec::new();
        for input in &inputs {
            let logits = portable.run(input, &mut |_, _| {}).to_vec();
            assert_eq!(fast.run(input, &mut |_, _| {}), logits, "{name}");
            let codes = file.codes(&mut simulator, input);
            assert_eq!(file.logits(&codes), logits, "{name}");
            outputs.push(floats(&file.numbers(&codes)));
        }
        let step = graph.tensor(graph.output).format.scale;
        compare(&name, &outputs, &expected, step);
    }
}

fn compare(name: &str, outputs: &[Vec<f32>], expected: &[f32], step: f32) {
    let given = outputs.concat();
    assert_eq!(given.len(), expected.len(), "{name}");
    let distance = |(a, b): (&f32, &f32)| (a - b).abs();
    let largest = given.iter().zip(expected).map(distance).fold(0.0, f32::max);
    let equal = given.iter().zip(expected).filter(|pair| distance(*pair) <= step * 1e-3).count();
    println!("{name}: {equal} of {} equal, largest distance {} steps", given.len(), largest / step);
    if let Some((_, steps)) = FLOAT_LOGITS.iter().find(|(file, _)| *file == name) {
        assert!(largest <= steps * step, "{name}: {} steps", largest / step);
    } else if FLOAT_BIASES.contains(&name) {
        assert!(largest <= 1.001 * step && equal * 100 >= given.len() * 95, "{name}: {equal}");
    } else {
        assert_eq!(equal, given.len(), "{name}: largest distance {} steps", largest / step);
    }
    for (index, (output, expected)) in
        outputs.iter().zip(expected.chunks(outputs[0].len())).enumerate()
    {
        assert_eq!(best(output), best(expected), "{name}: input {index}");
    }
}

fn name(folder: &Path) -> String {
    let parts: Vec<_> = folder.iter().rev().take(2).map(|part| part.to_string_lossy()).collect();
    format!("{}/{}", parts[1], parts[0])
}

fn best(values: &[f32]) -> usize {
    (0..values.len()).fold(0, |best, index| if values[index] > values[best] { index } else { best })
}

fn floats(numbers: &Numbers) -> Vec<f32> {
    match numbers {
        Numbers::F32(values) => values.clone(),
        Numbers::I8(codes) => codes.iter().map(|&code| f32::from(code)).collect(),
        Numbers::U8(codes) => codes.iter().map(|&code| f32::from(code)).collect(),
    }
}

/// The numbers of a `.npy` file that numpy wrote, of float32 or int8.
fn array(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).expect("it was written with the model");
    let header_end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let (header, data) = bytes.split_at(header_end);
    let header = String::from_utf8_lossy(header);
    if header.contains("|i1") {
        return data.iter().map(|&byte| f32::from(byte.cast_signed())).collect();
    }
    assert!(header.contains("<f4"), "{header}");
    let (values, _) = data.as_chunks::<4>();
    values.iter().map(|&value| f32::from_le_bytes(value)).collect()
}
