//! Convolution with fused clamp and max pool.

use crate::random::cells;
use proptest::prelude::{any, prop_assert_eq, prop_assume, proptest};
use thumbnet_kernels::geometry::{Padding, Shape, Window};
use thumbnet_kernels::map::map;
use thumbnet_kernels::portable::{Conv2d, conv2d};
use thumbnet_kernels::requantize::{FixedPoint, Float};
use thumbnet_kernels::scalar::conv2d_scratch_bytes;
use thumbnet_kernels::{Backend, Scalar};

use crate::oracle::{self, at, elements, output_shape, taps};
use crate::random::{self, Random};

/// A layer that owns its constants.
struct Case {
    input: Shape,
    oc: usize,
    window: Window,
    pool: Window,
    zero_point: i8,
    weights: Vec<i8>,
    bias: Vec<i32>,
    multipliers: Vec<i32>,
    output_zero_point: i8,
    clamp: [i8; 2],
    codes: Vec<i8>,
}

impl Case {
    fn random(seed: u64, input: Shape, oc: usize, window: Window, pool: Window) -> Self {
        let mut random = Random::new(seed);
        let filter_len = window.taps() * input.c;
        let [a, b] = [random.code(), random.code()];
        Self {
            input,
            oc,
            window,
            pool,
            zero_point: random.code(),
            weights: random.weights(oc * filter_len),
            bias: random.biases(oc, filter_len as i32 * 128 * 128),
            multipliers: random.multipliers(oc),
            output_zero_point: random.code(),
            clamp: if seed.is_multiple_of(2) { [-128, 127] } else { [a.min(b), a.max(b)] },
            codes: random.codes(input.len()),
        }
    }

    fn layer(&self) -> Conv2d<'_, FixedPoint<'_>> {
        let convolved = output_shape(&self.window, self.input, self.oc);
        Conv2d {
            input: self.input,
            output: output_shape(&self.pool, convolved, self.oc),
            window: self.window,
            pool: self.pool,
            input_zero_point: self.zero_point,
            weights: &self.weights,
            bias: &self.bias,
            requantize: FixedPoint {
                multipliers: &self.multipliers,
                zero_point: self.output_zero_point,
                min: self.clamp[0],
                max: self.clamp[1],
            },
        }
    }

    /// The specification's output, which the kernel for cores without vectors must give too, with the scratch memory
    /// that it wants or less.
    fn run(&self) -> Vec<i8> {
        let layer = self.layer();
        let mut output = vec![0x55; layer.output.len()];
        conv2d(&layer, &cells(&self.codes), map(&mut output));
        let scratch_bytes = conv2d_scratch_bytes(&layer.window, layer.input);
        for scratch_bytes in [scratch_bytes, scratch_bytes.saturating_sub(1), 0] {
            let mut scratch = vec![[0x7e_i8; 8]; scratch_bytes.div_ceil(8)];
            let scratch = &mut scratch.as_flattened_mut()[..scratch_bytes];
            let mut scalar = vec![0x55; layer.output.len()];
            Scalar::conv2d(&layer, &cells(&self.codes), scratch, map(&mut scalar));
            assert_eq!(scalar, output, "scalar, {scratch_bytes} bytes of scratch");
        }
        output
    }

    /// Convolve, requantize everything, then pool: what the fused kernel must equal.
    fn expected(&self) -> Vec<i8> {
        let layer = self.layer();
        let convolved = output_shape(&self.window, self.input, self.oc);
        let codes: Vec<i8> = elements(convolved)
            .map(|[y, x, c]| oracle::requantize(&layer.requantize, self.accumulator([y, x], c), c))
            .collect();
        oracle::max_pool2d(&self.pool, convolved, &codes)
    }

    fn accumulator(&self, position: [usize; 2], channel: usize) -> i64 {
        let mut accumulator = i64::from(self.bias[channel]);
        for (t, tap) in taps(&self.window).into_iter().enumerate() {
            let [row, column] = oracle::tap(&self.window, position, tap);
            for c in 0..self.input.c {
                let code = at(&self.codes, self.input, row, column, c, self.zero_point.into());
                let weight = (channel * self.window.taps() + t) * self.input.c + c;
                accumulator += code * i64::from(self.weights[weight]);
            }
        }
        accumulator
    }
}

#[test]
fn one_by_one_map_is_a_dot_product() {
    for channels in 1..=17 {
        let case = Case::random(
            channels as u64,
            Shape::new(1, 1, channels),
            channels,
            Window::UNIT,
            Window::UNIT,
        );
        assert_eq!(case.run(), case.expected(), "{channels} channels");
    }
}

#[test]
fn every_tail_of_input_and_output_channels_counts() {
    for ic in 1..=9 {
        for oc in [1, 2, 7, 8, 15, 16, 17, 33] {
            let window = Window::square(3, 1);
            let pool = Window::square(2, 2);
            let case = Case::random(7, Shape::new(6, 5, ic), oc, window, pool);
            assert_eq!(case.run(), case.expected(), "{ic} -> {oc}");
        }
    }
}

#[test]
fn padding_reads_the_zero_point_at_its_extremes() {
    for zero_point in [-128, -1, 0, 1, 127] {
        let padding = Padding { top: 1, left: 2, bottom: 3, right: 1 };
        let window = Window { padding, ..Window::square(3, 1) };
        let mut case = Case::random(3, Shape::new(3, 4, 3), 5, window, Window::square(2, 1));
        case.zero_point = zero_point;
        assert_eq!(case.run(), case.expected(), "zero point {zero_point}");
    }
}

