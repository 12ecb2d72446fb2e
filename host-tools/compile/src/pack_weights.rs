//! Which layers get packed weights: for kernels that multiply two halfwords an instruction.
//!
//! A packed kernel computes the same bytes from weights in another order, with scratch memory. The packers
//! prove that mixing two channels in one lane is exact for these weights; where it is not, where there is no
//! kernel for the window, or where padding the layout costs too much flash, the plain kernel stays. A depthwise
//! convolution keeps its weights, but has a faster kernel where it gets scratch memory.

use crate::call::{Call, PackedLayout};
use crate::lower::Lowered;
use crate::options::{InstructionSet, Optimize, Options};
use crate::program::Choice;

use thumbnet_graph::{Shape, Window};
use thumbnet_kernels::armv7em::depthwise_scratch_bytes;
use thumbnet_kernels::packed::{
    deep_kernel_exists, deep_scratch_bytes, pack_deep, pack_dense, pack_pointwise, pack_shallow,
    pointwise_kernel_exists, pointwise_scratch_bytes, shallow_kernel_exists, shallow_scratch_bytes,
};

/// `lowered`, with packed weights where `options` want that and it is exact.
pub(crate) fn pack_weights(lowered: Lowered, options: &Options) -> Lowered {
    if options.instruction_set != InstructionSet::Armv7em || options.optimize == Optimize::Size {
        return lowered;
    }
    if let Call::DepthwiseConv2d { input, window, .. } = &lowered.call {
        let scratch_bytes = depthwise_scratch_bytes(window, *input).unwrap_or(0);
        return Lowered { scratch_bytes, ..lowered };
    }
    let plain_bytes = lowered.call.weights().len();
    match packed(&lowered.call) {
        Some((call, scratch_bytes)) if affordable(&call, plain_bytes, options.optimize) => {
            let why = "two multiplications an instruction with packed weights".to_owned();
            Lowered { call, scratch_bytes, choice: Choice { why }, ..lowered }
        }
        Some(_) => {
            let why = "packed weights would take more than half as much flash again".to_owned();
            Lowered { choice: Choice { why }, ..lowered }
        }
        None => lowered,
    }
}

fn affordable(packed: &Call, plain_bytes: usize, optimize: Optimize) -> bool {
    let packed_bytes = 4 * packed.packed_weights().len();
    optimize == Optimize::Speed || packed_bytes <= plain_bytes + plain_bytes / 2
}

/// The packed call and the scratch it needs; `None` if there is no kernel or packing is not exact.
fn packed(call: &Call) -> Option<(Call, usize)> {
    match call {
        Call::Conv2d { input, window, pool, input_zero_point, weights, bias, requantize } => {
            let (layout, weights, scratch_bytes) = packed_conv2d(*input, window, pool, weights)?;
            let call = Call::PackedConv2d {
                layout,
                input: *input,
                window: *window,
                pool: *pool,
                input_zero_point: *input_zero_point,
                weights,
                bias: bias.clone(),
                requantize: requantize.clone(),
            };
            Some((call, scratch_bytes))
        }
        Call::Dense { weights, bias, requantize } => {
            let inputs = weights.len() / bias.len();
            let weights = pack_dense(weights, inputs)?;
            let (bias, requantize) = (bias.clone(), requantize.clone());
            Some((Call::PackedDense { weights, bias, requantize }, 0))
        }
        _ => None,
    }
}

/// The shallow kernel where it exists: it is made for exactly these few taps.
fn packed_conv2d(
    input: Shape,
    window: &Window,
    pool: &Window,
    weights: &[i8],
) -> Option<(PackedLayout, Vec<i32>, usize)> {
    let ordinary = ordinary(input, window, pool, weights.len());
    if pointwise_kernel_exists(window, pool) && ordinary {
        let words = pack_pointwise(weights, input.c)?;
        Some((PackedLayout::Pointwise, words, pointwise_scratch_bytes(input)))
    } else if shallow_kernel_exists(window, pool, input.c) {
        let words = pack_shallow(weights, window, input.c)?;
        Some((PackedLayout::Shallow, words, shallow_scratch_bytes(window, input)))
    } else if deep_kernel_exists(window, pool) && ordinary {
        let words = pack_deep(weights, window, input.c)?;
        Some((PackedLayout::Deep, words, deep_scratch_bytes(window, pool, input)))
    } else {
        None
    }
}

/// Sizes whose products the deep kernel trusts; it does nothing beyond them.
fn ordinary(input: Shape, window: &Window, pool: &Window, weights: usize) -> bool {
    let sizes = [window.kernel, window.stride, pool.kernel];
    let oc = weights / (window.taps() * input.c);
    sizes.iter().flatten().all(|size| *size <= 64) && input.c.max(oc) <= 1 << 15
}
