//! Two small layers as onnxruntime computes them. `golden.txt` holds its results and version, `golden.py`
//! wrote it.

use crate::random::cells;
use thumbnet_kernels::geometry::{Padding, Shape, Window};
use thumbnet_kernels::map::map;
use thumbnet_kernels::portable::{Conv2d, DepthwiseConv2d, conv2d, depthwise_conv2d};
use thumbnet_kernels::requantize::Float;

const GOLDEN: &str = include_str!("golden.txt");
const INPUT_ZERO_POINT: i8 = -7;
const OUTPUT_ZERO_POINT: i8 = 11;
const INPUT_SCALE: f32 = 1.0 / 32.0;
const OUTPUT_SCALE: f32 = 1.0 / 4.0;
const WEIGHT_SCALES: [f32; 5] = [0.004, 0.011, 0.0071, 0.02, 0.0033];
const BIAS: [i32; 5] = [100, -300, 0, 900, -50];

/// The generator of `golden.py`.
struct Codes(u32);

impl Codes {
    fn take(&mut self, len: usize) -> Vec<i8> {
        let next = |_| {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.0 >> 24) as i8
        };
        (0..len).map(next).collect()
    }
}

fn expected(layer: &str) -> Vec<i8> {
    let line = GOLDEN.lines().find_map(|line| line.strip_prefix(layer)).expect("a golden layer");
    line.split_whitespace().map(|code| code.parse().expect("an int8")).collect()
}

fn factors() -> [f32; 5] {
    WEIGHT_SCALES.map(|scale| INPUT_SCALE * scale / OUTPUT_SCALE)
}

/// Folds the input's zero point into the bias, as the compiler does.
fn folded(weights_of: impl Fn(usize) -> i32) -> [i32; 5] {
    [0, 1, 2, 3, 4].map(|c| BIAS[c] - i32::from(INPUT_ZERO_POINT) * weights_of(c))
}

fn total<'a>(weights: impl Iterator<Item = &'a i8>) -> i32 {
    weights.map(|weight| i32::from(*weight)).sum()
}

#[test]
fn convolution_and_max_pool_are_those_of_onnxruntime() {
    let mut codes = Codes(1);
    let input = Shape::new(7, 6, 3);
    let [inputs, weights] = [codes.take(input.len()), codes.take(5 * 27)];
    let factors = factors();
    let layer = Conv2d {
        input,
        output: Shape::new(3, 2, 5),
        window: Window {
            padding: Padding { top: 1, left: 0, bottom: 1, right: 1 },
            ..Window::square(3, 1)
        },
        pool: Window::square(2, 2),
        input_zero_point: INPUT_ZERO_POINT,
        weights: &weights,
        bias: &folded(|c| total(weights[27 * c..][..27].iter())),
        requantize: Float { factors: &factors, zero_point: OUTPUT_ZERO_POINT, min: -128, max: 127 },
    };
    let mut output = vec![0; layer.output.len()];
    conv2d(&layer, &cells(&inputs), map(&mut output));
    assert_eq!(output, expected("conv2d"));
}

#[test]
fn depthwise_convolution_is_that_of_onnxruntime() {
    let mut codes = Codes(1);
    codes.take(7 * 6 * 3 + 5 * 27);
    let input = Shape::new(6, 5, 5);
    // The file's order is [c, kh, kw], the kernel's [kh, kw, c].
    let [inputs, by_channel] = [codes.take(input.len()), codes.take(5 * 9)];
    let weights: Vec<i8> = (0..45).map(|i| by_channel[i % 5 * 9 + i / 5]).collect();
    let factors = factors();
    let layer = DepthwiseConv2d {
        input,
        output: Shape::new(3, 3, 5),
        window: Window {
            padding: Padding { top: 1, left: 1, bottom: 1, right: 1 },
            ..Window::square(3, 2)
        },
        input_zero_point: INPUT_ZERO_POINT,
        weights: &weights,
        bias: &folded(|c| total(by_channel[9 * c..][..9].iter())),
        requantize: Float { factors: &factors, zero_point: OUTPUT_ZERO_POINT, min: -128, max: 127 },
    };
    let mut output = vec![0; layer.output.len()];
    depthwise_conv2d(&layer, &cells(&inputs), map(&mut output));
    assert_eq!(output, expected("depthwise_conv2d"));
}
