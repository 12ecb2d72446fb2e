//! Packed layers equal the plain ones: in their portable meaning, and on ARMv7E-M by its models.
//!
//! The same cases run on the real instructions in `firmware/boards/qemu-kernel-tests`.

extern crate alloc;

mod cases;
mod extremes;
mod overlap;

use cases::{Convolution, Depthwise, FullyConnected, Kind, cells};
use thumbnet_kernels::geometry::{Padding, Shape, Window};
use thumbnet_kernels::map::map;
use thumbnet_kernels::packed::{
    pack_compact_winograd4, pack_deep, pack_dense, pack_winograd, pack_winograd4,
};
use thumbnet_kernels::requantize::Requantize;
use thumbnet_kernels::{Armv7em, Portable};

fn check(case: &Convolution, kind: Kind) {
    check_form(case, kind, case.fixed());
    check_form(case, kind, case.float());
    check_form(case, kind, case.mixed(&case.mixed_scales()));
}

fn check_form(case: &Convolution, kind: Kind, form: impl Requantize) {
    let expected = case.plain(form);
    assert_eq!(case.run::<Portable>(kind, form), expected, "portable, {kind:?}: {case:?}");
    assert_eq!(case.run::<Armv7em>(kind, form), expected, "armv7em, {kind:?}: {case:?}");
}

/// Both kernels with tiles of 4 x 4 outputs.
fn check_large_tiles(case: &Convolution) {
    check(case, Kind::Winograd4);
    check(case, Kind::CompactWinograd4);
}

fn check_dense(case: &FullyConnected) {
    let expected = case.plain();
    assert_eq!(case.run::<Portable>(), expected, "portable: {case:?}");
    assert_eq!(case.run::<Armv7em>(), expected, "armv7em: {case:?}");
}

#[test]
fn random_deep_convolutions_match() {
    for seed in 0..400 {
        check(&Convolution::random(seed, Kind::Deep), Kind::Deep);
    }
}

#[test]
fn random_pointwise_convolutions_match() {
    for seed in 0..400 {
        check(&Convolution::random(seed, Kind::Pointwise), Kind::Pointwise);
    }
}

#[test]
fn every_tail_of_pointwise_channels_and_pixels_matches() {
    let new = |seed, shape, oc| Convolution::new(seed, shape, oc, Window::UNIT, Window::UNIT);
    for channels in 1..=33 {
        check(&new(1, Shape::new(1, channels, 3), 4), Kind::Pointwise);
        check(&new(2, Shape::new(3, 3, channels), 3), Kind::Pointwise);
        check(&new(3, Shape::new(2, 3, 16), channels), Kind::Pointwise);
        check(&new(4, Shape::new(1, 1, 32), channels), Kind::Pointwise);
    }
}

#[test]
fn random_shallow_convolutions_match() {
    for seed in 0..400 {
        check(&Convolution::random(seed, Kind::Shallow), Kind::Shallow);
    }
}

#[test]
fn random_winograd_convolutions_match() {
    for seed in 0..400 {
        check(&Convolution::random(seed, Kind::Winograd), Kind::Winograd);
    }
}

#[test]
fn random_winograd4_convolutions_match() {
    for seed in 0..400 {
        check_large_tiles(&Convolution::random(seed, Kind::Winograd4));
    }
}

#[test]
fn winograd4_matches_at_every_size_and_tail() {
    let padding = Padding { top: 1, left: 1, bottom: 1, right: 1 };
    let same = Window { padding, ..Window::square(3, 1) };
    let small = |seed, shape, oc, window| {
        let mut case = Convolution::new(seed, shape, oc, window, Window::UNIT);
        case.bias.iter_mut().for_each(|bias| *bias %= 1 << 20);
        case
    };
    for size in 1..=18 {
        check_large_tiles(&small(5, Shape::new(size, 19 - size, 5), 3, same));
    }
    for channels in 1..=17 {
        let window = Window::square(3, 1);
        check_large_tiles(&small(1, Shape::new(7, 10, channels), 4, window));
        check_large_tiles(&small(2, Shape::new(7, 10, 8), channels, same));
    }
}

