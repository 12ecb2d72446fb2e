//! Residual add.

use crate::random::cells;
use proptest::prelude::{any, prop_assert_eq, proptest};
use thumbnet_kernels::map::map;
use thumbnet_kernels::portable::{Add, add};

use crate::random::Random;

/// Round half to even of `sum / 2^shift`, by the definition.
fn rounded(sum: i64, shift: u32) -> i64 {
    let divisor = 1_i64 << shift;
    let floor = sum.div_euclid(divisor);
    let remainder = sum.rem_euclid(divisor);
    match (2 * remainder).cmp(&divisor) {
        std::cmp::Ordering::Less => floor,
        std::cmp::Ordering::Greater => floor + 1,
        std::cmp::Ordering::Equal => floor + floor.rem_euclid(2),
    }
}

fn expected(layer: &Add, lhs: i8, rhs: i8) -> i8 {
    let [lhs_zero, rhs_zero, output_zero] = layer.zero_points.map(i64::from);
    let sum = (i64::from(lhs) - lhs_zero) * (1 << layer.shifts[0])
        + (i64::from(rhs) - rhs_zero) * (1 << layer.shifts[1]);
    (rounded(sum, layer.output_shift) + output_zero).clamp(layer.min.into(), layer.max.into()) as i8
}

fn check(layer: &Add, lhs: &[i8], rhs: &[i8]) {
    let mut output = vec![0x55; lhs.len()];
    add(layer, &cells(lhs), &cells(rhs), map(&mut output));
    for ((lhs, rhs), code) in lhs.iter().zip(rhs).zip(&output) {
        assert_eq!(*code, expected(layer, *lhs, *rhs), "{lhs} + {rhs} in {layer:?}");
    }
}

#[test]
fn all_pairs_of_codes_match_for_every_output_shift() {
    let lhs: Vec<i8> = (i8::MIN..=i8::MAX).flat_map(|code| [code; 256]).collect();
    let rhs: Vec<i8> = (i8::MIN..=i8::MAX).cycle().take(lhs.len()).collect();
    for output_shift in 0..=24 {
        let layer = Add {
            zero_points: [-128, 127, 3],
            shifts: [output_shift.min(16), output_shift / 2],
            output_shift,
            min: -128,
            max: 127,
        };
        check(&layer, &lhs, &rhs);
    }
}

#[test]
fn a_shift_of_zero_is_a_plain_sum() {
    let layer =
        Add { zero_points: [0, 0, 0], shifts: [0, 0], output_shift: 0, min: -128, max: 127 };
    let mut output = [0; 4];
    add(&layer, &cells(&[1, -3, 127, -128]), &cells(&[1, 2, 127, -128]), map(&mut output));
    assert_eq!(output, [2, -1, 127, -128]);
}

#[test]
fn a_descriptor_that_lies_leaves_the_output_unwritten() {
    let layer = Add { zero_points: [0; 3], shifts: [0; 2], output_shift: 0, min: -128, max: 127 };
    let lies = [
        Add { shifts: [17, 0], ..layer },
        Add { shifts: [0, u32::MAX], ..layer },
        Add { output_shift: 25, ..layer },
    ];
    let mut output = [0x55; 3];
    for lie in lies {
        add(&lie, &cells(&[1; 3]), &cells(&[1; 3]), map(&mut output));
    }
    add(&layer, &cells(&[1; 2]), &cells(&[1; 3]), map(&mut output));
    add(&layer, &cells(&[1; 3]), &cells(&[1; 4]), map(&mut output));
    assert_eq!(output, [0x55; 3]);
}

proptest! {
    #[test]
    fn random_adds_match_the_oracle(
        seed in any::<u64>(),
        shifts in [0..17_u32, 0..17],
        output_shift in 0..25_u32,
        bounds in [any::<i8>(), any::<i8>()],
    ) {
        let mut random = Random::new(seed);
        let layer = Add {
            zero_points: [random.code(), random.code(), random.code()],
            shifts,
            output_shift,
            min: bounds[0].min(bounds[1]),
            max: bounds[0].max(bounds[1]),
        };
        let [lhs, rhs] = [random.codes(37), random.codes(37)];
        let mut output = vec![0x55; lhs.len()];
        add(&layer, &cells(&lhs), &cells(&rhs), map(&mut output));
        let wanted: Vec<i8> =
            lhs.iter().zip(&rhs).map(|(lhs, rhs)| expected(&layer, *lhs, *rhs)).collect();
        prop_assert_eq!(output, wanted);
    }
}
