//! A graph evaluated node by node, as onnxruntime without optimizations computes it: slow, obvious,
//! independent of compiler and kernels.

mod codes;
mod float_sums;

pub(crate) use float_sums::float_result;
pub use float_sums::{FloatSums, float_sums};

use crate::graph::{Int8Graph, Node, Quantization};
use crate::op::{Conv2d, Int8Weights, Op};
use thumbnet_kernels::geometry::{Shape, Window};

/// A map: its shape, format and codes.
#[derive(Clone, Copy)]
pub(super) struct Map<'a> {
    pub(super) shape: Shape,
    pub(super) format: Quantization,
    pub(super) codes: &'a [i8],
}

/// The codes of every tensor of a valid graph, in the order of [`crate::Graph::tensors`], for
/// `input` `[h, w, c]`.
///
/// # Panics
/// If the graph is not valid or `input` has the wrong length.
pub fn evaluate(graph: &Int8Graph, input: &[i8]) -> Vec<Vec<i8>> {
    let mut codes = vec![Vec::new(); graph.tensors.len()];
    assert_eq!(input.len(), graph.tensor(graph.input).shape.len(), "length of the input");
    codes[graph.input.0] = input.to_vec();
    for node in &graph.nodes {
        codes[node.output.0] = evaluate_node(graph, node, &codes);
    }
    codes
}

/// The codes that one node of a valid graph makes, of the `codes` of all tensors before it.
///
/// # Panics
/// If the graph is not valid or a map that the node reads has the wrong length.
pub fn evaluate_node(graph: &Int8Graph, node: &Node<Int8Weights>, codes: &[Vec<i8>]) -> Vec<i8> {
    let map = |index: usize| {
        let id = node.inputs[index];
        let tensor = graph.tensor(id);
        Map { shape: tensor.shape, format: tensor.format, codes: &codes[id.0] }
    };
    let output = graph.tensor(node.output);
    let x = map(0);
    match &node.op {
        Op::Conv2d(conv) => conv2d(conv, x, output.shape, output.format),
        Op::MaxPool2d(window) => over_windows(window, x.shape, output.shape, |taps| {
            taps.filter_map(|at| Some(x.codes[at?])).max().unwrap_or(-128)
        }),
        Op::AveragePool2d(window) => over_windows(window, x.shape, output.shape, |taps| {
            let sum: i32 = taps.flatten().map(|at| step(x, at)).sum();
            let factor = x.format.scale * (1.0 / window.taps() as f32) / output.format.scale;
            saturate((sum as f32 * factor).round_ties_even(), output.format.zero_point)
        }),
        Op::Codes(op) => {
            let maps: Vec<Map<'_>> = (0..node.inputs.len()).map(map).collect();
            codes::evaluate(op, &maps, output.shape, output.format)
        }
        Op::Add => {
            let y = map(1);
            let sum = |at| real(x, at) + real(y, at);
            (0..output.shape.len()).map(|at| quantize(sum(at), output.format)).collect()
        }
        Op::Clip(_) | Op::Real(_) => unreachable!("a valid int8 graph has none of these"),
        Op::Relu => x.codes.iter().map(|&code| code.max(x.format.zero_point)).collect(),
    }
}

fn conv2d(conv: &Conv2d<Int8Weights>, x: Map<'_>, made: Shape, to: Quantization) -> Vec<i8> {
    let weights = &conv.weights;
    let group_inputs = x.shape.c / conv.groups;
    let group_outputs = made.c / conv.groups;
    let taps = conv.window.taps();
    let mut out = Vec::with_capacity(made.len());
    for position in positions(&conv.window, x.shape, made) {
        for oc in 0..made.c {
            let first = oc / group_outputs * group_inputs;
            let mut acc = weights.bias[oc];
            for (tap, pixel) in position.iter().enumerate() {
                let Some(pixel) = pixel else { continue };
                for ic in 0..group_inputs {
                    let weight = weights.values[(oc * taps + tap) * group_inputs + ic];
                    acc += step(x, pixel * x.shape.c + first + ic) * i32::from(weight);
                }
            }
            let factor = x.format.scale * weights.scales[oc] / to.scale;
            out.push(saturate((acc as f32 * factor).round_ties_even(), to.zero_point));
        }
    }
    out
}

/// `reduce` of the offsets under each window position, channel by channel; `None` on the padding.
pub(super) fn over_windows(
    window: &Window,
    input: Shape,
    made: Shape,
    reduce: impl Fn(&mut dyn Iterator<Item = Option<usize>>) -> i8,
) -> Vec<i8> {
    let mut out = Vec::with_capacity(made.len());
    for position in positions(window, input, made) {
        for channel in 0..made.c {
            let at = |pixel: &Option<usize>| pixel.map(|pixel| pixel * input.c + channel);
            out.push(reduce(&mut position.iter().map(at)));
        }
    }
    out
}

/// For each position of the window, the pixel under each tap; `None` on the padding.
pub(super) fn positions(window: &Window, input: Shape, made: Shape) -> Vec<Vec<Option<usize>>> {
    let along = |position: usize, tap: usize, axis: usize, before: usize, size: usize| {
        let padded = position * window.stride[axis] + tap * window.dilation[axis];
        padded.checked_sub(before).filter(|&at| at < size)
    };
    let mut all = Vec::with_capacity(made.h * made.w);
    for y in 0..made.h {
        for x in 0..made.w {
            let mut taps = Vec::with_capacity(window.taps());
            for ky in 0..window.kernel[0] {
                let row = along(y, ky, 0, window.padding.top, input.h);
                for kx in 0..window.kernel[1] {
                    let column = along(x, kx, 1, window.padding.left, input.w);
                    taps.push(row.zip(column).map(|(row, column)| row * input.w + column));
                }
            }
            all.push(taps);
        }
    }
    all
}

pub(super) fn step(map: Map<'_>, at: usize) -> i32 {
    i32::from(map.codes[at]) - i32::from(map.format.zero_point)
}

pub(super) fn real(map: Map<'_>, at: usize) -> f32 {
    step(map, at) as f32 * map.format.scale
}

pub(super) fn quantize(value: f32, to: Quantization) -> i8 {
    saturate((value / to.scale).round_ties_even(), to.zero_point)
}

pub(super) fn saturate(steps: f32, zero_point: i8) -> i8 {
    (steps + f32::from(zero_point)) as i8
}
