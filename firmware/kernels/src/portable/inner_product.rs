//! The innermost loop of convolution and dense layers.

/// `sum over i of inputs[i] * weights[i]`, up to the length of the shorter; wraps at 2^32.
#[inline]
pub(crate) fn inner_product(inputs: &[i8], weights: &[i8]) -> i32 {
    inputs.iter().zip(weights).fold(0, |total, (input, weight)| {
        total.wrapping_add(i32::from(*input) * i32::from(*weight))
    })
}

/// The sum of some weights; wraps at 2^32.
pub(crate) fn sum(weights: &[i8]) -> i32 {
    weights.iter().fold(0, |total, weight| total.wrapping_add(i32::from(*weight)))
}
