//! Convolutions with the largest values that are exact.

use super::{Convolution, Kind};
use alloc::vec::Vec;
use thumbnet_kernels::geometry::{Shape, Window};

/// Those at the limits of a kernel.
pub fn extremes(kind: Kind) -> Vec<Convolution> {
    match kind {
        Kind::Deep => largest_sums(Shape::new(4, 4, 56), Window::square(3, 1)),
        Kind::Pointwise => largest_sums(Shape::new(3, 3, 504), Window::UNIT),
        Kind::Shallow => largest_sums(Shape::new(8, 8, 1), Window::square(7, 1)),
        Kind::Winograd => small_tiles().collect(),
        Kind::Winograd4 | Kind::CompactWinograd4 => {
            large_tiles().chain(large_accumulators()).collect()
        }
    }
}

/// All weights and all codes at their ends. 3 * 3 * 56 = 504 taps of 127 * -128 are the plain sum and the mixed lanes at
/// their limits.
fn largest_sums(input: Shape, window: Window) -> Vec<Convolution> {
    let weights = [[127, 127], [-127, 127], [127, -127], [-127, -127]];
    let ends = weights.into_iter().flat_map(|weights| [(weights, -128), (weights, 127)]);
    let case = |([even, odd], code): ([i8; 2], i8)| {
        let mut case = Convolution::new(7, input, 4, window, Window::UNIT);
        let filters = case.weights.chunks_mut(window.taps() * input.c).enumerate();
        filters.for_each(|(channel, filter)| filter.fill([even, odd][channel % 2]));
        case.codes.fill(code);
        case.bias.fill(0);
        case.multipliers.fill(50_000);
        case.clamp = [-128, 127];
        case
    };
    ends.map(case).collect()
}

/// Each of the 16 elements of the form with tiles of 2 x 2 outputs at its largest in turn: signs as in the rows of the
/// transformations.
fn small_tiles() -> impl Iterator<Item = Convolution> {
    const ROWS: [[i32; 4]; 4] = [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]];
    (0..32).map(|index| {
        let [down, across] = [index / 8, index / 2 % 4];
        let [positive, negative] = if index % 2 == 0 { [127, -128] } else { [-128, 127] };
        let window = Window::square(3, 1);
        let mut case = Convolution::new(7, Shape::new(4, 4, 64), 2, window, Window::UNIT);
        for (pixel, codes) in case.codes.chunks_mut(64).enumerate() {
            let sign = ROWS[down][pixel / 4] * ROWS[across][pixel % 4];
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
        case
    })
}

/// The same for the 36 elements of the forms with tiles of 4 x 4 outputs.
fn large_tiles() -> impl Iterator<Item = Convolution> {
    const ROWS: [[i32; 6]; 6] = [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ];
    (0..72).map(|index| {
        let [down, across] = [index / 12, index / 2 % 6];
        let [positive, negative] = if index % 2 == 0 { [127, -128] } else { [-128, 127] };
        let window = Window::square(3, 1);
        let mut case = Convolution::new(8, Shape::new(6, 6, 64), 2, window, Window::UNIT);
        for (pixel, codes) in case.codes.chunks_mut(64).enumerate() {
            let sign = ROWS[down][pixel / 6] * ROWS[across][pixel % 6];
            codes.fill(if sign < 0 { negative } else { positive });
        }
        for (index, weight) in case.weights.iter_mut().enumerate() {
            let tap = index / 64 % 9;
            let odd = (tap / 3 == 1 && down % 2 == 0) != (tap % 3 == 1 && across % 2 == 0);
            *weight = if odd != (index / 576 == 1) { 127 } else { -128 };
        }
        case.bias.fill(0);
        case.multipliers.fill(50_000);
        case.factors.fill(1e-5);
        case
    })
}

/// Accumulators that reach one less than 2^25, the most that is exact, or come near.
pub fn large_accumulators() -> impl Iterator<Item = Convolution> {
    let cases = [(127, 127, 1), (-127, 127, -1), (127, -128, -1), (-127, -128, 1)];
    cases.into_iter().map(|(weight, code, sign)| {
        let window = Window::square(3, 1);
        let mut case = Convolution::new(8, Shape::new(6, 6, 224), 1, window, Window::UNIT);
        case.weights.fill(weight);
        case.codes.fill(code);
        // 9 * 224 * 127 * 128 = 32.8 M; the bias fills up to one below 2^25.
        case.bias.fill(sign * ((1 << 25) - 1 - 9 * 224 * 127 * 128));
        case.multipliers.fill(16_000);
        case.factors.fill(3.7e-6);
        case
    })
}
