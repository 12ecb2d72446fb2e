//! Pools.

use super::{Random, cells};
use alloc::vec;
use alloc::vec::Vec;
use thumbnet_kernels::Backend;
use thumbnet_kernels::geometry::{Shape, Window};
use thumbnet_kernels::map::map;
use thumbnet_kernels::portable::{AveragePool2d, MaxPool2d};
use thumbnet_kernels::requantize::FixedPoint;

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
