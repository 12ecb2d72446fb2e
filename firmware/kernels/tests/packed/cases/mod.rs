//! Packed layers and the plain layers that they must equal. Shared with the tests on the emulated target,
//! so it needs alloc only.

mod convolution;
mod dense;
mod depthwise;
pub mod extremes;
mod pools;
mod random;
mod scratch;
pub mod suite;
mod tails;

use alloc::vec::Vec;
use core::cell::Cell;

pub use convolution::{Convolution, Kind};
pub use dense::FullyConnected;
pub use depthwise::Depthwise;
pub use pools::{pools, sum};
pub use random::Random;
pub use scratch::Scratch;
pub use suite::{all_sums, convolutions, dense_layers, depthwise_layers, pool_layers};

/// A map that holds `codes`.
pub fn cells(codes: &[i8]) -> Vec<Cell<i8>> {
    codes.iter().copied().map(Cell::new).collect()
}
