//! Average pool in f32, against its orders of sums written out, and against exact means where f32 is exact.

use crate::oracle::{self, at, elements, output_shape, taps};
use crate::random::{self, Random, cells};
use proptest::prelude::{any, prop_assert_eq, prop_assume, proptest};
use thumbnet_kernels::geometry::{Padding, Shape, Window};
use thumbnet_kernels::map::map;
use thumbnet_kernels::portable::{AveragePoolFloat, SumOrder, average_pool_float};
use thumbnet_kernels::requantize::Rounding;

const PLAIN: Rounding = Rounding { addend: 0.0, offset: 0, min: -128, max: 127 };

fn layer(input: Shape, window: Window, order: SumOrder) -> AveragePoolFloat {
    AveragePoolFloat {
        input,
        output: output_shape(&window, input, input.c),
        window,
        order,
        counts_padding: false,
        input_zero_point: 0,
        scales: [1.0, 1.0],
        rounding: PLAIN,
    }
}

fn run(layer: &AveragePoolFloat, codes: &[i8]) -> Vec<i8> {
    let mut output = vec![0x55; layer.output.len()];
    average_pool_float(layer, &cells(codes), map(&mut output));
    output
}

/// The numbers under each window, row by row; `None` on the padding.
fn windows(layer: &AveragePoolFloat, codes: &[i8]) -> Vec<Vec<Option<f32>>> {
    let outside = 1_000;
    let number = |[y, x, c]: [usize; 3], tap| {
        let [row, column] = oracle::tap(&layer.window, [y, x], tap);
        let code = at(codes, layer.input, row, column, c, outside);
        let step = code - i64::from(layer.input_zero_point);
        (code != outside).then_some(step as f32 * layer.scales[0])
    };
    let window =
        |element| taps(&layer.window).into_iter().map(|tap| number(element, tap)).collect();
    elements(layer.output).map(window).collect()
}

fn sum(layer: &AveragePoolFloat, numbers: &[Option<f32>], channel: usize) -> f32 {
    let numbers: Vec<f32> = numbers.iter().map(|number| number.unwrap_or(0.0)).collect();
    let columns = layer.window.kernel[1];
    let four = |numbers: &[f32]| [0, 1, 2, 3].map(|lane| numbers[lane]);
    let across = |sums: [f32; 4]| (sums[0] + sums[2]) + (sums[1] + sums[3]);
    let plus = |sums: [f32; 4], more: [f32; 4]| [0, 1, 2, 3].map(|lane| sums[lane] + more[lane]);
    match layer.order {
        SumOrder::Rows => numbers.iter().sum(),
        SumOrder::Columns => {
            (0..columns).map(|column| numbers[column..].iter().step_by(columns).sum::<f32>()).sum()
        }
        SumOrder::Lanes => {
            let (packets, rest) = numbers.split_at(numbers.len() / 4 * 4);
            let sums = packets.chunks(4).map(four).fold([0.0; 4], plus);
            rest.iter().fold(across(sums), |sum, number| sum + number)
        }
        SumOrder::Packets => {
            let before = ((4 - channel * numbers.len() % 4) % 4).min(numbers.len());
            let count = (numbers.len() - before) / 4;
            if count == 0 {
                return numbers.iter().sum();
            }
            let packets: Vec<[f32; 4]> = numbers[before..].chunks_exact(4).map(four).collect();
            let even = packets[..count / 2 * 2].iter().step_by(2).copied().fold([0.0; 4], plus);
            let odd =
                packets[..count / 2 * 2].iter().skip(1).step_by(2).copied().fold([0.0; 4], plus);
            let last = packets[count / 2 * 2..].iter().copied();
            let whole = across(last.fold(plus(even, odd), plus));
            let rest = numbers[..before].iter().chain(&numbers[before + 4 * count..]);
            rest.fold(whole, |sum, number| sum + number)
        }
    }
}

fn expected(layer: &AveragePoolFloat, codes: &[i8]) -> Vec<i8> {
    let code = |(index, numbers): (usize, Vec<Option<f32>>)| {
        let inside = numbers.iter().flatten().count();
        let count = if layer.counts_padding { numbers.len() } else { inside.max(1) };
        let mean = sum(layer, &numbers, index % layer.input.c) / count as f32;
        let Rounding { addend, offset, min, max } = layer.rounding;
        let rounded = (mean / layer.scales[1] + addend).round_ties_even() + f32::from(offset);
        rounded.clamp(min.into(), max.into()) as i8
    };
    windows(layer, codes).into_iter().enumerate().map(code).collect()
}

