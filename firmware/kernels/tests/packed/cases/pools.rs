//! Pools and sums of two maps.

use super::{Random, cells};
use alloc::vec;
use alloc::vec::Vec;
use thumbnet_kernels::Backend;
use thumbnet_kernels::geometry::{Padding, Shape, Window};
use thumbnet_kernels::map::map;
use thumbnet_kernels::portable::{AddFloat, AveragePool2d, MaxPool2d};
use thumbnet_kernels::requantize::FixedPoint;

/// A map and a window that fits it.
pub fn random_pool(seed: u64) -> (Shape, Window) {
    let mut random = Random::new(seed);
    loop {
        let [top, left, bottom, right] = [0; 4].map(|_| random.below(3));
        let window = Window {
            kernel: [1 + random.below(4), 1 + random.below(4)],
            stride: [1 + random.below(3), 1 + random.below(3)],
            dilation: [1 + random.below(2), 1 + random.below(2)],
            padding: Padding { top, left, bottom, right },
        };
        let input = Shape::new(1 + random.below(9), 1 + random.below(9), 1 + random.below(40));
        if window.positions(input.h, input.w).is_some() {
            return (input, window);
        }
    }
}

/// The outputs of a max pool and of an average pool of random codes, by a backend.
pub fn pools<B: Backend>(seed: u64, input: Shape, window: Window) -> [Vec<i8>; 2] {
    let mut random = Random::new(seed);
    let codes: Vec<i8> = (0..input.len()).map(|_| random.code()).collect();
    let [h, w] = window.positions(input.h, input.w).expect("a window that fits");
    let output = Shape::new(h, w, input.c);
    let [mut largest, mut average] = [(); 2].map(|()| vec![0x55; output.len()]);
    B::max_pool2d(&MaxPool2d { input, output, window }, &cells(&codes), map(&mut largest));
    let multipliers = [i32::MAX / window.taps() as i32];
    let requantize = FixedPoint { multipliers: &multipliers, zero_point: 3, min: -128, max: 127 };
    let layer = AveragePool2d { input, output, window, input_zero_point: 5, bias: -17, requantize };
    B::average_pool2d(&layer, &cells(&codes), map(&mut average));
    [largest, average]
}

/// A sum of real numbers: of ordinary scales, now and then of any, with all clamps.
pub fn random_sum(seed: u64) -> AddFloat {
    let mut random = Random::new(seed);
    let any = random.below(8) == 0;
    let scales = [0; 3].map(|_| {
        let bits = random.next() & 0x7fff_ffff;
        // Between 1/64 and 1, or anything finite.
        f32::from_bits(if any { bits % 0x7f00_0000 } else { 0x3c80_0000 + bits % 0x0300_0000 })
    });
    let zero_points = [0; 3].map(|_| random.code());
    let [min, max] = if random.below(2) == 0 { [-128, 127] } else { [zero_points[2], 127] };
    AddFloat { zero_points, scales, min, max }
}

/// The codes of `layer` for these maps, by a backend.
pub fn sum<B: Backend>(layer: &AddFloat, lhs: &[i8], rhs: &[i8]) -> Vec<i8> {
    let mut output = vec![0x55; lhs.len()];
    B::add_float(layer, &cells(lhs), &cells(rhs), map(&mut output));
    output
}
