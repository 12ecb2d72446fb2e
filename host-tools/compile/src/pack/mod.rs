//! Packing buffers with known lifetimes into the smallest arena.
//!
//! A packing can be pressed down until each buffer rests on the arena's floor or on another one. So some order of
//! the buffers, each put at the lowest place that those before it allow, gives a good packing (an optimal one
//! where all lie apart), and the search is one over orders:
//!
//! ```text
//! try a few orders that are often optimal: largest first, longest-lived first, alternating ends, in time
//! while above the lower bound, and tries are left: move some buffers of the best order, keep it if not worse
//! ```
//!
//! An output may lie partly on the input that dies where it is born; how far, its kernel says.

mod bound;
mod constraint;
#[cfg(test)]
mod tests;

pub(crate) use bound::peak;
use constraint::{Neighbour, neighbours};
use thumbnet_kernels::order::Overlap;

/// A buffer: how large, and when alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Buffer {
    /// Size.
    pub bytes: usize,
    /// Its offset is a multiple of this power of two.
    pub alignment: usize,
    /// First step at which it is alive.
    pub first: usize,
    /// Last step at which it is alive.
    pub last: usize,
}

/// An input that dies in the step that makes an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    /// Buffer that dies.
    pub input: usize,
    /// Buffer that is born.
    pub output: usize,
    /// How they may share memory. Its step is a multiple of both alignments.
    pub overlap: Overlap,
}

/// Where each buffer lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packing {
    /// By buffer.
    pub offsets: Vec<usize>,
    /// Size of the arena.
    pub bytes: usize,
    /// The most bytes alive at one step, without gaps for alignment: no packing needs less.
    pub lower_bound_bytes: usize,
}

/// Orders tried; each costs some microseconds in networks of usual size.
const TRIES: usize = 6_000;
/// Orders tried where packings are only compared.
const FEW_TRIES: usize = 200;
/// Fewer in large networks: placements of buffers beside their neighbours in all tries.
const MOST_STEPS: usize = 50_000_000;

/// Packs the buffers. Deterministic.
pub(crate) fn pack(buffers: &[Buffer], pairs: &[Pair]) -> Packing {
    pack_with(buffers, pairs, TRIES)
}

/// As [`pack`], with less effort.
pub(crate) fn pack_quickly(buffers: &[Buffer], pairs: &[Pair]) -> Packing {
    pack_with(buffers, pairs, FEW_TRIES)
}

fn pack_with(buffers: &[Buffer], pairs: &[Pair], tries: usize) -> Packing {
    let neighbours = neighbours(buffers, pairs);
    let reachable = bound::reachable(buffers, pairs);
    let candidate = |order| Candidate::of(buffers, &neighbours, order);
    let mut best = candidate(by_size(buffers));
    for order in [by_area(buffers), by_time(buffers), by_end(buffers), from_both_ends(buffers)] {
        best = best.better(candidate(order));
    }
    let mut random = Random(0x9E37_79B9_7F4A_7C15); // 2^64 / golden ratio: any odd constant would do
    let steps: usize = neighbours.iter().map(|neighbours| 1 + neighbours.len()).sum();
    for _ in 0..tries.min(MOST_STEPS / steps.max(1)) {
        if best.bytes <= reachable {
            break;
        }
        let mut order = best.order.clone();
        for _ in 0..=random.below(3) {
            random.change(&mut order);
        }
        best = candidate(order).better(best);
    }
    let (lower_bound_bytes, _) = peak(buffers, pairs);
    Packing { offsets: best.offsets, bytes: best.bytes, lower_bound_bytes }
}

/// The packing that an order gives.
struct Candidate {
    order: Vec<usize>,
    offsets: Vec<usize>,
    bytes: usize,
}

impl Candidate {
    /// Puts each buffer of `order` to the lowest place that those before it allow.
    fn of(buffers: &[Buffer], neighbours: &[Vec<Neighbour>], order: Vec<usize>) -> Self {
        let mut offsets = vec![usize::MAX; buffers.len()];
        let mut bytes = 0;
        for &index in &order {
            let offset = lowest(buffers, &neighbours[index], &offsets, index);
            offsets[index] = offset;
            bytes = bytes.max(offset + buffers[index].bytes);
        }
        Self { order, offsets, bytes }
    }

    /// The smaller one; `self` if they are equal.
    fn better(self, other: Self) -> Self {
        if other.bytes < self.bytes { other } else { self }
    }
}

/// The lowest offset of a buffer beside those neighbours that have an offset.
fn lowest(buffers: &[Buffer], neighbours: &[Neighbour], offsets: &[usize], index: usize) -> usize {
    let mut offset = 0;
    loop {
        let before = offset;
        for neighbour in neighbours {
            let other = offsets[neighbour.index];
            if other != usize::MAX {
                let [buffer, neighbour_buffer] = [index, neighbour.index].map(|i| &buffers[i]);
                offset = neighbour.constraint.lowest(offset, buffer, other, neighbour_buffer);
            }
        }
        // Each one only raises it: where none does, all allow it.
        if offset == before {
            return offset;
        }
    }
}

fn by_size(buffers: &[Buffer]) -> Vec<usize> {
    sorted(buffers, |_, buffer| std::cmp::Reverse(buffer.bytes))
}

fn by_area(buffers: &[Buffer]) -> Vec<usize> {
    sorted(buffers, |_, buffer| {
        std::cmp::Reverse(buffer.bytes.saturating_mul(buffer.last - buffer.first + 1))
    })
}

/// In time from the end: outputs lie below their inputs.
fn by_end(buffers: &[Buffer]) -> Vec<usize> {
    let mut order = by_time(buffers);
    order.reverse();
    order
}

fn by_time(buffers: &[Buffer]) -> Vec<usize> {
    sorted(buffers, |_, buffer| (buffer.first, buffer.last))
}

/// Every other buffer in time on the floor, the others hanging from the ceiling of an arena of the lower
/// bound: optimal for chains. In the order of their offsets, pressing down keeps that.
fn from_both_ends(buffers: &[Buffer]) -> Vec<usize> {
    let aligned = |buffer: &Buffer| buffer.bytes.next_multiple_of(buffer.alignment);
    let ceiling = bound::most_alive(buffers, &[], aligned);
    let mut offsets = vec![0; buffers.len()];
    for (rank, index) in by_time(buffers).into_iter().enumerate() {
        if rank % 2 == 1 {
            offsets[index] = ceiling - aligned(&buffers[index]);
        }
    }
    sorted(buffers, |index, _| offsets[index])
}

/// Indices sorted by a key; equal ones stay in order.
fn sorted<K: Ord>(buffers: &[Buffer], key: impl Fn(usize, &Buffer) -> K) -> Vec<usize> {
    let mut order: Vec<usize> = (0..buffers.len()).collect();
    order.sort_by_key(|index| key(*index, &buffers[*index]));
    order
}

/// Xorshift64: the same changes on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    /// Swaps two items, or moves one to another place.
    fn change(&mut self, order: &mut Vec<usize>) {
        let [from, to] = [(); 2].map(|()| self.below(order.len()));
        if self.below(2) == 0 {
            order.swap(from, to);
        } else {
            let item = order.remove(from);
            order.insert(to, item);
        }
    }
}
