//! Cutting a set into parts that are alike, so that each can be judged by networks that learned from the others.

use crate::Random;

/// The stream of [`Random`] that the parts come from; an epoch's order comes from that of its number.
const STREAM: u64 = u64::MAX;

/// Which of `folds` parts each picture is in: every class is dealt out evenly, in an order from the seed.
///
/// # Panics
/// If `folds` is 0.
pub fn folds_of(labels: &[usize], folds: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<u32> = (0..labels.len() as u32).collect();
    Random::new(seed, STREAM).shuffle(&mut order);
    let mut dealt = vec![0; labels.iter().max().map_or(0, |&label| label + 1)];
    let mut fold_of = vec![0; labels.len()];
    for index in order {
        let index = index as usize;
        let count = &mut dealt[labels[index]];
        fold_of[index] = *count % folds;
        *count += 1;
    }
    fold_of
}

#[cfg(test)]
mod tests {
    use super::folds_of;

    #[test]
    fn every_class_is_dealt_out_evenly() {
        let labels: Vec<usize> = (0..31).map(|index| index % 3).collect();
        let fold_of = folds_of(&labels, 4, 1);
        for class in 0..3 {
            let mut counts = [0; 4];
            (0..31)
                .filter(|index| index % 3 == class)
                .for_each(|index| counts[fold_of[index]] += 1);
            assert!(counts.iter().all(|count| (2..=3).contains(count)), "{counts:?}");
        }
        assert_eq!(fold_of, folds_of(&labels, 4, 1));
        assert_ne!(fold_of, folds_of(&labels, 4, 2));
        assert!(folds_of(&[], 4, 1).is_empty());
    }
}
