//! Dense layers.

use super::{Random, cells};
use alloc::vec;
use alloc::vec::Vec;
use thumbnet_kernels::Backend;
use thumbnet_kernels::map::map;
use thumbnet_kernels::packed::{PackedDense, pack_dense};
use thumbnet_kernels::portable::{Dense, dense};
use thumbnet_kernels::requantize::FixedPoint;

/// A dense layer that owns its constants.
#[derive(Clone, Debug)]
pub struct FullyConnected {
    pub weights: Vec<i8>,
    pub bias: Vec<i32>,
    pub multipliers: Vec<i32>,
    pub zero_point: i8,
    pub codes: Vec<i8>,
}

impl FullyConnected {
    /// Random constants for given sizes.
    pub fn new(seed: u64, inputs: usize, outputs: usize) -> Self {
        let mut random = Random::new(seed);
        Self {
            weights: random.weights(inputs * outputs),
            bias: (0..outputs).map(|_| random.bias((inputs * 128 * 127) as u32)).collect(),
            multipliers: (0..outputs).map(|_| random.multiplier()).collect(),
            zero_point: random.code(),
            codes: (0..inputs).map(|_| random.code()).collect(),
        }
    }

    /// The largest sums that fit the mixed lanes: all weights `even` and `odd` by channel, all inputs `code`.
    pub fn extreme(inputs: usize, [even, odd]: [i8; 2], code: i8) -> Self {
        let outputs = 11; // a whole eight, a pair, and one with a lane to itself
        let mut case = Self::new(7, inputs, outputs);
        let filters = case.weights.chunks_mut(inputs).enumerate();
        filters.for_each(|(channel, filter)| filter.fill([even, odd][channel % 2]));
        case.codes.fill(code);
        case.bias.fill(0);
        case.multipliers.fill(20_000);
        case
    }

    /// Its requantization.
    pub fn requantize(&self) -> FixedPoint<'_> {
        let Self { multipliers, zero_point, .. } = self;
        FixedPoint { multipliers, zero_point: *zero_point, min: -128, max: 127 }
    }

    /// The output of the plain layer.
    pub fn plain(&self) -> Vec<i8> {
        let requantize = self.requantize();
        let layer = Dense { weights: &self.weights, bias: &self.bias, requantize };
        let mut output = vec![0x55; self.bias.len()];
        dense(&layer, &cells(&self.codes), map(&mut output));
        output
    }

    /// The output of a backend's packed layer.
    pub fn run<B: Backend>(&self) -> Vec<i8> {
        let weights = pack_dense(&self.weights, self.codes.len()).expect("these weights mix");
        let requantize = self.requantize();
        let layer = PackedDense { weights: &weights, bias: &self.bias, requantize };
        let mut output = vec![0x55; self.bias.len()];
        B::packed_dense(&layer, &cells(&self.codes), map(&mut output));
        output
    }
}
