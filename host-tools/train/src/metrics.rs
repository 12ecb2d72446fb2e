//! How good predictions are.

/// The index of the largest score; of the first one, if several are.
pub fn largest<T: PartialOrd + Copy>(scores: &[T]) -> usize {
    let mut best = 0;
    for (index, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = index;
        }
    }
    best
}
