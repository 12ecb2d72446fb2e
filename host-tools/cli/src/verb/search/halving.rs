//! Successive halving: all candidates learn a little, the better half of them more, the better half of those all there is.

use super::state::Candidate;

/// Rounds, of which each trains twice as long as the one before.
const ROUNDS: u32 = 3;

/// The epochs of each round, the last one all of `epochs`; fewer rounds if there are few.
pub(super) fn rounds(epochs: usize) -> Vec<usize> {
    let mut rounds: Vec<usize> =
        (0..ROUNDS).rev().map(|halvings| (epochs >> halvings).max(1)).collect();
    rounds.dedup();
    rounds
}

/// The better half of `alive` by their results of a round, in the order of their numbers. Of equal ones those with fewer
/// instructions go on, then those that came first; a failed one only if there is nothing else.
pub(super) fn better_half(alive: &[usize], candidates: &[Candidate], round: usize) -> Vec<usize> {
    let mut ranked = alive.to_vec();
    ranked.sort_by_key(|&number| {
        let candidate = &candidates[number];
        let result = &candidate.results[round];
        let failed = result.failed.is_some();
        (failed, std::cmp::Reverse(result.right), candidate.instructions, number)
    });
    ranked.truncate(alive.len().div_ceil(2));
    ranked.sort_unstable();
    ranked
}

/// Which points no other is better than: at least as accurate and as cheap in everything, and better in something. Of equal
/// points, all.
pub(super) fn front(points: &[Point]) -> Vec<bool> {
    points.iter().map(|point| !points.iter().any(|other| other.beats(point))).collect()
}

/// What a network gives and takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) right: usize,
    pub(super) flash_bytes: usize,
    pub(super) ram_bytes: usize,
    pub(super) instructions: u64,
}

impl Point {
    fn beats(&self, other: &Self) -> bool {
        self != other
            && self.right >= other.right
            && self.flash_bytes <= other.flash_bytes
            && self.ram_bytes <= other.ram_bytes
            && self.instructions <= other.instructions
    }
}

#[cfg(test)]
mod tests {
    use super::{Point, better_half, front, rounds};
    use crate::verb::search::design::Design;
    use crate::verb::search::state::{Candidate, RoundResult};
    use thumbnet_data::Random;

    #[test]
    fn each_round_doubles_the_epochs() {
        assert_eq!(rounds(12), [3, 6, 12]);
        assert_eq!(rounds(9), [2, 4, 9]);
        assert_eq!(rounds(2), [1, 2]);
        assert_eq!(rounds(1), [1]);
    }

    fn candidate(right: usize, instructions: u64, failed: bool) -> Candidate {
        let failed = failed.then(|| "diverged".to_owned());
        Candidate {
            design: Design::draw(&mut Random::new(1, 0), [8, 8, 1]),
            flash_bytes: 1,
            ram_bytes: 1,
            instructions,
            results: vec![RoundResult { epochs: 1, right, held_out: 100, failed }],
        }
    }

    #[test]
    fn the_better_half_goes_on_in_the_order_of_numbers() {
        let candidates = [
            candidate(50, 9, false),
            candidate(70, 9, false),
            candidate(0, 1, true),
            candidate(60, 8, false),
            candidate(60, 7, false),
        ];
        assert_eq!(better_half(&[0, 1, 2, 3, 4], &candidates, 0), [1, 3, 4]);
        assert_eq!(better_half(&[0, 3, 4], &candidates, 0), [3, 4]);
        assert_eq!(better_half(&[3, 4], &candidates, 0), [4]);
        assert_eq!(better_half(&[0, 2], &candidates, 0), [0]);
        assert_eq!(better_half(&[2], &candidates, 0), [2]);
    }

    #[test]
    fn the_front_is_what_nothing_beats() {
        let point = |right, flash_bytes, ram_bytes, instructions| Point {
            right,
            flash_bytes,
            ram_bytes,
            instructions,
        };
        let points = [
            point(90, 10, 10, 10),
            point(90, 10, 10, 10),
            point(89, 10, 10, 10),
            point(80, 10, 10, 9),
            point(95, 99, 99, 99),
            point(95, 99, 99, 100),
        ];
        assert_eq!(front(&points), [true, true, false, true, true, false]);
        assert_eq!(front(&[]), [false; 0]);
    }
}
