//! Packing buffers with known lifetimes into the smallest arena.
//!
//! Every packing can be pressed down until each buffer rests on the arena's floor or on one that is
//! alive with it, without growing. So some order of the buffers, each put into the lowest gap that is free
//! during its life, gives an optimal packing, and the search is one over orders:
//!
//! ```text
//! try a few orders that are often optimal: largest first, longest-lived first, alternating ends, in time
//! while above the lower bound, and tries are left: swap some buffers of the best order, keep it if not worse
//! ```
//!
//! The lower bound, the most bytes alive at one step, ends the search at once for chains of layers: two
//! neighbours at opposite ends of the arena always fit.

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

/// Where each buffer lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packing {
    /// By buffer.
    pub offsets: Vec<usize>,
    /// Size of the arena.
    pub bytes: usize,
    /// The most bytes alive at one step, without gaps for alignment.
    pub lower_bound_bytes: usize,
}

/// Orders tried by swapping; each costs some microseconds in networks of usual size.
const TRIES: usize = 3_000;

/// Packs the buffers. Deterministic.
pub(crate) fn pack(buffers: &[Buffer]) -> Packing {
    let lower_bound_bytes = most_alive(buffers, |buffer| buffer.bytes);
    let reachable = reachable(buffers);
    let mut best = Candidate::of(buffers, by_size(buffers));
    for order in [by_area(buffers), by_time(buffers), from_both_ends(buffers)] {
        best = best.better(Candidate::of(buffers, order));
    }
    let mut random = Random(0x9E37_79B9_7F4A_7C15); // 2^64 / golden ratio: any odd constant would do
    for _ in 0..TRIES {
        if best.bytes <= reachable {
            break;
        }
        let mut order = best.order.clone();
        for _ in 0..=random.below(3) {
            order.swap(random.below(buffers.len()), random.below(buffers.len()));
        }
        best = Candidate::of(buffers, order).better(best);
    }
    Packing { offsets: best.offsets, bytes: best.bytes, lower_bound_bytes }
}

/// The packing that an order gives.
struct Candidate {
    order: Vec<usize>,
    offsets: Vec<usize>,
    bytes: usize,
}

impl Candidate {
    /// Puts each buffer of `order` into the lowest gap that is free during its life.
    fn of(buffers: &[Buffer], order: Vec<usize>) -> Self {
        let mut offsets = vec![0; buffers.len()];
        // Placed buffers by offset.
        let mut placed: Vec<usize> = Vec::with_capacity(buffers.len());
        let mut bytes = 0;
        for &index in &order {
            let buffer = &buffers[index];
            let mut offset = 0usize;
            for &other in placed.iter().filter(|other| overlap(buffer, &buffers[**other])) {
                if offset + buffer.bytes <= offsets[other] {
                    break;
                }
                let end = offsets[other] + buffers[other].bytes;
                offset = offset.max(end.next_multiple_of(buffer.alignment));
            }
            offsets[index] = offset;
            bytes = bytes.max(offset + buffer.bytes);
            let position = placed.partition_point(|other| offsets[*other] <= offset);
            placed.insert(position, index);
        }
        Self { order, offsets, bytes }
    }

    /// The smaller one; `self` if they are equal.
    fn better(self, other: Self) -> Self {
        if other.bytes < self.bytes { other } else { self }
    }
}

fn overlap(one: &Buffer, other: &Buffer) -> bool {
    one.first <= other.last && other.first <= one.last
}

/// The largest sum of `size` over the buffers alive at one step.
fn most_alive(buffers: &[Buffer], size: impl Fn(&Buffer) -> usize) -> usize {
    // The maximum is reached where some buffer begins.
    let at = |step: usize| {
        let alive = buffers.iter().filter(|buffer| buffer.first <= step && step <= buffer.last);
        alive.map(&size).sum::<usize>()
    };
    buffers.iter().map(|buffer| at(buffer.first)).max().unwrap_or(0)
}

/// A size that no packing beats: at each step all buffers but the topmost end in a gap for alignment.
fn reachable(buffers: &[Buffer]) -> usize {
    let alignment = buffers.iter().map(|buffer| buffer.alignment).min().unwrap_or(1);
    let gap = |buffer: &Buffer| buffer.bytes.next_multiple_of(alignment) - buffer.bytes;
    let largest_gap = buffers.iter().map(gap).max().unwrap_or(0);
    most_alive(buffers, |buffer| buffer.bytes + gap(buffer)).saturating_sub(largest_gap)
}

fn by_size(buffers: &[Buffer]) -> Vec<usize> {
    sorted(buffers, |_, buffer| std::cmp::Reverse(buffer.bytes))
}

