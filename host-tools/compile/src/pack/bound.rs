//! What no packing can beat: the most bytes that are alive at one step, counting once what maps can share.

use super::constraint::most_shared;
use super::{Buffer, Pair};

/// The most bytes alive at one step, without gaps for alignment.
pub(super) fn lower_bound(buffers: &[Buffer], pairs: &[Pair]) -> usize {
    most_alive(buffers, pairs, |buffer| buffer.bytes)
}

/// A size that no packing beats: at each step all buffers but the topmost end in a gap for alignment.
pub(super) fn reachable(buffers: &[Buffer], pairs: &[Pair]) -> usize {
    let alignment = buffers.iter().map(|buffer| buffer.alignment).min().unwrap_or(1);
    let gap = |buffer: &Buffer| buffer.bytes.next_multiple_of(alignment) - buffer.bytes;
    let largest_gap = buffers.iter().map(gap).max().unwrap_or(0);
    most_alive(buffers, pairs, |buffer| buffer.bytes + gap(buffer)).saturating_sub(largest_gap)
}

/// The largest sum of `size` over the buffers alive at one step, less what the pairs of that step share.
pub(super) fn most_alive(
    buffers: &[Buffer],
    pairs: &[Pair],
    size: impl Fn(&Buffer) -> usize,
) -> usize {
    // The maximum is reached where some buffer begins.
    let at = |step: usize| {
        let alive = buffers.iter().filter(|buffer| buffer.first <= step && step <= buffer.last);
        alive.map(&size).sum::<usize>().saturating_sub(shared(buffers, pairs, step, &size))
    };
    let mut steps: Vec<usize> = buffers.iter().map(|buffer| buffer.first).collect();
    steps.sort_unstable();
    steps.dedup();
    steps.into_iter().map(at).max().unwrap_or(0)
}

/// What the outputs born at `step` can share with their inputs at most.
fn shared(
    buffers: &[Buffer],
    pairs: &[Pair],
    step: usize,
    size: &impl Fn(&Buffer) -> usize,
) -> usize {
    let here: Vec<&Pair> = pairs.iter().filter(|pair| buffers[pair.output].first == step).collect();
    let one = |pair: &&Pair| {
        let [input, output] = [pair.input, pair.output].map(|index| size(&buffers[index]));
        most_shared(pair.overlap, input, output)
    };
    let all: usize = here.iter().map(one).sum();
    // Two inputs of one output lie apart: together they share no more than the output has.
    all.min(here.first().map_or(0, |pair| size(&buffers[pair.output])))
}
