//! Max pool and average pool.

use crate::random::cells;
use proptest::prelude::{any, prop_assert_eq, prop_assume, proptest};
use thumbnet_kernels::geometry::{Padding, Shape, Window};
use thumbnet_kernels::map::map;
use thumbnet_kernels::portable::{AveragePool2d, MaxPool2d, average_pool2d, max_pool2d};
use thumbnet_kernels::requantize::FixedPoint;

use crate::oracle::{self, at, elements, output_shape, taps};
use crate::random::{self, Random};

fn check_max(seed: u64, input: Shape, window: Window) -> [Vec<i8>; 2] {
    let codes = Random::new(seed).codes(input.len());
    let layer = MaxPool2d { input, output: output_shape(&window, input, input.c), window };
    let mut output = vec![0x55; layer.output.len()];
    max_pool2d(&layer, &cells(&codes), map(&mut output));
    [output, oracle::max_pool2d(&window, input, &codes)]
}

fn check_average(seed: u64, input: Shape, window: Window) -> [Vec<i8>; 2] {
    let mut random = Random::new(seed);
    let codes = random.codes(input.len());
    let zero_point = random.code();
    let taps = taps(&window);
    let multipliers = [i32::MAX / taps.len() as i32];
    let requantize = FixedPoint { multipliers: &multipliers, zero_point: 3, min: -100, max: 100 };
    let layer = AveragePool2d {
        input,
        output: output_shape(&window, input, input.c),
        window,
        input_zero_point: zero_point,
        bias: -i32::from(zero_point) * taps.len() as i32,
        requantize,
    };
    let mut output = vec![0x55; layer.output.len()];
    average_pool2d(&layer, &cells(&codes), map(&mut output));
    let expected = elements(layer.output).map(|[y, x, c]| {
        let sum: i64 = taps
            .iter()
            .map(|tap| {
                let [row, column] = oracle::tap(&window, [y, x], *tap);
                at(&codes, input, row, column, c, zero_point.into()) - i64::from(zero_point)
            })
            .sum();
        oracle::requantize(&requantize, sum, 0)
    });
    [output, expected.collect()]
}

#[test]
fn a_max_pool_wholly_on_the_padding_gives_the_smallest_code() {
    let padding = Padding { top: 2, left: 2, bottom: 2, right: 2 };
    let window = Window { padding, ..Window::square(2, 2) };
    let [output, expected] = check_max(1, Shape::new(1, 1, 3), window);
    assert_eq!(output, expected);
    assert_eq!(output[..3], [-128; 3]);
}

#[test]
fn both_pools_match_for_every_tail_of_channels() {
    for channels in 1..=35 {
        let shape = Shape::new(5, 7, channels);
        for window in [Window::square(2, 2), Window::square(3, 2), Window::square(5, 1)] {
            let [output, expected] = check_max(2, shape, window);
            assert_eq!(output, expected, "max, {channels} channels");
            let [output, expected] = check_average(2, shape, window);
            assert_eq!(output, expected, "average, {channels} channels");
        }
    }
}

#[test]
fn a_descriptor_that_lies_leaves_the_output_unwritten() {
    let [input, output_shape] = [Shape::new(4, 4, 2), Shape::new(2, 2, 2)];
    let window = Window::square(2, 2);
    let lies = [
        (Shape::new(4, 3, 2), output_shape, window),
        (Shape::new(4, 4, 1), Shape::new(2, 2, 1), window),
        (input, Shape::new(2, 2, 1), window),
        (input, output_shape, Window::square(3, 2)),
        (input, output_shape, Window::square(2, 0)),
    ];
    for (input, output_shape, window) in lies {
        let mut output = [0x55; 8];
        max_pool2d(
            &MaxPool2d { input, output: output_shape, window },
            &cells(&[1; 32]),
            map(&mut output),
        );
        let requantize = FixedPoint { multipliers: &[1], zero_point: 0, min: -128, max: 127 };
        let layer = AveragePool2d {
            input,
            output: output_shape,
            window,
            input_zero_point: 0,
            bias: 0,
            requantize,
        };
        average_pool2d(&layer, &cells(&[1; 32]), map(&mut output));
        assert_eq!(output, [0x55; 8], "{input:?} {output_shape:?} {window:?}");
    }
}

proptest! {
    #[test]
    fn random_pools_match_the_oracle(
        seed in any::<u64>(),
        [h, w] in [1..10_usize, 1..10],
        channels in 1..36_usize,
        window in random::window(4),
    ) {
        prop_assume!(window.positions(h, w).is_some());
        let shape = Shape::new(h, w, channels);
        let [output, expected] = check_max(seed, shape, window);
        prop_assert_eq!(output, expected);
        let [output, expected] = check_average(seed, shape, window);
        prop_assert_eq!(output, expected);
    }
}
