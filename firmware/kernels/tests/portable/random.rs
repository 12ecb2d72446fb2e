//! Seeded random data and strategies for random layers.

use core::cell::Cell;
use proptest::prelude::{Just, Strategy, prop_oneof};
use thumbnet_kernels::geometry::{Padding, Window};

/// A map that holds `codes`.
pub fn cells(codes: &[i8]) -> Vec<Cell<i8>> {
    codes.iter().copied().map(Cell::new).collect()
}

/// A small generator of our own, so that a failing seed means the same everywhere (xorshift64*).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    /// A third of the codes are extremes, so that saturation and sign errors show.
    pub fn code(&mut self) -> i8 {
        match self.next() % 6 {
            0 => -128,
            1 => 127,
            _ => self.next() as i8,
        }
    }

    pub fn codes(&mut self, len: usize) -> Vec<i8> {
        (0..len).map(|_| self.code()).collect()
    }

    /// Weights as a symmetric quantizer makes them, -127..=127.
    pub fn weights(&mut self, len: usize) -> Vec<i8> {
        (0..len).map(|_| self.code().max(-127)).collect()
    }

    pub fn below(&mut self, limit: u32) -> u32 {
        self.next() % limit
    }

    /// Biases of ordinary size, with now and then one that brings accumulators of up to `reach` near
    /// the ends of i32.
    pub fn biases(&mut self, len: usize, reach: i32) -> Vec<i32> {
        (0..len)
            .map(|_| match self.below(8) {
                0 => i32::MAX - reach,
                1 => i32::MIN + reach,
                _ => self.below(40_000) as i32 - 20_000,
            })
            .collect()
    }

    /// Multipliers from 0 to 2^31, mostly where an accumulator of a few thousand fills int8.
    pub fn multipliers(&mut self, len: usize) -> Vec<i32> {
        (0..len)
            .map(|_| match self.below(8) {
                0 => i32::MAX,
                1 => 0,
                _ => self.below(200_000_000) as i32,
            })
            .collect()
    }
}

/// Windows with every combination of stride, dilation and padding that fits a small map.
pub fn window(max_kernel: usize) -> impl Strategy<Value = Window> {
    let kernel = [1..=max_kernel, 1..=max_kernel];
    let padding = [0..3_usize, 0..3, 0..3, 0..3];
    (kernel, [1..4_usize, 1..4], [1..3_usize, 1..3], padding).prop_map(
        |(kernel, stride, dilation, [top, left, bottom, right])| Window {
            kernel,
            stride,
            dilation,
            padding: Padding { top, left, bottom, right },
        },
    )
}

/// No pool, or a small one, overlapping or not.
pub fn pool() -> impl Strategy<Value = Window> {
    prop_oneof![
        Just(Window::UNIT),
        (1..4_usize, 1..4_usize).prop_map(|(size, stride)| Window::square(size, stride)),
    ]
}
