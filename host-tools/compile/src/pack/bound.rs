//! What no packing can beat: the most bytes that are alive at one step, counting once what maps can share.

use super::constraint::most_shared;
use super::{Buffer, Pair};

/// The most bytes alive at one step, without gaps for alignment, and the first such step.
pub(crate) fn peak(buffers: &[Buffer], pairs: &[Pair]) -> (usize, usize) {
    steps(buffers)
        .into_iter()
        .map(|step| (alive(buffers, pairs, step, &|buffer: &Buffer| buffer.bytes), step))
        .max_by_key(|(bytes, step)| (*bytes, std::cmp::Reverse(*step)))
        .unwrap_or((0, 0))
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
    steps(buffers).into_iter().map(|step| alive(buffers, pairs, step, &size)).max().unwrap_or(0)
}

/// Where some buffer begins: the maximum is reached at one of these.
fn steps(buffers: &[Buffer]) -> Vec<usize> {
    let mut steps: Vec<usize> = buffers.iter().map(|buffer| buffer.first).collect();
    steps.sort_unstable();
    steps.dedup();
    steps
}

/// The sum of `size` over the buffers alive at `step`, less what the pairs of that step share.
fn alive(
    buffers: &[Buffer],
    pairs: &[Pair],
    step: usize,
    size: &impl Fn(&Buffer) -> usize,
) -> usize {
    let alive = buffers.iter().filter(|buffer| buffer.first <= step && step <= buffer.last);
    alive.map(size).sum::<usize>().saturating_sub(shared(buffers, pairs, step, size))
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
    let mut outputs: Vec<usize> = here.iter().map(|pair| pair.output).collect();
    outputs.sort_unstable();
    outputs.dedup();
    // Two inputs of one output lie apart: together they share no more than the output has.
    let most = |output: usize| {
        let all: usize = here.iter().filter(|pair| pair.output == output).map(one).sum();
        all.min(size(&buffers[output]))
    };
    outputs.into_iter().map(most).sum()
}
