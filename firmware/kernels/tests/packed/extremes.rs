//! Convolutions at the limits of the Winograd form with tiles of 4 x 4 outputs. Shared with the tests on the emulated
//! target.

use crate::cases::Convolution;
use thumbnet_kernels::geometry::{Shape, Window};

/// Each of the 36 transformed elements at its largest in turn: signs as in the rows of the transformations.
pub fn large_tiles() -> impl Iterator<Item = Convolution> {
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