fn by_area(buffers: &[Buffer]) -> Vec<usize> {
    sorted(buffers, |_, buffer| {
        std::cmp::Reverse(buffer.bytes.saturating_mul(buffer.last - buffer.first + 1))
    })
}

fn by_time(buffers: &[Buffer]) -> Vec<usize> {
    sorted(buffers, |_, buffer| (buffer.first, buffer.last))
}

/// Every other buffer in time on the floor, the others hanging from the ceiling of an arena of the lower
/// bound: optimal for chains. In the order of their offsets, pressing down keeps that.
fn from_both_ends(buffers: &[Buffer]) -> Vec<usize> {
    let aligned = |buffer: &Buffer| buffer.bytes.next_multiple_of(buffer.alignment);
    let ceiling = most_alive(buffers, aligned);
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

/// Xorshift64: the same swaps on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::{Buffer, Packing, overlap, pack};
    use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, proptest};

    fn chain(sizes: &[usize]) -> Vec<Buffer> {
        let buffer = |(step, bytes): (usize, &usize)| Buffer {
            bytes: *bytes,
            alignment: 4,
            first: step.saturating_sub(1),
            last: step,
        };
        sizes.iter().enumerate().map(buffer).collect()
    }

    fn any_buffer() -> impl Strategy<Value = Buffer> {
        (1..5_000usize, any::<bool>(), 0..12usize, 0..5usize).prop_map(
            |(bytes, wide, first, life)| Buffer {
                bytes,
                alignment: if wide { 8 } else { 4 },
                first,
                last: first + life,
            },
        )
    }

    fn assert_sound(buffers: &[Buffer], packing: &Packing) {
        for (index, one) in buffers.iter().enumerate() {
            let start = packing.offsets[index];
            assert!(start.is_multiple_of(one.alignment));
            assert!(start + one.bytes <= packing.bytes);
            for (other_index, other) in buffers.iter().enumerate().skip(index + 1) {
                let other_start = packing.offsets[other_index];
                let apart = start + one.bytes <= other_start || other_start + other.bytes <= start;
                assert!(apart || !overlap(one, other), "{index} and {other_index} overlap");
            }
        }
    }

    proptest! {
        // Each case packs by thousands of tries; these already take a second.
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn live_buffers_never_share_a_byte(buffers in proptest::collection::vec(any_buffer(), 0..24)) {
            let packing = pack(&buffers);
            assert_sound(&buffers, &packing);
            prop_assert!(packing.bytes >= packing.lower_bound_bytes);
        }

        #[test]
        fn chains_reach_the_lower_bound_up_to_alignment(
            sizes in proptest::collection::vec(1..9_000usize, 1..40),
        ) {
            let packing = pack(&chain(&sizes));
            assert_sound(&chain(&sizes), &packing);
            prop_assert!(packing.bytes < packing.lower_bound_bytes + 4);
        }

        #[test]
        fn chains_of_whole_words_reach_the_lower_bound(
            sizes in proptest::collection::vec((1..2_000usize).prop_map(|words| 4 * words), 1..40),
        ) {
            let packing = pack(&chain(&sizes));
            prop_assert_eq!(packing.bytes, packing.lower_bound_bytes);
        }

        #[test]
        fn small_sets_are_packed_optimally(buffers in proptest::collection::vec(any_buffer(), 1..6)) {
            prop_assert_eq!(pack(&buffers).bytes, exhaustive(&buffers));
        }
    }

    /// The best of all orders.
    fn exhaustive(buffers: &[Buffer]) -> usize {
        fn permute(buffers: &[Buffer], order: &mut Vec<usize>, best: &mut usize) {
            if order.len() == buffers.len() {
                *best = (*best).min(super::Candidate::of(buffers, order.clone()).bytes);
            }
            for index in 0..buffers.len() {
                if !order.contains(&index) {
                    order.push(index);
                    permute(buffers, order, best);
                    order.pop();
                }
            }
        }
        let mut best = usize::MAX;
        permute(buffers, &mut Vec::new(), &mut best);
        best
    }

    #[test]
    fn greedy_by_size_alone_would_fail_here() {
        // Largest first puts the third on the fourth and leaves no gap for the second: 17 words for 13.
        let words = [6, 4, 5, 8].map(|words| 4 * words);
        assert_eq!(pack(&chain(&words)).bytes, 4 * 13);
    }

    #[test]
    fn nothing_needs_nothing() {
        assert_eq!(pack(&[]), Packing { offsets: vec![], bytes: 0, lower_bound_bytes: 0 });
    }
}
