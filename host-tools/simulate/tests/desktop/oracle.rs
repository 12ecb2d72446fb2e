//! What ONNX says, written as plainly as possible and sharing nothing with the kernels: no folded
//! zero points, no fusion, 64-bit sums.

use thumbnet_graph::{Int8Graph, Int8Weights, Node, Op, Quantization, Shape, Window};

/// The codes of every tensor, by id.
pub fn run(graph: &Int8Graph, input: &[i8]) -> Vec<Vec<i8>> {
    let mut maps = vec![Vec::new(); graph.tensors.len()];
    maps[graph.input.0] = input.to_vec();
    for node in &graph.nodes {
        maps[node.output.0] = node_output(graph, node, &maps);
    }
    maps
}

/// A map whose elements off its edges are `None`.
struct Map<'a> {
    codes: &'a [i8],
    shape: Shape,
    format: Quantization,
}

impl Map<'_> {
    fn at(&self, y: i64, x: i64, c: usize) -> Option<i8> {
        let inside = (0..self.shape.h as i64).contains(&y) && (0..self.shape.w as i64).contains(&x);
        inside.then(|| self.codes[(y as usize * self.shape.w + x as usize) * self.shape.c + c])
    }

    /// The code without its zero point; padding is real 0.
    fn steps(&self, y: i64, x: i64, c: usize) -> i64 {
        self.at(y, x, c).map_or(0, |code| i64::from(code) - i64::from(self.format.zero_point))
    }
}

fn node_output(graph: &Int8Graph, node: &Node<Int8Weights>, maps: &[Vec<i8>]) -> Vec<i8> {
    let map = |index: usize| {
        let id = node.inputs[index];
        let tensor = graph.tensor(id);
        Map { codes: &maps[id.0], shape: tensor.shape, format: tensor.format }
    };
    let output = graph.tensor(node.output);
    let (shape, format) = (output.shape, output.format);
    let input = map(0);
    let mut codes = Vec::with_capacity(shape.len());
    for (y, x, c) in positions(shape) {
        codes.push(match &node.op {
            Op::Conv2d(conv) => {
                let (ic, group_oc) = (input.shape.c / conv.groups, shape.c / conv.groups);
                let mut sum = i64::from(conv.weights.bias[c]);
                for (tap, (row, column)) in taps(&conv.window, y, x).enumerate() {
                    for i in 0..ic {
                        let weight = conv.weights.values[(c * conv.window.taps() + tap) * ic + i];
                        let channel = c / group_oc * ic + i;
                        sum += i64::from(weight) * input.steps(row, column, channel);
                    }
                }
                scaled(sum, input.format.scale, conv.weights.scales[c], format)
            }
            Op::AveragePool2d(window) => {
                let sum = taps(window, y, x).map(|(row, column)| input.steps(row, column, c)).sum();
                scaled(sum, input.format.scale, 1.0 / window.taps() as f32, format)
            }
            Op::MaxPool2d(window) => taps(window, y, x)
                .filter_map(|(row, column)| input.at(row, column, c))
                .max()
                .unwrap_or(i8::MIN),
            Op::Clip(_) => panic!("a valid int8 graph has no Clip"),
            Op::Relu => {
                let steps = input.steps(y as i64, x as i64, c).max(0);
                scaled(steps, input.format.scale, 1.0, format)
            }
            Op::Codes(_) | Op::Real(_) => unreachable!("networks of these have tests of their own"),
            Op::Add => {
                let other = map(1);
                let (y, x) = (y as i64, x as i64);
                let real = |map: &Map<'_>| map.steps(y, x, c) as f32 * map.format.scale;
                saturated((real(&input) + real(&other)) / format.scale, format)
            }
        });
    }
    codes
}

/// `saturate(rne(f32(sum) * f32(f32(x_scale * w_scale) / y_scale)) + y_zero_point)`.
fn scaled(sum: i64, x_scale: f32, w_scale: f32, format: Quantization) -> i8 {
    let factor = x_scale * w_scale / format.scale;
    saturated(sum as f32 * factor, format)
}

fn saturated(value: f32, format: Quantization) -> i8 {
    let code = value.round_ties_even() + f32::from(format.zero_point);
    code.clamp(-128.0, 127.0) as i8
}

fn positions(shape: Shape) -> impl Iterator<Item = (usize, usize, usize)> {
    let columns = move |y| (0..shape.w).flat_map(move |x| (0..shape.c).map(move |c| (y, x, c)));
    (0..shape.h).flat_map(columns)
}

/// Rows and columns under the window at output position `(y, x)`, off the map included.
fn taps(window: &Window, y: usize, x: usize) -> impl Iterator<Item = (i64, i64)> {
    let window = *window;
    let along = move |axis: usize, position: usize, tap: usize, padding: usize| {
        (position * window.stride[axis] + tap * window.dilation[axis]) as i64 - padding as i64
    };
    (0..window.kernel[0]).flat_map(move |row| {
        (0..window.kernel[1]).map(move |column| {
            let row = along(0, y, row, window.padding.top);
            (row, along(1, x, column, window.padding.left))
        })
    })
}
