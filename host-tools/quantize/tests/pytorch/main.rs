//! A network with batch norms, a depthwise block, ReLU6 and a residual, as PyTorch exports it: read,
//! run in float and quantized. `make.py` made the files.

use rayon::prelude::{ParallelIterator, ParallelSlice};
use thumbnet_data::{Dataset, EMBEDDED, Fit, InputSpec, Preprocessing, load};
use thumbnet_graph::{FloatGraph, Op, Shape, onnx};
use thumbnet_quantize::float::Executor;
use thumbnet_quantize::{
    Equalize, Normalization, Options, Prepared, Quantized, integer, prepare, quantize_with,
};

const SCRIPT: &[u8] = include_bytes!("script.onnx");
const DYNAMO: &[u8] = include_bytes!("dynamo.onnx");

/// What onnxruntime gives for the first 100 test pictures: `[100, 10]`, f32, little-endian.
const PROBABILITIES: &[u8] = include_bytes!("probabilities.f32");

const CLASSES: usize = 10;

/// f32 sums of hundreds of terms in another order move logits of size 10 by some 1e-5; a wrong
/// weight, pad or axis moves probabilities by more than 0.01.
const TOLERANCE: f32 = 1e-4;

fn graph(file: &[u8]) -> FloatGraph {
    onnx::read_float(file, "pytorch.onnx").unwrap_or_else(|error| panic!("{error}"))
}

fn pictures() -> Dataset {
    let shape = Shape::new(28, 28, 1);
    load(EMBEDDED, InputSpec::new(shape, Preprocessing::new(Fit::Crop, false))).unwrap()
}

fn float_logits(prepared: &Prepared, pixels: &[u8]) -> Vec<Vec<f32>> {
    let executor = Executor::new(&prepared.graph).unwrap().with_zero_byte(prepared.zero_byte);
    let output = prepared.graph.output.0;
    let run = |picture: &[u8]| executor.run_picture(picture).unwrap().swap_remove(output);
    pixels.par_chunks_exact(784).map(run).collect()
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

fn best<T: PartialOrd>(scores: &[T]) -> usize {
    (1..scores.len()).fold(0, |best, at| if scores[at] > scores[best] { at } else { best })
}

#[test]
fn both_exporters_files_give_what_onnxruntime_gives() {
    let data = pictures();
    let pixels = data.test.pixels();
    let pixels = &pixels[..100 * 784];
    let wanted: Vec<f32> =
        PROBABILITIES.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    for file in [SCRIPT, DYNAMO] {
        let float = graph(file);
        let unfolded = Prepared { graph: float.clone(), zero_byte: 0, padding_error: 0.0 };
        for (logits, wanted) in
            float_logits(&unfolded, pixels).iter().zip(wanted.chunks_exact(CLASSES))
        {
            for (value, wanted) in softmax(logits).iter().zip(wanted) {
                assert!((value - wanted).abs() < TOLERANCE, "{value} {wanted}");
            }
        }
    }
}

#[test]
fn batch_norms_and_the_normalization_disappear() {
    let prepared = prepare(&graph(DYNAMO), &Normalization::default()).unwrap();
    let convolutions =
        prepared.graph.nodes.iter().filter(|node| matches!(node.op, Op::Conv2d(_))).count();
    // Six convolutions and the dense layer.
    assert_eq!(convolutions, 7);
    // 0.286 * 255 = 72.93.
    assert_eq!(prepared.zero_byte, 73);
    assert!((0.05..0.1).contains(&prepared.padding_error), "{}", prepared.padding_error);
}

#[test]
fn int8_agrees_with_float() {
    let data = pictures();
    let prepared = prepare(&graph(SCRIPT), &Normalization::default()).unwrap();
    let options = Options {
        equalize: Equalize::IfBetter,
        zero_byte: prepared.zero_byte,
        ..Options::default()
    };
    let calibration = data.train.subset(200);
    let Quantized { graph: int8, .. } =
        quantize_with(&prepared.graph, &calibration.pixels(), &options).unwrap();
    let pixels = data.test.pixels();
    let pixels = &pixels[..300 * 784];
    let float = float_logits(&prepared, pixels);
    let codes: Vec<Vec<i8>> = pixels
        .par_chunks_exact(784)
        .map(|picture| integer::run_picture(&int8, picture).unwrap().swap_remove(int8.output.0))
        .collect();
    let equal = float.iter().zip(&codes).filter(|(a, b)| best(a) == best(b)).count();
    let correct = |answers: Vec<usize>| {
        answers.iter().zip(&data.test.labels).filter(|(answer, label)| answer == label).count()
    };
    let right = [
        correct(float.iter().map(|logits| best(logits)).collect()),
        correct(codes.iter().map(|logits| best(logits)).collect()),
    ];
    println!("of 300: {equal} answers equal; right: float {}, int8 {}", right[0], right[1]);
    assert!(equal >= 294, "{equal} of 300");
    assert!(right[1] + 3 >= right[0], "{right:?}");
}