#[test]
fn a_map_smaller_than_its_padding_is_convolved() {
    let padding = Padding { top: 4, left: 4, bottom: 4, right: 4 };
    let window = Window { padding, dilation: [3, 2], ..Window::square(3, 2) };
    let case = Case::random(11, Shape::new(1, 2, 3), 4, window, Window::UNIT);
    assert_eq!(case.run(), case.expected());
}

#[test]
fn accumulators_at_the_ends_of_i32_are_exact() {
    let mut case = Case::random(5, Shape::new(1, 1, 1), 4, Window::UNIT, Window::UNIT);
    case.codes = vec![-128];
    case.weights = vec![127, -127, 1, -1];
    case.bias = vec![i32::MIN + 128 * 127, i32::MAX - 128 * 127, i32::MIN + 128, i32::MAX - 128];
    case.multipliers = vec![1, 2, i32::MAX, 255];
    case.clamp = [-128, 127];
    for output_zero_point in [-128, 0, 127] {
        case.output_zero_point = output_zero_point;
        assert_eq!(case.run(), case.expected(), "zero point {output_zero_point}");
    }
}

#[test]
fn relu_is_the_lower_clamp() {
    let mut case = Case::random(8, Shape::new(5, 5, 4), 6, Window::square(3, 1), Window::UNIT);
    case.output_zero_point = -20;
    case.clamp = [-20, 127];
    let output = case.run();
    assert_eq!(output, case.expected());
    assert!(output.contains(&-20), "the case must meet the clamp");
}

#[test]
fn float_requantization_of_a_known_layer_is_that_of_onnxruntime() {
    // 3 * 2 + 1 = 7 and 7 * 0.5 = 3.5, a tie: to the even 4. 5 * 0.5 = 2.5: to the even 2.
    let layer = Conv2d {
        input: Shape::new(1, 2, 1),
        output: Shape::new(1, 2, 1),
        window: Window::UNIT,
        pool: Window::UNIT,
        input_zero_point: 0,
        weights: &[2],
        bias: &[1],
        requantize: Float { factors: &[0.5], zero_point: 3, min: -128, max: 127 },
    };
    let mut output = [0; 2];
    conv2d(&layer, &cells(&[3, 2]), map(&mut output));
    assert_eq!(output, [7, 5]);
}

#[test]
fn a_descriptor_that_lies_leaves_the_output_unwritten() {
    let case = Case::random(1, Shape::new(4, 4, 2), 3, Window::square(3, 1), Window::square(2, 2));
    let layer = case.layer();
    let huge = usize::MAX;
    let lies = [
        Conv2d { input: Shape::new(4, 4, 3), ..layer },
        Conv2d { input: Shape::new(huge, huge, huge), ..layer },
        Conv2d { output: Shape::new(2, 1, 3), ..layer },
        Conv2d { output: Shape::new(1, 1, huge), ..layer },
        Conv2d { weights: &layer.weights[1..], ..layer },
        Conv2d { bias: &layer.bias[1..], ..layer },
        Conv2d { window: Window::square(2, 1), ..layer },
        Conv2d { window: Window::square(0, 1), ..layer },
        Conv2d { window: Window::square(huge, 1), ..layer },
        Conv2d { window: Window { stride: [0, 1], ..layer.window }, ..layer },
        Conv2d { window: Window { dilation: [1, 0], ..layer.window }, ..layer },
        Conv2d { window: Window { dilation: [huge, huge], ..layer.window }, ..layer },
        Conv2d { pool: Window { dilation: [2, 2], ..layer.pool }, ..layer },
        Conv2d { pool: Window { kernel: [0, 2], ..layer.pool }, ..layer },
        Conv2d {
            pool: Window { padding: layer.window.padding, stride: [0, 0], ..layer.pool },
            ..layer
        },
    ];
    for lie in lies {
        let mut output = vec![0x55; layer.output.len()];
        conv2d(&lie, &cells(&case.codes), map(&mut output));
        assert!(output.iter().all(|code| *code == 0x55), "{lie:?}");
    }
    let mut output = vec![0x55; layer.output.len() - 1];
    conv2d(&layer, &cells(&case.codes), map(&mut output));
    assert!(output.iter().all(|code| *code == 0x55));
}

#[test]
fn an_absurd_dilation_of_a_single_tap_changes_nothing() {
    let mut case = Case::random(2, Shape::new(3, 3, 2), 3, Window::UNIT, Window::UNIT);
    let expected = case.expected();
    case.window.dilation = [usize::MAX, usize::MAX];
    let layer = Conv2d { window: case.window, output: Shape::new(3, 3, 3), ..case.layer() };
    let mut output = vec![0; layer.output.len()];
    conv2d(&layer, &cells(&case.codes), map(&mut output));
    assert_eq!(output, expected);
}

proptest! {
    #[test]
    fn random_layers_match_the_oracle(
        seed in any::<u64>(),
        [h, w] in [1..9_usize, 1..9],
        [ic, oc] in [1..9_usize, 1..20],
        window in random::window(4),
        pool in random::pool(),
    ) {
        let input = Shape::new(h, w, ic);
        let fits = window.positions(h, w).and_then(|[h, w]| pool.positions(h, w)).is_some();
        prop_assume!(fits);
        let case = Case::random(seed, input, oc, window, pool);
        prop_assert_eq!(case.run(), case.expected());
    }
}