#[test]
fn the_largest_transformed_values_of_large_tiles_are_exact() {
    extremes::large_tiles().for_each(|case| check_large_tiles(&case));
}

#[test]
fn accumulators_just_below_two_to_the_25_are_exact() {
    for mut case in extremes::large_accumulators() {
        check_large_tiles(&case);
        case.bias[0] += case.bias[0].signum();
        let ic = case.input.c;
        assert!(pack_winograd4(&case.weights, &case.bias, ic).is_none(), "2^25 is too much");
        assert!(pack_compact_winograd4(&case.weights, &case.bias, ic).is_none(), "here, too");
    }
}

#[test]
fn winograd_matches_at_every_size_and_tail() {
    let padding = Padding { top: 1, left: 1, bottom: 1, right: 1 };
    for pool in [Window::UNIT, Window::square(2, 2), Window::square(2, 1)] {
        for size in 2..=9 {
            let window = Window { padding, ..Window::square(3, 1) };
            let shape = Shape::new(size, 11 - size, 5);
            check(&Convolution::new(5, shape, 3, window, pool), Kind::Winograd);
        }
        for channels in 1..=17 {
            let window = Window::square(3, 1);
            let shape = Shape::new(5, 6, channels);
            check(&Convolution::new(1, shape, 4, window, pool), Kind::Winograd);
            let shape = Shape::new(5, 6, 8);
            check(&Convolution::new(2, shape, channels, window, pool), Kind::Winograd);
        }
    }
}

#[test]
fn the_largest_transformed_values_are_exact() {
    // Signs as in the rows of the transformations make each of the 16 elements the largest in turn.
    let rows = [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]];
    for (down, across) in (0..16).map(|element| (element / 4, element % 4)) {
        for [positive, negative] in [[127, -128], [-128, 127]] {
            let mut case =
                Convolution::new(7, Shape::new(4, 4, 64), 2, Window::square(3, 1), Window::UNIT);
            for (pixel, codes) in case.codes.chunks_mut(64).enumerate() {
                let sign = rows[down][pixel / 4] * rows[across][pixel % 4];
                codes.fill(if sign < 0 { negative } else { positive });
            }
            for (index, weight) in case.weights.iter_mut().enumerate() {
                let tap = index / 64 % 9;
                let odd = (tap / 3 == 1 && down == 2) != (tap % 3 == 1 && across == 2);
                *weight = if odd != (index / 576 == 1) { 127 } else { -128 };
            }
            case.bias.fill(0);
            case.multipliers.fill(50_000);
            case.clamp = [-128, 127];
            check(&case, Kind::Winograd);
        }
    }
}

#[test]
fn every_tail_of_channels_matches() {
    let [window, pool] = [Window::square(3, 1), Window::square(2, 2)];
    for channels in 1..=17 {
        let shape = Shape::new(5, 6, channels);
        check(&Convolution::new(1, shape, 4, window, pool), Kind::Deep);
        check(&Convolution::new(2, shape, channels, window, Window::UNIT), Kind::Deep);
        let shape = Shape::new(6, 5, 1);
        check(&Convolution::new(3, shape, channels, window, pool), Kind::Shallow);
        check(&Convolution::new(4, shape, channels, window, Window::UNIT), Kind::Shallow);
    }
}

#[test]
fn every_width_of_a_row_matches_without_a_pool() {
    let padding = Padding { top: 1, left: 1, bottom: 1, right: 1 };
    let window = Window { padding, ..Window::square(3, 1) };
    for width in 1..=9 {
        check(&Convolution::new(5, Shape::new(2, width, 8), 5, window, Window::UNIT), Kind::Deep);
        let shape = Shape::new(2, width, 3);
        check(&Convolution::new(6, shape, 5, window, Window::UNIT), Kind::Shallow);
    }
}

