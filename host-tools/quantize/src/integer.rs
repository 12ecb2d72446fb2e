//! What an int8 network means: every layer in exact integers and onnxruntime's rounding.
//!
//! Written for reading, with 64-bit accumulators, and on purpose without the kernels that devices
//! run: whatever is compiled, exported or optimized can be compared with it.

use crate::QuantizeError;
use crate::structure::check_int8;
use crate::taps::{positions, visit_taps};
use thumbnet_graph::evaluate::evaluate_node;
use thumbnet_graph::requantization::direct_factor;
use thumbnet_graph::{Conv2d, Int8Graph, Int8Weights, Node, Op, Quantization, Shape, Window};

/// The codes of all tensors, by index of [`thumbnet_graph::TensorId`], for an int8 input `[h, w,
/// c]`. Tensors that no node makes are empty.
///
/// # Errors
/// [`QuantizeError`] if the graph contradicts itself, the input has the wrong length or an
/// accumulator leaves int32.
pub fn run(graph: &Int8Graph, input: &[i8]) -> Result<Vec<Vec<i8>>, QuantizeError> {
    check_int8(graph)?;
    let expected = graph.tensor(graph.input).shape.len();
    if input.len() != expected {
        return Err(QuantizeError::InputLength { actual: input.len(), expected });
    }
    let mut codes = vec![Vec::new(); graph.tensors.len()];
    codes[graph.input.0] = input.to_vec();
    for node in &graph.nodes {
        codes[node.output.0] = run_node(graph, node, &codes)?;
    }
    Ok(codes)
}

/// [`run`] on a picture: code = byte - 128.
///
/// # Errors
/// As [`run`].
pub fn run_picture(graph: &Int8Graph, picture: &[u8]) -> Result<Vec<Vec<i8>>, QuantizeError> {
    let input: Vec<i8> = picture.iter().map(|&byte| (byte ^ 0x80) as i8).collect();
    run(graph, &input)
}

fn run_node(
    graph: &Int8Graph,
    node: &Node<Int8Weights>,
    codes: &[Vec<i8>],
) -> Result<Vec<i8>, QuantizeError> {
    let (input, output) = (graph.tensor(node.inputs[0]), graph.tensor(node.output));
    let (x, x_format, y_format) = (&codes[node.inputs[0].0], input.format, output.format);
    match &node.op {
        Op::Conv2d(conv) => {
            let sums = accumulate(conv, x, input.shape, x_format.zero_point, output.shape);
            requantize(&node.name, &sums, &conv.weights.scales, x_format.scale, y_format)
        }
        Op::MaxPool2d(window) => Ok(max_pool2d(window, x, input.shape, output.shape)),
        Op::AveragePool2d(window) => {
            let average = average_pool2d(window, x, input.shape, x_format, output.shape);
            Ok(average.into_iter().map(|value| quantize(value, y_format)).collect())
        }
        Op::Add => {
            let other = node.inputs[1];
            let real = |format, &code: &i8| dequantize(code, format);
            let lhs = x.iter().map(|code| real(x_format, code));
            let rhs = codes[other.0].iter().map(|code| real(graph.tensor(other).format, code));
            Ok(lhs.zip(rhs).map(|(a, b)| quantize(a + b, y_format)).collect())
        }
        Op::Clip(_) | Op::Real(_) => unreachable!("a valid int8 graph has none of these"),
        Op::Relu => {
            let positive = |&code: &i8| dequantize(code, x_format).max(0.0);
            Ok(x.iter().map(|code| quantize(positive(code), y_format)).collect())
        }
        Op::Codes(_) => Ok(evaluate_node(graph, node, codes)),
    }
}

/// `bias + sum over the window of (x - x_zero_point) * w`, exactly; padding is real 0 and adds
/// nothing.
fn accumulate(
    conv: &Conv2d<Int8Weights>,
    x: &[i8],
    input: Shape,
    x_zero_point: i8,
    output: Shape,
) -> Vec<i64> {
    let (ic, oc) = (input.c / conv.groups, output.c / conv.groups);
    let filter_len = conv.window.taps() * ic;
    let mut sums = Vec::with_capacity(output.len());
    for position in positions(output) {
        let first = sums.len();
        sums.extend(conv.weights.bias.iter().map(|&bias| i64::from(bias)));
        visit_taps(&conv.window, input, position, |tap, offset| {
            for (channel, sum) in sums[first..].iter_mut().enumerate() {
                let pixel = &x[offset + channel / oc * ic..][..ic];
                let weights = &conv.weights.values[channel * filter_len + tap * ic..][..ic];
                *sum += dot(pixel, x_zero_point, weights);
            }
        });
    }
    sums
}

