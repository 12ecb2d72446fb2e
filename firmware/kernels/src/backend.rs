//! One trait, one associated function per op; an instruction set overrides what it speeds up.

use crate::armv7em;
use crate::map::Map;
use crate::packed::{self, PackedConv2d, PackedDense};
use crate::portable;
use crate::portable::{
    Add, AddFloat, AveragePool2d, AveragePoolFloat, Combine, Concat, Conv2d, Dense,
    DepthwiseConv2d, Lookup, MaxPool2d, Pad, Rearrange,
};
use crate::requantize::Requantize;
use crate::scalar;

/// The kernels of one instruction set. Defaults forward to [`portable`], the specification, so a
/// backend adds only what it speeds up and signatures cannot drift. Packed convolutions have one algorithm on all
/// cores, that of [`armv7em`], because a compiled network relies on the order in which it reads and writes; where
/// the instructions are missing, their models run.
pub trait Backend {
    /// Convolution with fused ReLU (a clamp) and max pool. See [`portable::conv2d()`]; a backend may be faster with
    /// scratch memory.
    fn conv2d<R: Requantize>(
        layer: &Conv2d<'_, R>,
        input: &Map,
        _scratch: &mut [i8],
        output: &Map,
    ) {
        portable::conv2d(layer, input, output);
    }

    /// Convolution with many input channels, packed. See [`packed::deep_conv2d()`].
    fn deep_conv2d<R: Requantize>(
        layer: &PackedConv2d<'_, R>,
        input: &Map,
        scratch: &mut [i8],
        output: &Map,
    ) {
        armv7em::deep_conv2d(layer, input, scratch, output);
    }

    /// Convolution with windows of one element, packed. See [`armv7em::pointwise_conv2d()`].
    #[inline(always)]
    fn pointwise_conv2d<R: Requantize>(
        layer: &PackedConv2d<'_, R>,
        input: &Map,
        scratch: &mut [i8],
        output: &Map,
    ) {
        armv7em::pointwise_conv2d(layer, input, scratch, output);
    }

    /// Convolution with few input channels, packed. See [`packed::shallow_conv2d()`].
    fn shallow_conv2d<R: Requantize>(
        layer: &PackedConv2d<'_, R>,
        input: &Map,
        scratch: &mut [i8],
        output: &Map,
    ) {
        armv7em::shallow_conv2d(layer, input, scratch, output);
    }

    /// 3 x 3 convolution in Winograd form, with transformed weights. See [`packed::winograd_conv2d()`].
    fn winograd_conv2d<R: Requantize>(
        layer: &PackedConv2d<'_, R>,
        input: &Map,
        scratch: &mut [i8],
        output: &Map,
    ) {
        armv7em::winograd_conv2d(layer, input, scratch, output);
    }

    /// The same with tiles of 4 x 4 outputs. See [`armv7em::winograd4_conv2d()`].
    fn winograd4_conv2d<R: Requantize>(
        layer: &PackedConv2d<'_, R>,
        input: &Map,
        scratch: &mut [i8],
        output: &Map,
    ) {
        armv7em::winograd4_conv2d(layer, input, scratch, output);
    }

    /// The same from weights of their own size. See [`armv7em::compact_winograd4_conv2d()`].
    fn compact_winograd4_conv2d<R: Requantize>(
        layer: &PackedConv2d<'_, R>,
        input: &Map,
        scratch: &mut [i8],
        output: &Map,
    ) {
        armv7em::compact_winograd4_conv2d(layer, input, scratch, output);
    }

    /// Depthwise convolution. See [`portable::depthwise_conv2d()`]; with scratch memory, as a packed layer, by the
    /// algorithm of [`armv7em`].
    #[inline(always)]
    fn depthwise_conv2d<R: Requantize>(
        layer: &DepthwiseConv2d<'_, R>,
        input: &Map,
        scratch: &mut [i8],
        output: &Map,
    ) {
        armv7em::depthwise_conv2d(layer, input, scratch, output);
    }

    /// Fully connected layer. See [`portable::dense()`].
    fn dense<R: Requantize>(layer: &Dense<'_, R>, input: &Map, output: &Map) {
        portable::dense(layer, input, output);
    }