#[test]
fn the_largest_sums_are_exact() {
    // 3 * 3 * 56 = 504 taps of 127 * -128 each: the plain sum and the mixed lanes at their limits.
    let layers = [
        (Kind::Deep, Shape::new(4, 4, 56), Window::square(3, 1)),
        (Kind::Pointwise, Shape::new(3, 3, 504), Window::UNIT),
    ];
    let weights = [[127, 127], [-127, 127], [127, -127], [-127, -127]];
    for ((kind, shape, window), [even, odd]) in
        layers.into_iter().flat_map(|layer| weights.map(|weights| (layer, weights)))
    {
        for code in [-128, 127] {
            let mut case = Convolution::new(7, shape, 4, window, Window::UNIT);
            let filters = case.weights.chunks_mut(504).enumerate();
            filters.for_each(|(channel, filter)| filter.fill([even, odd][channel % 2]));
            case.codes.fill(code);
            case.bias.fill(0);
            case.multipliers.fill(50_000);
            case.clamp = [-128, 127];
            check(&case, kind);
        }
    }
}

#[test]
fn random_dense_layers_match() {
    for seed in 0..200 {
        let mut random = cases::Random::new(seed);
        let [inputs, outputs] = [1 + random.below(90), 1 + random.below(40)];
        check_dense(&FullyConnected::new(seed, inputs, outputs));
    }
    check_dense(&FullyConnected::new(1, 1600, 64));
}

#[test]
fn the_largest_sums_of_dense_layers_of_any_length_are_exact() {
    for inputs in [511, 512, 513, 527, 1024, 1600, 2047] {
        for weights in [[127, 127], [-127, 127], [127, -127], [-127, -127]] {
            for code in [-128, 127] {
                check_dense(&FullyConnected::extreme(inputs, weights, code));
            }
        }
        let mut random = cases::Random::new(inputs as u64);
        check_dense(&FullyConnected::new(3, inputs, 1 + random.below(20)));
    }
}

#[test]
fn every_tail_of_inputs_and_outputs_matches() {
    for inputs in 1..=34 {
        for outputs in [1, 2, 7, 8, 9, 10, 15, 16, 17] {
            check_dense(&FullyConnected::new(3, inputs, outputs));
        }
    }
}

#[test]
fn random_depthwise_convolutions_match() {
    for seed in 0..400 {
        let case = Depthwise::random(seed);
        assert_eq!(case.run::<Armv7em>(), case.plain(), "{case:?}");
        let [result, plain] = case.run_float::<Armv7em>();
        assert_eq!(result, plain, "in f32: {case:?}");
        let [result, plain] = case.run_mixed::<Armv7em>();
        assert_eq!(result, plain, "mixed: {case:?}");
    }
}

#[test]
fn depthwise_convolutions_may_write_over_their_input() {
    let padding = Padding { top: 1, left: 1, bottom: 1, right: 1 };
    for [stride, channels] in [[1, 4], [1, 7], [1, 16], [2, 3], [2, 8]] {
        for input in [Shape::new(25, 5, channels), Shape::new(9, 40, channels)] {
            let window = Window { padding, ..Window::square(3, stride) };
            let case = Depthwise::new(11, input, window);
            for shift in 0..3 {
                assert_eq!(case.run_in_place::<Armv7em>(shift), case.plain(), "{input:?}");
            }
        }
    }
}

#[test]
fn every_tail_of_depthwise_channels_matches() {
    let padding = Padding { top: 1, left: 1, bottom: 1, right: 1 };
    for stride in [1, 2] {
        let window = Window { padding, ..Window::square(3, stride) };
        for channels in 1..=13 {
            let case = Depthwise::new(9, Shape::new(5, 37, channels), window);
            assert_eq!(case.run::<Armv7em>(), case.plain(), "{channels}, stride {stride}");
        }
    }
}

