//! Dense layer: eight outputs at a time, the rest by pairs.

use crate::intrin::{DenseInputs as Inputs, dense_tile, smlad, sxtb16, sxtb16_ror8};
use crate::map::{Map, word};
use crate::packed::{DENSE_RUN_STEPS as RUN_STEPS, PackedDense};
use crate::requantize::Requantize;
use core::cell::Cell;

/// As [`crate::packed::packed_dense()`].
///
/// Inputs become halfwords as they are read, so there is no scratch memory. About 1.0 instructions a
/// multiplication in whole eights of outputs, 1.8 in the rest.
pub fn dense<R: Requantize>(layer: &PackedDense<'_, R>, input: &Map, output: &Map) {
    if !layer.describes(input, output) {
        return;
    }
    let steps = input.len().div_ceil(16);
    let (eights, _) = layer.weights.as_chunks::<32>();
    let in_eights = output.len() / 8;
    let (codes, rest) = output.split_at_checked(in_eights * 8).unwrap_or_default();
    let mut channel = 0;
    for (codes, weights) in codes.chunks_exact(8).zip(eights.chunks_exact(steps.max(1))) {
        let sums = tile_with_tail(input, weights);
        let biases = layer.bias.get(channel..).unwrap_or_default();
        layer.requantize.requantize_channels(channel, &sums, biases, codes);
        channel += 8;
    }
    let (pairs, _) =
        layer.weights.get(in_eights * steps * 32..).unwrap_or_default().as_chunks::<8>();
    for (codes, weights) in rest.chunks(2).zip(pairs.chunks_exact(steps.max(1))) {
        let sums = pair_with_tail(input, weights);
        let biases = layer.bias.get(channel..).unwrap_or_default();
        layer.requantize.requantize_channels(channel, &sums, biases, codes);
        channel += 2;
    }
}

/// The last inputs, filled up to a whole step; their weights are 0 there.
#[inline]
fn padded(tail: &Map) -> [Cell<i8>; 16] {
    let step = [const { Cell::new(0) }; 16];
    for (to, from) in step.iter().zip(tail) {
        to.set(from.get());
    }
    step
}

fn tile_with_tail(input: &Map, weights: &[[i32; 32]]) -> [i32; 8] {
    in_runs(input, weights, dense_tile)
}

fn pair_with_tail(input: &Map, weights: &[[i32; 8]]) -> [i32; 2] {
    in_runs(input, weights, |steps, weights| {
        let [mut mixed, mut plain] = [0, 0];
        for (step, weights) in steps.iter().zip(weights) {
            for (quad, words) in step.as_chunks::<4>().0.iter().zip(weights.as_chunks::<2>().0) {
                let quad = word(quad);
                let [x02, x13] = [sxtb16(quad), sxtb16_ror8(quad)];
                let [w02, w13] = words.map(|word| word as u32);
                mixed = smlad(w13, x13, smlad(w02, x02, mixed));
                plain = smlad(sxtb16(w13), x13, smlad(sxtb16(w02), x02, plain));
            }
        }
        [plain, mixed.wrapping_sub(plain) >> 8]
    })
}

/// The sums of `tile` over runs of steps, each short enough to be exact, and over the tail.
#[inline(always)]
fn in_runs<const CHANNELS: usize, const WORDS: usize>(
    input: &Map,
    weights: &[[i32; WORDS]],
    tile: impl Fn(&[Inputs], &[[i32; WORDS]]) -> [i32; CHANNELS],
) -> [i32; CHANNELS] {
    let (whole, tail) = input.as_chunks::<16>();
    let mut runs = whole.chunks(RUN_STEPS).zip(weights.chunks(RUN_STEPS));
    let mut sums = runs.next().map_or([0; CHANNELS], |(steps, weights)| tile(steps, weights));
    let mut add = |more: [i32; CHANNELS]| {
        for (sum, more) in sums.iter_mut().zip(more) {
            *sum = sum.wrapping_add(more);
        }
    };
    for (steps, weights) in runs {
        add(tile(steps, weights));
    }
    if !tail.is_empty() {
        add(tile(&[padded(tail)], weights.get(whole.len()..).unwrap_or_default()));
    }
    sums
}
