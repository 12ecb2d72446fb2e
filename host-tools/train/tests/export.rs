//! The exported graph computes what the network predicts.

use thumbnet_graph::{Axis, FloatGraph, Op, RealOp, Shape, TensorId, Window};
use thumbnet_train::{Network, Recipe};

/// Sums of up to 1600 products near 1 in f32, in another order: about 1600 roundings of 2^-24.
const TOLERANCE: f32 = 1e-4;

/// Runs a graph in the plainest way.
fn run(graph: &FloatGraph, input: Vec<f32>) -> Vec<f32> {
    let mut maps = vec![Vec::new(); graph.tensors.len()];
    maps[graph.input.0] = input;
    for node in &graph.nodes {
        let (from, to) = (node.inputs[0], node.output);
        let (x, shape, out) = (&maps[from.0], graph.tensor(from).shape, graph.tensor(to).shape);
        maps[to.0] = match &node.op {
            Op::Conv2d(conv) => slide(shape, out, &conv.window, |c, taps| {
                let channels = shape.c / conv.groups;
                let kernel = conv.window.taps() * channels;
                let weights = &conv.weights.values[c * kernel..][..kernel];
                let first = c / (out.c / conv.groups) * channels;
                taps.iter().fold(conv.weights.bias[c], |sum, &(tap, at)| {
                    let values = &x[at + first..][..channels];
                    values
                        .iter()
                        .zip(&weights[tap * channels..])
                        .fold(sum, |sum, (x, w)| sum + x * w)
                })
            }),
            Op::MaxPool2d(window) => slide(shape, out, window, |c, taps| {
                taps.iter().map(|&(_, at)| x[at + c]).fold(f32::NEG_INFINITY, f32::max)
            }),
            Op::AveragePool2d(window) => slide(shape, out, window, |c, taps| {
                taps.iter().map(|&(_, at)| x[at + c]).sum::<f32>() / taps.len() as f32
            }),
            Op::Relu => x.iter().map(|value| value.max(0.0)).collect(),
            Op::Add => x.iter().zip(&maps[node.inputs[1].0]).map(|(a, b)| a + b).collect(),
            Op::Real(RealOp::Concat(Axis::Channels)) => {
                let pixel = |map: &TensorId, at: usize| {
                    let channels = graph.tensor(*map).shape.c;
                    maps[map.0][at * channels..][..channels].to_vec()
                };
                let pixels = 0..out.h * out.w;
                pixels
                    .flat_map(|at| node.inputs.iter().flat_map(move |map| pixel(map, at)))
                    .collect()
            }
            Op::Clip(_) | Op::Codes(_) | Op::Real(_) => panic!("no such layer"),
        };
    }
    maps.swap_remove(graph.output.0)
}

/// Calls `value` with each output's channel, and its window's taps and their offsets inside the map.
fn slide(
    shape: Shape,
    out: Shape,
    window: &Window,
    value: impl Fn(usize, &[(usize, usize)]) -> f32,
) -> Vec<f32> {
    let mut map = Vec::with_capacity(out.len());
    for y in 0..out.h {
        for x in 0..out.w {
            let mut taps = Vec::new();
            for tap in 0..window.taps() {
                let (i, j) = (tap / window.kernel[1], tap % window.kernel[1]);
                let row = (y * window.stride[0] + i).checked_sub(window.padding.top);
                let column = (x * window.stride[1] + j).checked_sub(window.padding.left);
                if let (Some(row), Some(column)) = (row, column)
                    && row < shape.h
                    && column < shape.w
                {
                    taps.push((tap, (row * shape.w + column) * shape.c));
                }
            }
            map.extend((0..out.c).map(|c| value(c, &taps)));
        }
    }
    map
}

