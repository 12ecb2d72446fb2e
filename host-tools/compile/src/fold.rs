//! The input's zero point folded into the bias, and the proof that no accumulator leaves int32.
//!
//! `sum((x - z) * w) = sum(x * w) - z * sum(w)`: the second term is a constant of the channel, so the
//! kernels multiply plain codes and padding holds the byte `z`.

use crate::error::CompileError;

/// The largest magnitude of an int8 code.
const MAX_CODE: u64 = 128;

/// Folds `-input_zero_point * sum(weights)` into each bias and proves
/// `|bias| + 128 * sum|w| < 2^31` for it: then no partial sum, in any order, overflows an int32.
///
/// `weights` are `[oc, taps]`, `bias` is `[oc]`; `node` is for the message.
///
/// # Errors
/// [`CompileError::AccumulatorOverflow`] names the first channel without the proof.
pub(crate) fn fold_zero_point(
    node: &str,
    weights: &[i8],
    bias: &[i32],
    input_zero_point: i8,
) -> Result<Vec<i32>, CompileError> {
    let taps = weights.len() / bias.len().max(1);
    let channels = weights.chunks_exact(taps.max(1)).zip(bias).enumerate();
    channels
        .map(|(channel, (weights, bias))| {
            let sum: i64 = weights.iter().map(|w| i64::from(*w)).sum();
            let magnitude: u64 = weights.iter().map(|w| u64::from(w.unsigned_abs())).sum();
            let folded = i64::from(*bias) - i64::from(input_zero_point) * sum;
            let bound = folded.unsigned_abs() + MAX_CODE * magnitude;
            let overflow =
                || CompileError::AccumulatorOverflow { node: node.into(), channel, bound };
            if bound > u64::from(i32::MAX.unsigned_abs()) {
                return Err(overflow());
            }
            i32::try_from(folded).map_err(|_| overflow())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::fold_zero_point;
    use crate::CompileError;

    #[test]
    fn the_zero_point_times_the_sum_of_weights_moves_into_the_bias() {
        let folded = fold_zero_point("n", &[1, 2, -3, 127], &[10, -5], -128).expect("fits");
        assert_eq!(folded, [10 + 128 * 3, -5 + 128 * 124]);
    }

    #[test]
    fn the_bound_is_proved_up_to_the_last_unit() {
        // |bias| + 128 * 1 <= 2^31 - 1 holds for this bias and not for one more.
        let limit = i32::MAX - 128;
        assert_eq!(fold_zero_point("n", &[1], &[limit], 0).expect("fits"), [limit]);
        for bias in [limit + 1, i32::MIN, -limit - 1] {
            let error = fold_zero_point("n", &[0, 1], &[0, bias], 0).expect_err("may overflow");
            assert!(
                matches!(error, CompileError::AccumulatorOverflow { channel: 1, .. }),
                "{error}"
            );
        }
        assert!(fold_zero_point("n", &[127], &[i32::MAX], 127).is_err());
    }
}
