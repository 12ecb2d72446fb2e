//! Loops over whole maps, compiled once for each instruction set and chosen at run time.
//!
//! Products and sums are kept apart (no fused multiply-add), so that every variant gives the same bits.

use super::real::Real;
use pulp::Arch;

/// Adds `bias[c]` to every position of a map of `bias.len()` channels, then clamps at 0 if `relu`.
pub(crate) fn add_bias<T: Real>(map: &mut [T], bias: &[T], relu: bool) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for position in map.chunks_exact_mut(bias.len()) {
                for (value, &bias) in position.iter_mut().zip(bias) {
                    let sum = *value + bias;
                    *value = if relu && sum < T::ZERO { T::ZERO } else { sum };
                }
            }
        },
    );
}

/// `output = max(input, 0)`.
pub(crate) fn relu<T: Real>(input: &[T], output: &mut [T]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (output, &value) in output.iter_mut().zip(input) {
                *output = if value < T::ZERO { T::ZERO } else { value };
            }
        },
    );
}

/// Clears the gradient where the ReLU gave 0.
pub(crate) fn mask_by_relu<T: Real>(gradient: &mut [T], output: &[T]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (gradient, &output) in gradient.iter_mut().zip(output) {
                *gradient = if output > T::ZERO { *gradient } else { T::ZERO };
            }
        },
    );
}

/// Adds every position of a map of `sums.len()` channels to `sums`, in order.
pub(crate) fn add_positions<T: Real>(sums: &mut [T], map: &[T]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for position in map.chunks_exact(sums.len()) {
                for (sum, &value) in sums.iter_mut().zip(position) {
                    *sum += value;
                }
            }
        },
    );
}

/// `target += values`, or `target = values` if `replace`.
pub(crate) fn add<T: Real>(target: &mut [T], values: &[T], replace: bool) {
    if replace {
        target.copy_from_slice(values);
        return;
    }
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (target, &value) in target.iter_mut().zip(values) {
                *target += value;
            }
        },
    );
}