#[test]
fn pools_of_large_and_dilated_windows_match() {
    // 256 taps fit a halfword at either end, 272 do not.
    let dilated = Window { dilation: [2, 2], ..Window::square(2, 1) };
    for (side, window) in [
        ([16, 16], Window { kernel: [16, 16], ..Window::square(1, 1) }),
        ([16, 17], Window { kernel: [16, 17], ..Window::square(1, 1) }),
        ([25, 5], Window { kernel: [25, 5], ..Window::square(1, 1) }),
        ([9, 7], dilated),
    ] {
        for channels in [1, 4, 7, 8, 12, 19] {
            let input = Shape::new(side[0], side[1], channels);
            let portable = cases::pools::<Portable>(5, input, window);
            assert_eq!(cases::pools::<Armv7em>(5, input, window), portable, "{window:?}");
        }
    }
}

#[test]
fn random_pools_match() {
    for seed in 0..400 {
        let (input, window) = cases::random_pool(seed);
        let portable = cases::pools::<Portable>(seed, input, window);
        assert_eq!(cases::pools::<Armv7em>(seed, input, window), portable, "{input:?} {window:?}");
    }
}

#[test]
fn random_sums_match() {
    for seed in 0..400 {
        let (layer, mut random) = (cases::random_sum(seed), cases::Random::new(seed));
        let len = random.below(40);
        let [lhs, rhs] = [0; 2].map(|_| (0..len).map(|_| random.code()).collect::<Vec<i8>>());
        let portable = cases::sum::<Portable>(&layer, &lhs, &rhs);
        assert_eq!(cases::sum::<Armv7em>(&layer, &lhs, &rhs), portable, "{layer:?}");
    }
}

#[test]
fn weights_that_are_not_exact_are_not_packed() {
    assert!(pack_dense(&[-1, -128], 1).is_none(), "a lane of -1 - 256 * 128 has no 16 bits");
    assert!(pack_dense(&[1, -128], 1).is_some());
    assert!(pack_dense(&[127; 2 * 5000], 5000).is_some(), "512 * 127 * 128 < 2^23");
    let inputs = 700;
    let mut weights = vec![127; 2 * inputs];
    weights[inputs..].fill(-128);
    assert!(pack_dense(&weights, inputs).is_none(), "512 * 128 * 128 = 2^23");
    weights[inputs + 3] = -127;
    assert!(pack_dense(&weights, inputs).is_some(), "one less in the first run, few in the second");
    assert!(pack_deep(&[127; 2 * 9 * 64], &Window::square(3, 1), 64).is_none());
    assert!(pack_winograd(&[-128; 9 * 3640], 3640).is_some(), "9 * 3640 * 128 * 128 < 2^29");
    assert!(pack_winograd(&[-128; 9 * 3641], 3641).is_none(), "9 * 3641 * 128 * 128 > 2^29");
}

#[test]
fn too_little_scratch_leaves_the_output_unwritten() {
    for kind in Kind::ALL {
        let input = Shape::new(6, 6, if kind == Kind::Shallow { 1 } else { 9 });
        let window = if kind == Kind::Pointwise { Window::UNIT } else { Window::square(3, 1) };
        let mut case = Convolution::new(1, input, 3, window, Window::UNIT);
        case.bias.fill(0);
        let weights = case.pack(kind);
        let layer = case.packed(&weights, case.fixed());
        let mut scratch = vec![0; case.scratch_bytes(kind) - 1];
        let mut output = vec![0x55; layer.output.len()];
        kind.run::<Portable>(&layer, &cells(&case.codes), &mut scratch, map(&mut output));
        kind.run::<Armv7em>(&layer, &cells(&case.codes), &mut scratch, map(&mut output));
        assert!(output.iter().all(|code| *code == 0x55), "{kind:?}");
    }
}