/// `sum of (x - zero_point) * w`. A product is below 2^15, so 2^15 of them fit an i32.
fn dot(x: &[i8], zero_point: i8, weights: &[i8]) -> i64 {
    let chunks = x.chunks(1 << 15).zip(weights.chunks(1 << 15));
    chunks
        .map(|(x, weights)| {
            let products = x
                .iter()
                .zip(weights)
                .map(|(&x, &w)| (i32::from(x) - i32::from(zero_point)) * i32::from(w));
            i64::from(products.sum::<i32>())
        })
        .sum()
}

/// onnxruntime's QLinearConv: `clamp(f32(acc) * factor)` to what the zero point leaves, rounded
/// half to even, plus the zero point.
fn requantize(
    node: &str,
    sums: &[i64],
    w_scales: &[f32],
    x_scale: f32,
    y: Quantization,
) -> Result<Vec<i8>, QuantizeError> {
    let factors: Vec<f32> =
        w_scales.iter().map(|&w_scale| direct_factor(x_scale, w_scale, y.scale)).collect();
    let zero_point = f32::from(y.zero_point);
    let channels = factors.len();
    sums.iter()
        .enumerate()
        .map(|(index, &sum)| {
            let channel = index % channels;
            let acc = i32::try_from(sum).map_err(|_| QuantizeError::Accumulator {
                node: node.to_owned(),
                channel,
                bound: sum.abs(),
                limit: i64::from(i32::MAX),
            })?;
            let real = acc as f32 * factors[channel];
            let clamped = real.clamp(-128.0 - zero_point, 127.0 - zero_point);
            Ok((clamped.round_ties_even() + zero_point) as i8)
        })
        .collect()
}

fn max_pool2d(window: &Window, x: &[i8], input: Shape, output: Shape) -> Vec<i8> {
    let mut y = vec![i8::MIN; output.len()];
    for (position, maxima) in positions(output).zip(y.chunks_exact_mut(output.c)) {
        visit_taps(window, input, position, |_, offset| {
            for (maximum, &code) in maxima.iter_mut().zip(&x[offset..]) {
                *maximum = code.max(*maximum);
            }
        });
    }
    y
}

/// In f32 as DequantizeLinear and AveragePool compute it.
fn average_pool2d(
    window: &Window,
    x: &[i8],
    input: Shape,
    format: Quantization,
    output: Shape,
) -> Vec<f32> {
    let mut y = vec![0.0; output.len()];
    for (position, sums) in positions(output).zip(y.chunks_exact_mut(output.c)) {
        visit_taps(window, input, position, |_, offset| {
            for (sum, &code) in sums.iter_mut().zip(&x[offset..]) {
                *sum += dequantize(code, format);
            }
        });
        for sum in sums {
            *sum /= window.taps() as f32;
        }
    }
    y
}

/// DequantizeLinear.
pub(crate) fn dequantize(code: i8, format: Quantization) -> f32 {
    (i32::from(code) - i32::from(format.zero_point)) as f32 * format.scale
}

/// QuantizeLinear: division, half to even, saturation.
pub(crate) fn quantize(real: f32, format: Quantization) -> i8 {
    let rounded = (real / format.scale).round_ties_even() + f32::from(format.zero_point);
    rounded.clamp(-128.0, 127.0) as i8
}

#[cfg(test)]
mod tests {
    use super::{run, run_picture};
    use crate::QuantizeError;
    use thumbnet_graph::{
        Conv2d, Graph, Int8Graph, Int8Weights, Metadata, Node, Op, Padding, Quantization, Shape,
        Tensor, TensorId, Window,
    };

    fn tensor(shape: Shape, scale: f32, zero_point: i8) -> Tensor<Quantization> {
        Tensor { name: "t".into(), shape, format: Quantization { scale, zero_point } }
    }

    /// A graph of one node that reads the input, twice if it is an add.
    fn graph(
        op: Op<Int8Weights>,
        input: Tensor<Quantization>,
        output: Tensor<Quantization>,
    ) -> Int8Graph {
        let inputs = if let Op::Add = op { vec![TensorId(0); 2] } else { vec![TensorId(0)] };
        let node = Node { name: "n".into(), op, inputs, output: TensorId(1) };
        Graph {
            tensors: vec![input, output],
            nodes: vec![node],
            input: TensorId(0),
            output: TensorId(1),
            metadata: Metadata::default(),
        }
    }

    fn conv(window: Window, values: &[i8], bias: &[i32], scales: &[f32]) -> Op<Int8Weights> {
        let weights =
            Int8Weights { values: values.to_vec(), bias: bias.to_vec(), scales: scales.to_vec() };
        Op::Conv2d(Conv2d { window, groups: 1, weights })
    }