#[test]
fn exact_sums_give_the_exact_mean_in_every_order() {
    let orders = [SumOrder::Rows, SumOrder::Columns, SumOrder::Lanes, SumOrder::Packets];
    for (h, w) in (1..=5).flat_map(|h| (1..=5).map(move |w| (h, w))) {
        let shape = Shape::new(h, w, 5);
        let codes = Random::new(3).codes(shape.len());
        let window = Window { kernel: [h, w], ..Window::UNIT };
        let sums = |c: usize| codes[c..].iter().step_by(5).map(|code| i64::from(*code)).sum();
        let means: Vec<i8> = (0..5)
            .map(|c| {
                let sum: i64 = sums(c);
                (sum as f32 / (h * w) as f32).round_ties_even() as i8
            })
            .collect();
        for order in orders {
            assert_eq!(run(&layer(shape, window, order), &codes), means, "{h} x {w}, {order:?}");
        }
    }
}

#[test]
fn the_order_of_a_sum_decides_its_last_bit() {
    let shape = Shape::new(3, 3, 64);
    // Real numbers of one step so that half of the means are ties, which rounding errors break.
    let scales = [0.1, 0.1 * 2.0 / 9.0];
    let codes: Vec<i8> = Random::new(5).codes(shape.len()).iter().map(|code| code / 8).collect();
    let orders = [SumOrder::Rows, SumOrder::Columns, SumOrder::Lanes, SumOrder::Packets];
    let mut made = orders.map(|order| {
        let layer = AveragePoolFloat { scales, ..layer(shape, Window::square(3, 1), order) };
        assert_eq!(run(&layer, &codes), expected(&layer, &codes), "{order:?}");
        run(&layer, &codes)
    });
    made.sort();
    assert!(made.windows(2).all(|pair| pair[0] != pair[1]), "two orders are the same");
}

#[test]
fn padding_counts_only_if_the_layer_says_so() {
    let padding = Padding { top: 1, left: 1, bottom: 0, right: 0 };
    let window = Window { padding, ..Window::square(2, 1) };
    let mut layer = layer(Shape::new(1, 1, 1), window, SumOrder::Rows);
    assert_eq!(run(&layer, &[100]), [100]);
    layer.counts_padding = true;
    assert_eq!(run(&layer, &[100]), [25]);
    layer.input_zero_point = -128;
    assert_eq!(run(&layer, &[-28]), [25], "padding is real 0, not code 0");
}

#[test]
fn a_window_wholly_on_the_padding_has_the_mean_0() {
    let padding = Padding { top: 2, left: 0, bottom: 0, right: 0 };
    let window = Window { padding, ..Window::square(1, 1) };
    let mut layer = layer(Shape::new(1, 1, 1), window, SumOrder::Columns);
    layer.rounding.offset = 7;
    assert_eq!(run(&layer, &[50]), [7, 7, 57]);
}

#[test]
fn a_tie_falls_where_the_zero_point_is_added() {
    let mut layer = layer(Shape::new(1, 2, 1), Window::square(1, 1), SumOrder::Rows);
    layer.scales = [0.5, 1.0];
    layer.rounding = Rounding { offset: 1, ..PLAIN };
    assert_eq!(run(&layer, &[1, 3]), [1, 3]);
    layer.rounding = Rounding { addend: 1.0, ..PLAIN };
    assert_eq!(run(&layer, &[1, 3]), [2, 2]);
}

#[test]
fn a_descriptor_that_lies_leaves_the_output_unwritten() {
    let sound = layer(Shape::new(4, 4, 1), Window::square(2, 2), SumOrder::Rows);
    let lies = [
        AveragePoolFloat { order: SumOrder::Lanes, ..sound },
        AveragePoolFloat { order: SumOrder::Packets, ..sound },
        AveragePoolFloat { input: Shape::new(4, 3, 1), ..sound },
        AveragePoolFloat { output: Shape::new(2, 2, 2), ..sound },
        AveragePoolFloat { window: Window::square(2, 0), ..sound },
    ];
    for lie in lies {
        let mut output = [0x55; 4];
        average_pool_float(&lie, &cells(&[1; 16]), map(&mut output));
        assert_eq!(output, [0x55; 4], "{lie:?}");
    }
}

proptest! {
    #[test]
    fn random_means_match_the_order_written_out(
        seed in any::<u64>(),
        [h, w, c] in [1..8_usize, 1..8, 1..8],
        window in random::window(4),
        scales in [1e-3..1.0_f32, 1e-3..1.0_f32],
        order in 0..4_usize,
        counts_padding in any::<bool>(),
    ) {
        let whole = Window { kernel: [h, w], ..Window::UNIT };
        let orders = [SumOrder::Rows, SumOrder::Columns, SumOrder::Lanes, SumOrder::Packets];
        let window = if order < 2 { window } else { whole };
        prop_assume!(window.positions(h, w).is_some());
        let mut random = Random::new(seed);
        let [one, other] = [random.code(), random.code()];
        let rounding = Rounding {
            addend: f32::from(random.code()),
            offset: i16::from(random.code()),
            min: one.min(other),
            max: one.max(other),
        };
        let layer = AveragePoolFloat {
            counts_padding,
            input_zero_point: random.code(),
            scales,
            rounding,
            ..layer(Shape::new(h, w, c), window, orders[order])
        };
        let codes = random.codes(layer.input.len());
        prop_assert_eq!(run(&layer, &codes), expected(&layer, &codes));
    }
}
