//! Loops over whole maps, compiled once for each instruction set and chosen at run time.
//!
//! Products and sums are kept apart (no fused multiply-add), so that every variant gives the same bits.

use super::real::Real;
use pulp::{Arch, Simd, WithSimd};

/// Runs `body`, an `#[inline(always)]` closure, compiled for the machine's best instruction set.
#[inline(always)]
pub(crate) fn vectorized(body: impl FnMut()) {
    Arch::new().dispatch(Body(body));
}

/// A closure as pulp's `WithSimd`. (Handed over directly, its `FnOnce` shim is a function of its own, which the
/// compiler builds for the plainest instruction set.)
struct Body<F>(F);

impl<F: FnMut()> WithSimd for Body<F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) {
        (self.0)();
    }
}

/// Adds `bias[c]` to every position of a map of `bias.len()` channels, then clamps at 0 if `relu`; a layer without bias
/// leaves its sums to the layer after it.
pub(crate) fn add_bias<T: Real>(map: &mut [T], bias: &[T], relu: bool) {
    if bias.is_empty() {
        return;
    }
    vectorized(
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
    vectorized(
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
    vectorized(
        #[inline(always)]
        || {
            for (gradient, &output) in gradient.iter_mut().zip(output) {
                *gradient = if output > T::ZERO { *gradient } else { T::ZERO };
            }
        },
    );
}

/// `output = a + b`, clamped at 0 if `relu`.
pub(crate) fn sum<T: Real>(a: &[T], b: &[T], output: &mut [T], relu: bool) {
    vectorized(
        #[inline(always)]
        || {
            for (output, (&a, &b)) in output.iter_mut().zip(a.iter().zip(b)) {
                let sum = a + b;
                *output = if relu && sum < T::ZERO { T::ZERO } else { sum };
            }
        },
    );
}

/// Adds every position of a map of `sums.len()` channels to `sums`, in order; nothing where there is no bias to learn.
pub(crate) fn add_positions<T: Real>(sums: &mut [T], map: &[T]) {
    if sums.is_empty() {
        return;
    }
    vectorized(
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
    vectorized(
        #[inline(always)]
        || {
            for (target, &value) in target.iter_mut().zip(values) {
                *target += value;
            }
        },
    );
}

/// Moves `target` a share of the way to `values`.
pub(crate) fn approach<T: Real>(target: &mut [T], values: &[T], share: T) {
    vectorized(
        #[inline(always)]
        || {
            for (target, &value) in target.iter_mut().zip(values) {
                *target += (value - *target) * share;
            }
        },
    );
}
