//! Packed layers equal the plain ones: in their portable meaning, and on ARMv7E-M by its models.
//!
//! The same cases run on the real instructions in `firmware/boards/qemu-kernel-tests`.

extern crate alloc;

mod cases;

use cases::{Convolution, Depthwise, FullyConnected, Kind};
use thumbnet_kernels::geometry::{Padding, Shape, Window};
use thumbnet_kernels::packed::{deep_scratch_bytes, pack_deep, pack_dense, shallow_scratch_bytes};
use thumbnet_kernels::{Armv7em, Backend, Portable};

fn check(case: &Convolution, kind: Kind) {
    let expected = case.plain();
    assert_eq!(case.run::<Portable>(kind), expected, "portable, {kind:?}: {case:?}");
    assert_eq!(case.run::<Armv7em>(kind), expected, "armv7em, {kind:?}: {case:?}");
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
fn random_shallow_convolutions_match() {
    for seed in 0..400 {
        check(&Convolution::random(seed, Kind::Shallow), Kind::Shallow);
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
    let window = Window::square(3, 1);
    for [even, odd] in [[127, 127], [-127, 127], [127, -127], [-127, -127]] {
        for code in [-128, 127] {
            let mut case = Convolution::new(7, Shape::new(4, 4, 56), 4, window, Window::UNIT);
            let filters = case.weights.chunks_mut(504).enumerate();
            filters.for_each(|(channel, filter)| filter.fill([even, odd][channel % 2]));
            case.codes.fill(code);
            case.bias.fill(0);
            case.multipliers.fill(50_000);
            case.clamp = [-128, 127];
            check(&case, Kind::Deep);
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
}

#[test]
fn too_little_scratch_leaves_the_output_unwritten() {
    let case = Convolution::new(1, Shape::new(6, 6, 9), 3, Window::square(3, 1), Window::UNIT);
    let weights = case.pack(Kind::Deep);
    let layer = case.packed(&weights);
    let mut scratch = vec![0; deep_scratch_bytes(&case.window, &case.pool, case.input) - 1];
    let mut output = vec![0x55; layer.output.len()];
    Portable::deep_conv2d(&layer, &case.codes, &mut scratch, &mut output);
    Armv7em::deep_conv2d(&layer, &case.codes, &mut scratch, &mut output);
    assert!(output.iter().all(|code| *code == 0x55));

    let case = Convolution::new(1, Shape::new(6, 6, 1), 3, Window::square(3, 1), Window::UNIT);
    let weights = case.pack(Kind::Shallow);
    let layer = case.packed(&weights);
    let mut scratch = vec![0; shallow_scratch_bytes(&case.window, case.input) - 1];
    let mut output = vec![0x55; layer.output.len()];
    Portable::shallow_conv2d(&layer, &case.codes, &mut scratch, &mut output);
    Armv7em::shallow_conv2d(&layer, &case.codes, &mut scratch, &mut output);
    assert!(output.iter().all(|code| *code == 0x55));
}
