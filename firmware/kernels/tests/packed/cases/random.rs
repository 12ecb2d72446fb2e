//! Random numbers, and constants made of them.

use alloc::vec::Vec;
use thumbnet_kernels::requantize::Mixed;

/// A small generator of our own, so that a seed means the same everywhere (xorshift64*).
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

    pub fn below(&mut self, limit: usize) -> usize {
        ((u64::from(self.next()) * limit as u64) >> 32) as usize
    }

    /// A size of 1 to `largest`; to 6 under Miri, to which each multiplication is hundreds.
    pub fn size(&mut self, largest: usize) -> usize {
        1 + self.below(if cfg!(miri) { largest.min(6) } else { largest })
    }

    /// A third of the codes are extremes, so that saturation and sign errors show.
    pub fn code(&mut self) -> i8 {
        match self.below(6) {
            0 => -128,
            1 => 127,
            _ => self.next() as i8,
        }
    }

    /// Weights as a symmetric quantizer makes them, -127..=127.
    pub fn weights(&mut self, len: usize) -> Vec<i8> {
        (0..len).map(|_| self.code().max(-127)).collect()
    }

    /// Of ordinary size, now and then so that accumulators of up to `bound` come near the ends of i32.
    pub fn bias(&mut self, bound: u32) -> i32 {
        match self.below(8) {
            0 => i32::MAX - bound as i32,
            1 => i32::MIN + bound as i32,
            _ => self.below(40_000) as i32 - 20_000,
        }
    }

    /// From 0 to 2^31, mostly where an accumulator of a few thousand fills int8.
    pub fn multiplier(&mut self) -> i32 {
        match self.below(8) {
            0 => i32::MAX,
            1 => 0,
            _ => self.below(200_000_000) as i32,
        }
    }
}

/// Pairs of multipliers and of factors, so that runs of each are short and long.
pub fn mixed_scales(multipliers: &[i32], factors: &[f32]) -> Vec<i32> {
    let channels = multipliers.iter().zip(factors).enumerate();
    let scale = |(channel, (multiplier, factor)): (usize, (&i32, &f32))| {
        let is_float = multipliers[channel / 2 * 2] % 3 == 0;
        if is_float { (factor.to_bits() | Mixed::FLOAT) as i32 } else { *multiplier }
    };
    channels.map(scale).collect()
}

/// The factor of a multiplier, now and then one with ties.
pub fn factor(multiplier: i32) -> f32 {
    let factor = multiplier as f32 / 4_294_967_296.0;
    if multiplier % 4 == 0 { f32::from_bits(factor.to_bits() & 0xfff0_0000) } else { factor }
}
