//! Instructions of ARMv7E-M's DSP extension and FPU, and loops made of them, each beside a model in plain Rust.
//!
//! One of the two places with `unsafe`. Everything here is safe to call. `native_dsp` and `native_fpu` are
//! set by build.rs for targets that have the instructions; elsewhere the models run, bit for bit the same.

#![allow(unsafe_code)]

mod add_codes;
mod chunk_rows;
mod deep_tile;
mod dense_tile;
mod depthwise_rows;
mod float_codes;
mod gather;
mod instructions;
mod interleave;
mod max_codes;
pub mod model;
mod planes;
mod pointwise_tile;
mod shallow_tile;
mod winograd4_inputs;
mod winograd4_outputs;
mod winograd4_weights;
mod winograd_inputs;
mod winograd_outputs;
mod winograd_tile;
mod words;

pub(crate) use add_codes::add_codes;
pub(crate) use chunk_rows::{Rectangle, chunk_rows};
pub(crate) use deep_tile::{BLOCKS, Chunk, DeepTile, Sums as DeepSums, deep_tile};
pub(crate) use dense_tile::{Inputs as DenseInputs, dense_tile};
pub(crate) use depthwise_rows::{Filter as DepthwiseFilter, Rows as DepthwiseRows, depthwise_rows};
pub(crate) use float_codes::{float_codes, mixed_codes};
pub(crate) use gather::gather;
pub use instructions::{fma, smlad, smmlar, ssat8, sxtab16, sxtab16_ror8, sxtb16, sxtb16_ror8};
pub(crate) use interleave::interleave;
pub(crate) use max_codes::{Taps, max_codes};
pub(crate) use planes::{CHANNELS as PLANES, Rows as PlaneRows, planes, set_halfword};
pub(crate) use pointwise_tile::{
    Channels as PointwiseChannels, PointwiseTile, patch_tile, pixels_at_once, pointwise_tile,
};
pub(crate) use shallow_tile::{PAIRS, ShallowTile, shallow_tile};
pub(crate) use winograd_inputs::winograd_inputs;
pub(crate) use winograd_outputs::{Products as WinogradProducts, winograd_outputs};
pub(crate) use winograd_tile::winograd_tile;
#[cfg(feature = "pack")]
pub(crate) use winograd4_inputs::LOW_BIAS;
pub(crate) use winograd4_inputs::{Pixels, winograd4_inputs};
pub(crate) use winograd4_outputs::{
    Constants as Winograd4Constants, Places, Products as Winograd4Products, winograd4_outputs,
};
pub(crate) use winograd4_weights::{Weights as WinogradWeights, winograd4_weights};
pub(crate) use words::{bytes_of_chunks, chunks_mut, integers_mut, weights_of_chunks, words_mut};
