//! Two inner products in one pass: a multiplication computes two products in the halves of a word.
//!
//! A word holds the inputs of two positions, negated: `word = -first - (second << 16)`. Then
//!
//! ```text
//! word * weight = low + (high << 16)        low = -first * weight, high = -second * weight
//! ```
//!
//! and so for sums of such products, as long as the low half does not overflow. A product lies in
//! `-2^14..=127 * 128`, since the negated inputs lie in `-127..=128`; so the sum of two lies in `-2^15..2^15`, which a
//! half holds for all weights. (Not negated, twice `-128 * -128` would overflow.) After two products the high half is
//! taken out: `(sum + 2^15) >> 16` rounds the low half away. The whole sums are added up as they are; at the
//! end the low total is what the high totals leave of them.

/// Adds the negated inner products of the two positions with each filter to the filter's sums, `sums[position][filter]`.
/// A filter's weights for these words are the first of each `stride` in `weights`. Wraps at 2^32.
///
/// Never inlined: the loops need all registers that the smallest core has.
#[inline(never)]
pub(super) fn add_inner_products(
    words: &[i32],
    weights: &[i8],
    stride: usize,
    [low_sums, high_sums]: [&mut [i32]; 2],
) {
    let mut rest = weights;
    for (low_sum, high_sum) in low_sums.iter_mut().zip(high_sums) {
        let [low, high] = inner_products(words, rest);
        *low_sum = low_sum.wrapping_add(low);
        *high_sum = high_sum.wrapping_add(high);
        rest = rest.get(stride..).unwrap_or_default();
    }
}

/// Low and high half of the sum over i of `words[i] * weights[i]`, up to the length of the shorter.
#[inline(always)]
fn inner_products(words: &[i32], weights: &[i8]) -> [i32; 2] {
    let len = words.len().min(weights.len());
    let words = words.get(..len).unwrap_or_default();
    let weights = weights.get(..len).unwrap_or_default();
    let mut totals = Totals::default();
    let (words, weights) = totals.add_chunks::<32>(words, weights);
    let (words, weights) = totals.add_chunks::<8>(words, weights);
    totals.add(words, weights);
    totals.halves()
}

#[derive(Clone, Copy, Default)]
struct Totals {
    whole: i32,
    high: i32,
}

impl Totals {
    /// Adds whole chunks of `LEN`, whose loop LLVM unrolls, and returns what is left.
    #[inline(always)]
    fn add_chunks<'a, const LEN: usize>(
        &mut self,
        words: &'a [i32],
        weights: &'a [i8],
    ) -> (&'a [i32], &'a [i8]) {
        let (words, other_words) = words.as_chunks::<LEN>();
        let (weights, other_weights) = weights.as_chunks::<LEN>();
        for (words, weights) in words.iter().zip(weights) {
            self.add(words, weights);
        }
        (other_words, other_weights)
    }

    #[inline(always)]
    fn add(&mut self, words: &[i32], weights: &[i8]) {
        let (words, last_word) = words.as_chunks::<2>();
        let (weights, last_weight) = weights.as_chunks::<2>();
        for ([word, other_word], [weight, other_weight]) in words.iter().zip(weights) {
            self.add_sum(product(*word, *weight).wrapping_add(product(*other_word, *other_weight)));
        }
        for (word, weight) in last_word.iter().zip(last_weight) {
            self.add_sum(product(*word, *weight));
        }
    }

    #[inline(always)]
    fn add_sum(&mut self, sum: i32) {
        self.whole = self.whole.wrapping_add(sum);
        self.high = self.high.wrapping_add(sum.wrapping_add(1 << 15) >> 16);
    }

    #[inline(always)]
    fn halves(self) -> [i32; 2] {
        [self.whole.wrapping_sub(self.high << 16), self.high]
    }
}

#[inline(always)]
fn product(word: i32, weight: i8) -> i32 {
    word.wrapping_mul(i32::from(weight))
}

#[cfg(test)]
mod tests {
    use super::inner_products;
    use std::vec::Vec;

    fn word(first: i8, second: i8) -> i32 {
        (-i32::from(first)).wrapping_sub(i32::from(second) << 16)
    }

    fn expected(inputs: &[[i8; 2]], weights: &[i8]) -> [i32; 2] {
        [0, 1].map(|half| {
            let products = inputs.iter().zip(weights);
            -products
                .map(|(input, weight)| i32::from(input[half]) * i32::from(*weight))
                .sum::<i32>()
        })
    }

    fn check(inputs: &[[i8; 2]], weights: &[i8]) {
        let words: Vec<i32> = inputs.iter().map(|[first, second]| word(*first, *second)).collect();
        assert_eq!(
            inner_products(&words, weights),
            expected(inputs, weights),
            "{inputs:?} {weights:?}"
        );
    }

    #[test]
    fn extremes_stay_in_their_half() {
        // Miri takes half a minute for what the processor does at once.
        let (extremes, lens): (&[i8], &[usize]) = match cfg!(miri) {
            true => (&[-128, 0, 127], &[0, 1, 33]),
            false => (&[-128, -127, -1, 0, 1, 127], &[0, 1, 2, 3, 15, 16, 17, 18, 33]),
        };
        for &first in extremes {
            for &second in extremes {
                for &weight in extremes {
                    for &len in lens {
                        let weights: Vec<i8> = std::vec![weight; len];
                        check(&std::vec![[first, second]; len], &weights);
                    }
                }
            }
        }
    }

    #[test]
    fn every_pair_of_products_adds_without_overflow() {
        let edges: &[i8] = if cfg!(miri) { &[-128, 127] } else { &[-128, -127, 0, 126, 127] };
        for &a in edges {
            for &b in edges {
                for &weight in edges {
                    for &other in edges {
                        check(&[[a, b], [b, a]], &[weight, other]);
                    }
                }
            }
        }
    }
}
