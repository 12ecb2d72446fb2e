//! Sums, differences and products of two maps, against their formulas with the standard library's rounding and
//! fused multiply-add.

use crate::random::{Random, cells};
use proptest::prelude::{any, prop_assert_eq, proptest};
use thumbnet_kernels::map::map;
use thumbnet_kernels::portable::{AddFloat, Combine, Function, Rule, add_float, combine};
use thumbnet_kernels::requantize::Rounding;

const PLAIN: Rounding = Rounding { addend: 0.0, offset: 0, min: -128, max: 127 };

fn real(function: Function, zero_points: [i8; 2], scales: [f32; 3]) -> Rule {
    Rule::Real { function, zero_points, scales }
}

fn run(layer: &Combine, lhs: &[i8], rhs: &[i8]) -> Vec<i8> {
    let mut output = vec![0x55; lhs.len()];
    combine(layer, &cells(lhs), &cells(rhs), map(&mut output));
    output
}

fn expected(layer: &Combine, lhs: i8, rhs: i8) -> i8 {
    let step = |code: i8, zero: i8| (i32::from(code) - i32::from(zero)) as f32;
    let steps = match layer.rule {
        Rule::Real { function, zero_points, scales } => {
            let [lhs, rhs] =
                [step(lhs, zero_points[0]) * scales[0], step(rhs, zero_points[1]) * scales[1]];
            let value = match function {
                Function::Add => lhs + rhs,
                Function::Subtract => lhs - rhs,
                Function::Multiply => lhs * rhs,
            };
            value / scales[2]
        }
        Rule::FusedSum { factors, addend, code_offset } => {
            let [lhs, rhs] = [lhs, rhs].map(|code| f32::from(i16::from(code) + code_offset));
            lhs.mul_add(factors[0], rhs.mul_add(factors[1], addend))
        }
        Rule::ScaledProduct { zero_points, factor } => {
            step(lhs, zero_points[0]) * step(rhs, zero_points[1]) * factor
        }
    };
    let Rounding { addend, offset, min, max } = layer.rounding;
    let rounded = (steps + addend).round_ties_even() + f32::from(offset);
    rounded.clamp(min.into(), max.into()) as i8
}

/// Every pair of codes.
fn all_pairs() -> [Vec<i8>; 2] {
    let lhs: Vec<i8> = (i8::MIN..=i8::MAX).flat_map(|code| [code; 256]).collect();
    let rhs = (i8::MIN..=i8::MAX).cycle().take(lhs.len()).collect();
    [lhs, rhs]
}

#[test]
fn all_pairs_of_codes_match_the_formula() {
    let [lhs, rhs] = all_pairs();
    let functions = [Function::Add, Function::Subtract, Function::Multiply];
    let scales = [[0.023_528_1, 0.100_392, 0.112_745], [0.05, 0.05, 0.1], [0.25, 0.5, 1.0]];
    let mut rules: Vec<Rule> = functions
        .into_iter()
        .flat_map(|function| scales.map(|scales| real(function, [-128, 127], scales)))
        .collect();
    for code_offset in [0, 128] {
        rules.push(Rule::FusedSum { factors: [0.31, 0.77], addend: -3.3, code_offset });
        rules.push(Rule::FusedSum { factors: [0.5, 0.25], addend: 0.5, code_offset });
    }
    rules.push(Rule::ScaledProduct { zero_points: [-128, -3], factor: 0.002 });
    rules.push(Rule::ScaledProduct { zero_points: [127, 127], factor: 0.5 });
    let roundings = [
        PLAIN,
        Rounding { offset: -77, ..PLAIN },
        Rounding { addend: 131.0, offset: -128, min: -100, max: 99 },
    ];
    for rule in rules {
        for rounding in roundings {
            let layer = Combine { rule, rounding };
            for ((lhs, rhs), code) in lhs.iter().zip(&rhs).zip(run(&layer, &lhs, &rhs)) {
                assert_eq!(code, expected(&layer, *lhs, *rhs), "{lhs}, {rhs} in {layer:?}");
            }
        }
    }
}