    #[test]
    fn padding_is_real_zero_whatever_its_code() {
        let padding = Padding { top: 1, left: 1, bottom: 1, right: 1 };
        let window = Window { padding, ..Window::square(3, 1) };
        let op = conv(window, &[1; 9], &[0], &[1.0]);
        let shape = Shape::new(2, 2, 1);
        let graph = graph(op, tensor(shape, 1.0, 10), tensor(shape, 1.0, -3));
        // Reals 1, 2, 3, 4; each output sees all four.
        assert_eq!(run(&graph, &[11, 12, 13, 14]).unwrap()[1], [7; 4]);
    }

    #[test]
    fn halves_go_to_even_before_the_zero_point_and_saturate_after_it() {
        let shape = Shape::new(1, 6, 1);
        let op = conv(Window::UNIT, &[1], &[0], &[0.5]);
        let graph = graph(op, tensor(shape, 1.0, 0), tensor(shape, 1.0, 99));
        // 0.5, 1.5, 2.5, -0.5, 63.5, -64
        assert_eq!(run(&graph, &[1, 3, 5, -1, 127, -128]).unwrap()[1], [99, 101, 101, 99, 127, 35]);
    }

    #[test]
    fn groups_read_their_own_channels() {
        let window = Window::UNIT;
        let mut op = conv(window, &[1, 2, 3, 4], &[5, 0, 0, -5], &[1.0; 4]);
        let Op::Conv2d(conv) = &mut op else { panic!() };
        conv.groups = 2;
        let [input, output] = [Shape::new(1, 1, 2), Shape::new(1, 1, 4)];
        let graph = graph(op, tensor(input, 1.0, 0), tensor(output, 1.0, 0));
        assert_eq!(run(&graph, &[10, -1]).unwrap()[1], [15, 20, -3, -9]);
    }

    #[test]
    fn a_max_pool_ignores_padding() {
        let padding = Padding { left: 1, ..Padding::NONE };
        let window = Window { kernel: [1, 2], padding, ..Window::UNIT };
        let shape = Shape::new(1, 3, 1);
        let graph = graph(Op::MaxPool2d(window), tensor(shape, 1.0, 0), tensor(shape, 1.0, 0));
        assert_eq!(run(&graph, &[-9, -20, -7]).unwrap()[1], [-9, -9, -7]);
    }

    #[test]
    fn an_add_of_other_scales_rounds_its_exact_sum_to_even() {
        let shape = Shape::new(1, 4, 1);
        let graph = graph(Op::Add, tensor(shape, 0.25, -1), tensor(shape, 1.0, 2));
        // Twice 0.25, 0.75, 32 and -31.75.
        assert_eq!(run(&graph, &[0, 2, 127, -128]).unwrap()[1], [2, 4, 66, -62]);
    }

    #[test]
    fn an_average_and_a_relu_work_on_reals() {
        let [input, output] = [Shape::new(1, 2, 1), Shape::new(1, 1, 1)];
        let window = Window { kernel: [1, 2], ..Window::UNIT };
        let op = Op::AveragePool2d(window);
        let averaging = graph(op, tensor(input, 1.0, 0), tensor(output, 0.5, 0));
        assert_eq!(run(&averaging, &[3, 4]).unwrap()[1], [7]);
        let clamping = graph(Op::Relu, tensor(input, 1.0, 5), tensor(input, 1.0, 5));
        assert_eq!(run(&clamping, &[4, 6]).unwrap()[1], [5, 6]);
    }

    #[test]
    fn an_accumulator_beyond_int32_is_an_error() {
        let shape = Shape::new(1, 1, 1);
        let op = conv(Window::UNIT, &[127], &[i32::MAX], &[1.0]);
        let graph = graph(op, tensor(shape, 1.0, 0), tensor(shape, 1.0, 0));
        assert_eq!(run(&graph, &[-1]).unwrap()[1], [127]);
        let error = run(&graph, &[1]).unwrap_err();
        assert!(
            matches!(error, QuantizeError::Accumulator { bound: 2_147_483_774, .. }),
            "{error}"
        );
        assert!(matches!(run(&graph, &[]), Err(QuantizeError::InputLength { .. })));
    }

    #[test]
    fn bytes_become_codes_by_subtracting_128() {
        let shape = Shape::new(1, 3, 1);
        let graph =
            graph(Op::MaxPool2d(Window::UNIT), tensor(shape, 1.0, 0), tensor(shape, 1.0, 0));
        assert_eq!(run_picture(&graph, &[0, 128, 255]).unwrap()[1], [-128, 0, 127]);
    }
}
