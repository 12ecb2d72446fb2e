//! Runs a float network: the values that quantization is calibrated on and judged by.

use crate::QuantizeError;
use crate::real::{self, Map};
use crate::structure::check_float;
use crate::taps::{positions, visit_taps};
use thumbnet_graph::{Conv2d, FloatGraph, FloatWeights, Op, Shape, TensorId, Window};

/// A float network made ready to run on many pictures.
#[derive(Debug)]
pub struct Executor<'a> {
    graph: &'a FloatGraph,
    /// One entry a node: `[kh, kw, groups, ic / groups, oc / groups]` for a convolution, else
    /// empty.
    filters: Vec<Vec<f32>>,
    /// The byte of a picture that is real 0.
    zero_byte: u8,
}

impl<'a> Executor<'a> {
    /// Checks the graph and arranges its weights so that the inner loop runs over output channels.
    ///
    /// # Errors
    /// [`QuantizeError`] if the graph contradicts itself or has weights that are not finite.
    pub fn new(graph: &'a FloatGraph) -> Result<Self, QuantizeError> {
        check_float(graph)?;
        let filters = graph
            .nodes
            .iter()
            .map(|node| match &node.op {
                Op::Conv2d(conv) => arrange(
                    conv,
                    graph.tensor(node.inputs[0]).shape,
                    graph.tensor(node.output).shape,
                ),
                _ => Vec::new(),
            })
            .collect();
        Ok(Self { graph, filters, zero_byte: 0 })
    }

    /// For a network to which this byte of a picture is real 0.
    #[must_use]
    pub fn with_zero_byte(self, zero_byte: u8) -> Self {
        Self { zero_byte, ..self }
    }

    /// The values of all tensors, by index of [`thumbnet_graph::TensorId`], for an input of real
    /// values `[h, w, c]`. Tensors that no node makes are empty.
    ///
    /// # Errors
    /// [`QuantizeError::InputLength`].
    pub fn run(&self, input: &[f32]) -> Result<Vec<Vec<f32>>, QuantizeError> {
        let graph = self.graph;
        let expected = graph.tensor(graph.input).shape.len();
        if input.len() != expected {
            return Err(QuantizeError::InputLength { actual: input.len(), expected });
        }
        let mut values = vec![Vec::new(); graph.tensors.len()];
        values[graph.input.0] = input.to_vec();
        for (node, filters) in graph.nodes.iter().zip(&self.filters) {
            let x = &values[node.inputs[0].0];
            let input = graph.tensor(node.inputs[0]).shape;
            let output = graph.tensor(node.output).shape;
            values[node.output.0] = match &node.op {
                Op::Conv2d(conv) => conv2d(conv, filters, x, input, output),
                Op::MaxPool2d(window) => max_pool2d(window, x, input, output),
                Op::AveragePool2d(window) => average_pool2d(window, x, input, output),
                Op::Add => x.iter().zip(&values[node.inputs[1].0]).map(|(a, b)| a + b).collect(),
                Op::Relu => x.iter().map(|value| value.max(0.0)).collect(),
                Op::Clip([low, high]) => x.iter().map(|x| x.min(*high).max(*low)).collect(),
                Op::Real(op) => {
                    let map = |id: &TensorId| Map {
                        shape: graph.tensor(*id).shape,
                        values: &values[id.0],
                    };
                    let maps: Vec<Map> = node.inputs.iter().map(map).collect();
                    real::run(op, &maps, output)
                }
                Op::Codes(_) => unreachable!("a valid float graph has none of these"),
            };
        }
        Ok(values)
    }

    /// [`Executor::run`] on a picture: real = (byte - zero byte) / 255.
    ///
    /// # Errors
    /// [`QuantizeError::InputLength`].
    pub fn run_picture(&self, picture: &[u8]) -> Result<Vec<Vec<f32>>, QuantizeError> {
        let zero = f32::from(self.zero_byte);
        let real = |&byte: &u8| (f32::from(byte) - zero) / 255.0;
        let input: Vec<f32> = picture.iter().map(real).collect();
        self.run(&input)
    }
}

/// `[oc, kh, kw, ic / groups]` to `[kh, kw, groups, ic / groups, oc / groups]`.
fn arrange(conv: &Conv2d<FloatWeights>, input: Shape, output: Shape) -> Vec<f32> {
    let (ic, oc) = (input.c / conv.groups, output.c / conv.groups);
    let taps = conv.window.taps();
    let mut arranged = vec![0.0; conv.weights.values.len()];
    for (channel, filter) in conv.weights.values.chunks_exact(taps * ic).enumerate() {
        let (group, o) = (channel / oc, channel % oc);
        for (index, &weight) in filter.iter().enumerate() {
            let (tap, i) = (index / ic, index % ic);
            arranged[((tap * conv.groups + group) * ic + i) * oc + o] = weight;
        }
    }
    arranged
}

fn conv2d(
    conv: &Conv2d<FloatWeights>,
    filters: &[f32],
    x: &[f32],
    input: Shape,
    output: Shape,
) -> Vec<f32> {
    let (ic, oc) = (input.c / conv.groups, output.c / conv.groups);
    let tap_len = input.c * oc;
    let mut y = vec![0.0; output.len()];
    for (position, sums) in positions(output).zip(y.chunks_exact_mut(output.c)) {
        sums.copy_from_slice(&conv.weights.bias);
        visit_taps(&conv.window, input, position, |tap, offset| {
            let pixel = &x[offset..][..input.c];
            let filters = &filters[tap * tap_len..][..tap_len];
            if (ic, oc) == (1, 1) {
                add_products(sums, pixel, filters);
            } else {
                add_groups(sums, pixel, filters, [ic, oc]);
            }
        });
    }
    y
}

