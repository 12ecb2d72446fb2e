//! Dense layer: eight outputs at a time, the rest by pairs.

use crate::intrin::{dense_tile, smlad, sxtb16, sxtb16_ror8};
use crate::packed::PackedDense;
use crate::requantize::Requantize;

/// As [`crate::packed::packed_dense()`].
///
/// Inputs become halfwords as they are read, so there is no scratch memory. About 1.0 instructions a
/// multiplication in whole eights of outputs, 1.8 in the rest.
pub fn dense<R: Requantize>(layer: &PackedDense<'_, R>, input: &[i8], output: &mut [i8]) {
    if !layer.describes(input, output) {
        return;
    }
    let steps = input.len().div_ceil(16);
    let (eights, _) = layer.weights.as_chunks::<32>();
    let in_eights = output.len() / 8;
    let (codes, rest) = output.split_at_mut_checked(in_eights * 8).unwrap_or_default();
    let mut channel = 0;
    for (codes, weights) in codes.chunks_exact_mut(8).zip(eights.chunks_exact(steps.max(1))) {
        let sums = tile_with_tail(input, weights);
        let biases = layer.bias.get(channel..).unwrap_or_default();
        layer.requantize.requantize_channels(channel, &sums, biases, codes);
        channel += 8;
    }
    let (pairs, _) =
        layer.weights.get(in_eights * steps * 32..).unwrap_or_default().as_chunks::<8>();
    for (codes, weights) in rest.chunks_mut(2).zip(pairs.chunks_exact(steps.max(1))) {
        let sums = pair_with_tail(input, weights);
        let biases = layer.bias.get(channel..).unwrap_or_default();
        layer.requantize.requantize_channels(channel, &sums, biases, codes);
        channel += 2;
    }
}

/// The last inputs, filled up to a whole step; their weights are 0 there.
#[inline]
fn padded(tail: &[i8]) -> [i8; 16] {
    let mut step = [0; 16];
    for (to, from) in step.iter_mut().zip(tail) {
        *to = *from;
    }
    step
}

fn tile_with_tail(input: &[i8], weights: &[[i32; 32]]) -> [i32; 8] {
    let (whole, tail) = input.as_chunks::<16>();
    let mut sums = dense_tile(whole, weights);
    if !tail.is_empty() {
        let last = weights.get(whole.len()..).unwrap_or_default();
        for (sum, more) in sums.iter_mut().zip(dense_tile(&[padded(tail)], last)) {
            *sum = sum.wrapping_add(more);
        }
    }
    sums
}

fn pair_with_tail(input: &[i8], weights: &[[i32; 8]]) -> [i32; 2] {
    let (whole, tail) = input.as_chunks::<16>();
    let last = [padded(tail)];
    let last: &[_] = if tail.is_empty() { &[] } else { &last };
    let steps = whole.iter().chain(last);
    let [mut mixed, mut plain] = [0, 0];
    for (step, weights) in steps.zip(weights) {
        for (quad, words) in step.as_chunks::<4>().0.iter().zip(weights.as_chunks::<2>().0) {
            let quad = u32::from_le_bytes(quad.map(|code| code as u8));
            let [x02, x13] = [sxtb16(quad), sxtb16_ror8(quad)];
            let [w02, w13] = words.map(|word| word as u32);
            mixed = smlad(w13, x13, smlad(w02, x02, mixed));
            plain = smlad(sxtb16(w13), x13, smlad(sxtb16(w02), x02, plain));
        }
    }
    [plain, mixed.wrapping_sub(plain) >> 8]
}
