//! Residual add in f32, against the formula with the standard library's own rounding.

use crate::random::cells;
use proptest::prelude::{any, prop_assert_eq, proptest};
use thumbnet_kernels::map::map;
use thumbnet_kernels::portable::{Add, AddFloat, add, add_float};

use crate::random::Random;

/// What onnxruntime computes without optimizations, clamped to the bounds of the layer.
fn expected(layer: &AddFloat, lhs: i8, rhs: i8) -> i8 {
    let [lhs_zero, rhs_zero, output_zero] = layer.zero_points.map(i32::from);
    let lhs = (i32::from(lhs) - lhs_zero) as f32 * layer.scales[0];
    let rhs = (i32::from(rhs) - rhs_zero) as f32 * layer.scales[1];
    let rounded = ((lhs + rhs) / layer.scales[2]).round_ties_even() + output_zero as f32;
    rounded.clamp(layer.min.into(), layer.max.into()) as i8
}

/// Every pair of codes.
fn all_pairs() -> [Vec<i8>; 2] {
    let lhs: Vec<i8> = (i8::MIN..=i8::MAX).flat_map(|code| [code; 256]).collect();
    let rhs = (i8::MIN..=i8::MAX).cycle().take(lhs.len()).collect();
    [lhs, rhs]
}

fn layer(scales: [f32; 3], zero_points: [i8; 3]) -> AddFloat {
    AddFloat { zero_points, scales, min: -128, max: 127 }
}

#[test]
fn all_pairs_of_codes_match_the_formula() {
    let [lhs, rhs] = all_pairs();
    let tiny = f32::from_bits(1);
    let huge = f32::MAX / 1024.0;
    for scales in [
        [0.023_528_1, 0.100_392, 0.112_745],
        [0.3, 0.5, 1.0],
        // Sums on halves of 0.1, which f32 breaks either way.
        [0.05, 0.05, 0.1],
        [1.0 / 255.0, 0.037, 0.041],
        [0.25, 0.5, 1.0],
        [tiny, tiny, tiny],
        [f32::MIN_POSITIVE, tiny, f32::MIN_POSITIVE],
        [huge, huge, huge],
        [huge, tiny, 1.0],
        [1.0, 1.0, tiny],
        [1.0, 1.0, f32::MAX],
    ] {
        for zero_points in [[0, 0, 0], [-128, 127, 3], [-128, -128, -128], [127, -5, 127]] {
            let layer = layer(scales, zero_points);
            let mut output = vec![0x55; lhs.len()];
            add_float(&layer, &cells(&lhs), &cells(&rhs), map(&mut output));
            for ((lhs, rhs), code) in lhs.iter().zip(&rhs).zip(&output) {
                assert_eq!(*code, expected(&layer, *lhs, *rhs), "{lhs} + {rhs} in {layer:?}");
            }
        }
    }
}

#[test]
fn shifts_and_floats_agree_on_powers_of_two() {
    let [lhs, rhs] = all_pairs();
    let (zero_points, min, max) = ([-128, 3, -7], -100, 99);
    let shifts = Add { zero_points, shifts: [0, 2], output_shift: 3, min, max };
    let floats = AddFloat { zero_points, scales: [0.125, 0.5, 1.0], min, max };
    let mut sums = [vec![0x55; lhs.len()], vec![0x66; lhs.len()]];
    add(&shifts, &cells(&lhs), &cells(&rhs), map(&mut sums[0]));
    add_float(&floats, &cells(&lhs), &cells(&rhs), map(&mut sums[1]));
    assert!(sums[0] == sums[1]);
}

#[test]
fn a_tie_goes_to_the_even_neighbour() {
    let layer = layer([0.5, 0.5, 1.0], [0, 0, 1]);
    let mut output = [0; 6];
    add_float(&layer, &cells(&[1, 3, 5, -1, -3, -5]), &cells(&[0; 6]), map(&mut output));
    assert_eq!(output, [1, 3, 3, 1, -1, -1]);
}

#[test]
fn a_descriptor_that_lies_leaves_the_output_unwritten() {
    let layer = layer([1.0; 3], [0; 3]);
    let mut output = [0x55; 3];
    add_float(&layer, &cells(&[1; 2]), &cells(&[1; 3]), map(&mut output));
    add_float(&layer, &cells(&[1; 3]), &cells(&[1; 4]), map(&mut output));
    assert_eq!(output, [0x55; 3]);
}

#[test]
fn scales_that_lie_stay_within_the_bounds() {
    let lies = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -1.0, f32::MAX];
    for (index, lhs) in lies.into_iter().enumerate() {
        let scales = [lhs, lies[(index + 1) % lies.len()], lies[(index + 2) % lies.len()]];
        let layer = AddFloat { zero_points: [0; 3], scales, min: -3, max: 5 };
        let mut output = [0x55; 3];
        add_float(&layer, &cells(&[0, 127, -128]), &cells(&[1, -128, 127]), map(&mut output));
        assert!(output.iter().all(|code| (-3..=5).contains(code)), "{output:?} in {layer:?}");
    }
}

proptest! {
    #[test]
    fn random_adds_match_the_formula(
        seed in any::<u64>(),
        scales in [1e-4..4.0_f32, 1e-4..4.0_f32, 1e-4..4.0_f32],
        bounds in [any::<i8>(), any::<i8>()],
    ) {
        let mut random = Random::new(seed);
        let layer = AddFloat {
            zero_points: [random.code(), random.code(), random.code()],
            scales,
            min: bounds[0].min(bounds[1]),
            max: bounds[0].max(bounds[1]),
        };
        let [lhs, rhs] = [random.codes(37), random.codes(37)];
        let mut output = vec![0x55; lhs.len()];
        add_float(&layer, &cells(&lhs), &cells(&rhs), map(&mut output));
        let wanted: Vec<i8> =
            lhs.iter().zip(&rhs).map(|(lhs, rhs)| expected(&layer, *lhs, *rhs)).collect();
        prop_assert_eq!(output, wanted);
    }
}
