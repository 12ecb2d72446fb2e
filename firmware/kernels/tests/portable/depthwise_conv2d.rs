//! Depthwise convolution.

use crate::random::cells;
use proptest::prelude::{any, prop_assert_eq, prop_assume, proptest};
use thumbnet_kernels::geometry::{Padding, Shape, Window};
use thumbnet_kernels::map::map;
use thumbnet_kernels::portable::{DepthwiseConv2d, depthwise_conv2d};
use thumbnet_kernels::requantize::FixedPoint;

use crate::oracle::{self, at, elements, output_shape, taps};
use crate::random::{self, Random};

fn check(seed: u64, input: Shape, window: Window) -> [Vec<i8>; 2] {
    let mut random = Random::new(seed);
    let weights = random.weights(window.taps() * input.c);
    let bias = random.biases(input.c, window.taps() as i32 * 128 * 128);
    let multipliers = random.multipliers(input.c);
    let codes = random.codes(input.len());
    let zero_point = random.code();
    let requantize = FixedPoint {
        multipliers: &multipliers,
        zero_point: random.code(),
        min: random.code().min(0),
        max: random.code().max(0),
    };
    let layer = DepthwiseConv2d {
        input,
        output: output_shape(&window, input, input.c),
        window,
        input_zero_point: zero_point,
        weights: &weights,
        bias: &bias,
        requantize,
    };
    let mut output = vec![0x55; layer.output.len()];
    depthwise_conv2d(&layer, &cells(&codes), map(&mut output));

    let expected = elements(layer.output).map(|[y, x, c]| {
        let mut accumulator = i64::from(bias[c]);
        for (t, tap) in taps(&window).into_iter().enumerate() {
            let [row, column] = oracle::tap(&window, [y, x], tap);
            let code = at(&codes, input, row, column, c, zero_point.into());
            accumulator += code * i64::from(weights[t * input.c + c]);
        }
        oracle::requantize(&requantize, accumulator, c)
    });
    [output, expected.collect()]
}

#[test]
fn every_tail_of_channels_counts() {
    for channels in 1..=35 {
        let [output, expected] = check(1, Shape::new(4, 5, channels), Window::square(3, 1));
        assert_eq!(output, expected, "{channels} channels");
    }
}

#[test]
fn same_padding_with_stride_two_matches() {
    let padding = Padding { top: 0, left: 0, bottom: 1, right: 1 };
    let window = Window { padding, ..Window::square(3, 2) };
    let [output, expected] = check(2, Shape::new(8, 8, 8), window);
    assert_eq!(output, expected);
}

#[test]
fn a_window_over_the_whole_map_matches() {
    let [output, expected] = check(3, Shape::new(7, 7, 19), Window::square(7, 1));
    assert_eq!(output, expected);
}

#[test]
fn a_descriptor_that_lies_leaves_the_output_unwritten() {
    let shape = Shape::new(3, 3, 2);
    let layer = DepthwiseConv2d {
        input: shape,
        output: Shape::new(2, 2, 2),
        window: Window::square(2, 1),
        input_zero_point: 0,
        weights: &[1; 8],
        bias: &[0; 2],
        requantize: FixedPoint { multipliers: &[1; 2], zero_point: 0, min: -128, max: 127 },
    };
    let lies = [
        DepthwiseConv2d { input: Shape::new(3, 3, 1), ..layer },
        DepthwiseConv2d { output: Shape::new(2, 2, 3), ..layer },
        DepthwiseConv2d { weights: &[1; 7], ..layer },
        DepthwiseConv2d { bias: &[0; 3], ..layer },
        DepthwiseConv2d { window: Window::square(2, 0), ..layer },
        DepthwiseConv2d { window: Window::square(4, 1), ..layer },
    ];
    for lie in lies {
        let mut output = [0x55; 8];
        depthwise_conv2d(&lie, &cells(&[1; 18]), map(&mut output));
        assert_eq!(output, [0x55; 8], "{lie:?}");
    }
}

proptest! {
    #[test]
    fn random_layers_match_the_oracle(
        seed in any::<u64>(),
        [h, w] in [1..9_usize, 1..9],
        channels in 1..36_usize,
        window in random::window(4),
    ) {
        prop_assume!(window.positions(h, w).is_some());
        let [output, expected] = check(seed, Shape::new(h, w, channels), window);
        prop_assert_eq!(output, expected);
    }
}
