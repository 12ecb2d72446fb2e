//! The innermost loop of convolution and dense layers.

use crate::map::Map;

/// `sum over i of inputs[i] * weights[i]`, up to the length of the shorter; wraps at 2^32.
///
/// Whole chunks of 16 come first: their length is known, so that the compiler can unroll them, or
/// use vector instructions, without a test in between.
///
/// On bare metal these kernels are those of little flash, which then has the unrolled loop once.
#[cfg_attr(target_os = "none", inline(never))]
#[cfg_attr(not(target_os = "none"), inline)]
pub(crate) fn inner_product(inputs: &Map, weights: &[i8]) -> i32 {
    let len = inputs.len().min(weights.len());
    let inputs = inputs.get(..len).unwrap_or_default();
    let weights = weights.get(..len).unwrap_or_default();
    let (input_chunks, input_tail) = inputs.as_chunks::<16>();
    let (weight_chunks, weight_tail) = weights.as_chunks::<16>();
    let mut total = 0_i32;
    for (inputs, weights) in input_chunks.iter().zip(weight_chunks) {
        total = total.wrapping_add(add_products(inputs, weights));
    }
    total.wrapping_add(add_products(input_tail, weight_tail))
}

#[inline]
fn add_products(inputs: &Map, weights: &[i8]) -> i32 {
    inputs.iter().zip(weights).fold(0, |total: i32, (input, weight)| {
        total.wrapping_add(i32::from(input.get()) * i32::from(*weight))
    })
}

/// The sum of some weights; wraps at 2^32.
#[cfg_attr(target_os = "none", inline(never))]
pub(crate) fn sum(weights: &[i8]) -> i32 {
    weights.iter().fold(0, |total, weight| total.wrapping_add(i32::from(*weight)))
}