fn check(recipe: &Recipe, classes: usize) -> FloatGraph {
    let labels: Vec<String> = (0..classes).map(|label| format!("class {label}")).collect();
    let network = Network::new(recipe, &labels).expect("it fits");
    let graph = network.to_graph();
    let len = network.input().len();
    let pixels: Vec<u8> = (0..11 * len).map(|index| (index * 7919 % 256) as u8).collect();
    let logits = network.predict(&pixels);
    assert_eq!(logits.len(), 11 * classes);
    for (pixels, logits) in pixels.chunks(len).zip(logits.chunks(classes)) {
        let input = pixels.iter().map(|&byte| f32::from(byte) / 255.0).collect();
        for (value, expected) in run(&graph, input).iter().zip(logits) {
            assert!((value - expected).abs() < TOLERANCE, "{value} is not {expected}");
        }
    }
    graph
}

#[test]
fn the_seed_cnn_as_a_graph() {
    let graph = check(&Recipe::find("seed-cnn").expect("it is built in"), 10);
    let names: Vec<&str> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
    let expected = [
        "conv1",
        "conv1_relu",
        "pool1",
        "conv2",
        "conv2_relu",
        "pool2",
        "dense1",
        "dense1_relu",
        "dense2",
    ];
    assert_eq!(names, expected);
    assert_eq!(graph.metadata.labels[3], "class 3");
    assert_eq!(graph.metadata.name, "seed-cnn");
    assert!(graph.metadata.producer.starts_with("thumbnet "));
    assert_eq!(graph.tensor(graph.output).shape, Shape::new(1, 1, 10));
    let Op::Conv2d(dense) = &graph.nodes[6].op else { panic!("a dense layer is a Conv2d") };
    assert_eq!(dense.window.kernel, [5, 5]);
}

#[test]
fn lenet5_as_a_graph() {
    check(&Recipe::find("lenet5").expect("it is built in"), 10);
}

#[test]
fn networks_of_paths_and_of_separate_channels_as_graphs() {
    for name in ["resnet8", "ds-cnn"] {
        check(&Recipe::find(name).expect("it is built in"), 10);
    }
}

#[test]
fn every_kind_of_layer_as_a_graph() {
    let text = "
name = 'all'
input.shape = [13, 11, 3]
[[layers]]
type = 'conv2d'
filters = 6
kernel = [3, 4]
stride = [2, 1]
padding = 'same'
[[layers]]
type = 'max_pool2d'
window = [3, 2]
stride = [1, 2]
[[layers]]
type = 'relu'
[[layers]]
type = 'max_pool2d'
window = [2, 2]
stride = [1, 1]
[[layers]]
type = 'average_pool2d'
window = [2, 2]
stride = [2, 1]
[[layers]]
type = 'conv2d'
filters = 4
kernel = [1, 1]
[[layers]]
type = 'relu'
[[layers]]
type = 'average_pool2d'
[[layers]]
type = 'dense'
";
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("model.toml");
    std::fs::write(&path, text).expect("a file for the test");
    check(&Recipe::read(&path).expect("the test's recipe"), 3);
}

#[test]
fn a_normalized_input_is_a_node_of_its_own() {
    let mut recipe = Recipe::find("lenet5").expect("it is built in");
    (recipe.input.mean, recipe.input.std) = (0.286, 0.353);
    let graph = check(&recipe, 10);
    assert_eq!(graph.nodes[0].name, "normalize");
    let text = recipe.to_toml();
    assert!(text.contains("mean = 0.286") && text.contains("std = 0.353"), "{text}");
}

#[test]
fn branches_beside_each_other_as_a_graph() {
    let text = "
name = 'branches'
input.shape = [8, 8, 1]
[[layers]]
type = 'concat'
branches = [
    [{ type = 'conv2d', filters = 3, kernel = [3, 3], padding = 'same', activation = 'relu' }],
    [{ type = 'conv2d', filters = 2, kernel = [1, 1] }],
    [],
]
[[layers]]
type = 'conv2d'
filters = 4
kernel = [3, 3]
activation = 'relu'
[[layers]]
type = 'flatten'
[[layers]]
type = 'dense'
";
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("model.toml");
    std::fs::write(&path, text).expect("a file for the test");
    let graph = check(&Recipe::read(&path).expect("the test's recipe"), 3);
    assert!(graph.nodes.iter().any(|node| node.name == "concat1"));
}