#[test]
fn a_real_sum_is_the_residual_add() {
    let [lhs, rhs] = all_pairs();
    let (zero_points, scales) = ([-128, 3, -7], [0.1, 0.037, 0.09]);
    let mut sums = vec![0x55; lhs.len()];
    let add = AddFloat { zero_points, scales, min: -100, max: 99 };
    add_float(&add, &cells(&lhs), &cells(&rhs), map(&mut sums));
    let rounding = Rounding { addend: 0.0, offset: -7, min: -100, max: 99 };
    let layer = Combine { rule: real(Function::Add, [-128, 3], scales), rounding };
    assert!(run(&layer, &lhs, &rhs) == sums);
}

#[test]
fn one_pixel_is_combined_with_every_pixel() {
    let rule = real(Function::Subtract, [0, 0], [1.0; 3]);
    let layer = Combine { rule, rounding: PLAIN };
    assert_eq!(run(&layer, &[1, 2, 3, 4, 5, 6], &[1, 2, 3]), [0, 0, 0, 3, 3, 3]);
    assert_eq!(run(&layer, &[1, 2, 3], &[5]), [-4, -3, -2]);
}

#[test]
fn the_output_may_be_the_left_input() {
    let layer = Combine { rule: real(Function::Multiply, [0, 0], [1.0; 3]), rounding: PLAIN };
    let codes = cells(&[1, -2, 3, -4]);
    combine(&layer, &codes, &codes, &codes);
    assert_eq!(codes, cells(&[1, 4, 9, 16]));
}

#[test]
fn a_descriptor_that_lies_leaves_the_output_unwritten() {
    let layer = Combine { rule: real(Function::Add, [0, 0], [1.0; 3]), rounding: PLAIN };
    for (lhs, rhs) in [(4, 3), (3, 0), (3, 2), (2, 3), (2, 1)] {
        let mut output = [0x55; 3];
        combine(&layer, &cells(&vec![1; lhs]), &cells(&vec![1; rhs]), map(&mut output));
        assert_eq!(output, [0x55; 3], "{lhs} {rhs}");
    }
}

#[test]
fn numbers_that_lie_stay_within_the_bounds() {
    let lies = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -1.0, f32::MAX];
    for (index, lie) in lies.into_iter().enumerate() {
        let next = lies[(index + 1) % lies.len()];
        let rules = [
            real(Function::Multiply, [0; 2], [lie, next, 0.0]),
            Rule::FusedSum { factors: [lie, next], addend: lie, code_offset: i16::MAX },
            Rule::ScaledProduct { zero_points: [-128, 127], factor: lie },
        ];
        for rule in rules {
            let rounding = Rounding { addend: next, offset: i16::MIN, min: -3, max: 5 };
            let codes = run(&Combine { rule, rounding }, &[0, 127, -128], &[1, -128, 127]);
            assert!(codes.iter().all(|code| (-3..=5).contains(code)), "{codes:?} by {rule:?}");
        }
    }
}

proptest! {
    #[test]
    fn random_combinations_match_the_formula(
        seed in any::<u64>(),
        scales in [1e-3..2.0_f32, 1e-3..2.0_f32, 1e-3..2.0_f32],
        kind in 0..5_usize,
        pixel in any::<bool>(),
    ) {
        let mut random = Random::new(seed);
        let zero_points = [random.code(), random.code()];
        let functions = [Function::Add, Function::Subtract, Function::Multiply];
        let rule = match kind {
            0 => Rule::FusedSum { factors: [scales[0], scales[1]], addend: scales[2], code_offset: 128 },
            1 => Rule::ScaledProduct { zero_points, factor: scales[0] },
            kind => real(functions[kind - 2], zero_points, scales),
        };
        let rounding = Rounding { addend: 0.0, offset: i16::from(random.code()), ..PLAIN };
        let layer = Combine { rule, rounding };
        let [lhs, rhs] = [random.codes(42), random.codes(if pixel { 7 } else { 42 })];
        let wanted: Vec<i8> =
            lhs.iter().zip(rhs.iter().cycle()).map(|(lhs, rhs)| expected(&layer, *lhs, *rhs)).collect();
        prop_assert_eq!(run(&layer, &lhs, &rhs), wanted);
    }
}