    /// Fully connected layer, packed. See [`packed::packed_dense()`].
    fn packed_dense<R: Requantize>(layer: &PackedDense<'_, R>, input: &Map, output: &Map) {
        packed::packed_dense(layer, input, output);
    }

    /// Max pool. See [`portable::max_pool2d()`].
    fn max_pool2d(layer: &MaxPool2d, input: &Map, output: &Map) {
        portable::max_pool2d(layer, input, output);
    }

    /// Average pool. See [`portable::average_pool2d()`].
    fn average_pool2d<R: Requantize>(layer: &AveragePool2d<R>, input: &Map, output: &Map) {
        portable::average_pool2d(layer, input, output);
    }

    /// Residual add of two maps. See [`portable::add()`].
    fn add(layer: &Add, lhs: &Map, rhs: &Map, output: &Map) {
        portable::add(layer, lhs, rhs, output);
    }

    /// Residual add of two maps with any scales. See [`portable::add_float()`].
    fn add_float(layer: &AddFloat, lhs: &Map, rhs: &Map, output: &Map) {
        portable::add_float(layer, lhs, rhs, output);
    }

    /// Average pool in f32. See [`portable::average_pool_float()`].
    fn average_pool_float(layer: &AveragePoolFloat, input: &Map, output: &Map) {
        portable::average_pool_float(layer, input, output);
    }

    /// Element-wise operation on two maps. See [`portable::combine()`].
    fn combine(layer: &Combine, lhs: &Map, rhs: &Map, output: &Map) {
        portable::combine(layer, lhs, rhs, output);
    }

    /// Element-wise function of one map. See [`portable::lookup()`].
    fn lookup(layer: &Lookup<'_>, input: &Map, output: &Map) {
        portable::lookup(layer, input, output);
    }

    /// Concatenation. See [`portable::concat()`].
    fn concat(layer: &Concat<'_>, inputs: &[&Map], output: &Map) {
        portable::concat(layer, inputs, output);
    }

    /// Copy in another order. See [`portable::rearrange()`].
    fn rearrange(layer: &Rearrange, input: &Map, output: &Map) {
        portable::rearrange(layer, input, output);
    }

    /// Border of one value. See [`portable::pad()`].
    fn pad(layer: &Pad, input: &Map, output: &Map) {
        portable::pad(layer, input, output);
    }
}

/// The specification itself: plain Rust for any core.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

impl Backend for Portable {}

/// Cores that multiply one word at a time and have no vectors: Cortex-M0 to M3, RISC-V. Plain Rust.
#[derive(Clone, Copy, Debug)]
pub struct Scalar;

impl Backend for Scalar {
    #[inline(always)]
    fn conv2d<R: Requantize>(layer: &Conv2d<'_, R>, input: &Map, scratch: &mut [i8], output: &Map) {
        scalar::conv2d(layer, input, scratch, output);
    }
}

/// Cores with the DSP extension of ARMv7E-M: Cortex-M4 and M7.
///
/// Builds for any target; where the instructions are missing, their models run.
#[derive(Clone, Copy, Debug)]
pub struct Armv7em;

impl Backend for Armv7em {
    fn max_pool2d(layer: &MaxPool2d, input: &Map, output: &Map) {
        armv7em::max_pool2d(layer, input, output);
    }

    fn average_pool2d<R: Requantize>(layer: &AveragePool2d<R>, input: &Map, output: &Map) {
        armv7em::average_pool2d(layer, input, output);
    }

    fn packed_dense<R: Requantize>(layer: &PackedDense<'_, R>, input: &Map, output: &Map) {
        armv7em::packed_dense(layer, input, output);
    }

    fn add_float(layer: &AddFloat, lhs: &Map, rhs: &Map, output: &Map) {
        armv7em::add_float(layer, lhs, rhs, output);
    }
}

/// The fastest backend for the target of this build; build.rs says how to override the choice.
#[cfg(native_armv7em)]
pub type Native = Armv7em;

/// The fastest backend for the target of this build; build.rs says how to override the choice.
#[cfg(native_scalar)]
pub type Native = Scalar;

/// The fastest backend for the target of this build; build.rs says how to override the choice.
#[cfg(not(any(native_armv7em, native_scalar)))]
pub type Native = Portable;