/// One tap of a depthwise convolution.
fn add_products(sums: &mut [f32], pixel: &[f32], filters: &[f32]) {
    for ((sum, x), w) in sums.iter_mut().zip(pixel).zip(filters) {
        *sum += x * w;
    }
}

/// One tap of a convolution with groups of `ic` input and `oc` output channels.
fn add_groups(sums: &mut [f32], pixel: &[f32], filters: &[f32], [ic, oc]: [usize; 2]) {
    let groups = sums.chunks_exact_mut(oc).zip(pixel.chunks_exact(ic));
    for ((sums, pixel), filters) in groups.zip(filters.chunks_exact(ic * oc)) {
        for (&x, filter) in pixel.iter().zip(filters.chunks_exact(oc)) {
            // Half of the activations behind a ReLU are zero.
            if x != 0.0 {
                for (sum, w) in sums.iter_mut().zip(filter) {
                    *sum += x * w;
                }
            }
        }
    }
}

fn max_pool2d(window: &Window, x: &[f32], input: Shape, output: Shape) -> Vec<f32> {
    let mut y = vec![f32::NEG_INFINITY; output.len()];
    for (position, maxima) in positions(output).zip(y.chunks_exact_mut(output.c)) {
        visit_taps(window, input, position, |_, offset| {
            for (maximum, value) in maxima.iter_mut().zip(&x[offset..]) {
                *maximum = maximum.max(*value);
            }
        });
    }
    y
}

fn average_pool2d(window: &Window, x: &[f32], input: Shape, output: Shape) -> Vec<f32> {
    let mut y = vec![0.0; output.len()];
    for (position, sums) in positions(output).zip(y.chunks_exact_mut(output.c)) {
        visit_taps(window, input, position, |_, offset| {
            for (sum, value) in sums.iter_mut().zip(&x[offset..]) {
                *sum += value;
            }
        });
        for sum in sums {
            *sum /= window.taps() as f32;
        }
    }
    y
}

#[cfg(test)]
mod tests {
    use super::Executor;
    use crate::sample::{Builder, residual, seed_cnn};
    use thumbnet_graph::{FloatGraph, Op, Shape, Window};

    /// The definition of a convolution, one output at a time, in f64.
    fn defined(graph: &FloatGraph, node: usize, x: &[f32]) -> Vec<f64> {
        let node = &graph.nodes[node];
        let Op::Conv2d(conv) = &node.op else { panic!("a convolution") };
        let (input, output) = (graph.tensor(node.inputs[0]).shape, graph.tensor(node.output).shape);
        let Window { kernel: [kh, kw], stride, dilation, padding } = conv.window;
        let (ic, oc) = (input.c / conv.groups, output.c / conv.groups);
        let mut y = Vec::new();
        for index in 0..output.len() {
            let (position, o) = (index / output.c, index % output.c);
            let (row, column) = (position / output.w, position % output.w);
            let mut sum = f64::from(conv.weights.bias[o]);
            for tap in 0..kh * kw * ic {
                let (ky, kx, i) = (tap / ic / kw, tap / ic % kw, tap % ic);
                let at =
                    [row * stride[0] + ky * dilation[0], column * stride[1] + kx * dilation[1]];
                let (Some(py), Some(px)) =
                    (at[0].checked_sub(padding.top), at[1].checked_sub(padding.left))
                else {
                    continue;
                };
                if py < input.h && px < input.w {
                    let pixel = x[(py * input.w + px) * input.c + o / oc * ic + i];
                    let weight = conv.weights.values[o * kh * kw * ic + tap];
                    sum += f64::from(pixel) * f64::from(weight);
                }
            }
            y.push(sum);
        }
        y
    }

    /// f32 sums of a few hundred terms near 1 against f64 sums.
    const TOLERANCE: f64 = 1e-4;

    #[test]
    fn convolutions_follow_the_definition() {
        for graph in [seed_cnn(1), residual(1)] {
            let input = graph.tensor(graph.input).shape.len();
            let picture: Vec<u8> = (0..input).map(|index| (index * 37 % 256) as u8).collect();
            let values = Executor::new(&graph).unwrap().run_picture(&picture).unwrap();
            for (index, node) in graph.nodes.iter().enumerate() {
                let Op::Conv2d(_) = node.op else { continue };
                let wanted = defined(&graph, index, &values[node.inputs[0].0]);
                for (value, wanted) in values[node.output.0].iter().zip(wanted) {
                    let difference = (f64::from(*value) - wanted).abs();
                    assert!(difference < TOLERANCE, "{}: {difference}", node.name);
                }
            }
        }
    }

    #[test]
    fn pools_adds_and_relus_do_what_they_say() {
        let mut builder = Builder::new(Shape::new(2, 2, 1), 1);
        let picture = builder.here();
        let pair = Window { kernel: [1, 2], ..Window::UNIT };
        builder.add("twice", picture).average_pool2d("average", pair).max_pool2d("pool", 1);
        let mut graph = builder.finish();
        graph.nodes[2].op = Op::MaxPool2d(Window { kernel: [2, 1], ..Window::UNIT });
        graph.tensors[3].shape = Shape::new(1, 1, 1);
        let values = Executor::new(&graph).unwrap().run(&[1.0, 2.0, -5.0, 4.0]).unwrap();
        assert_eq!(values[1], [2.0, 4.0, -10.0, 8.0]);
        assert_eq!(values[2], [3.0, -1.0]);
        assert_eq!(values[3], [3.0]);
    }
}
