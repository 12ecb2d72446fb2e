//! What a history says: which epoch is kept, and whether the training is over.

use crate::observer::EpochResult;
use crate::recipe::Training;

/// The epoch to keep, from 1: the one with the highest accuracy on the held-out pictures, of equal ones that with the
/// lowest loss on them; the last epoch if nothing is held out. Once the network is trained as its int8 export has it,
/// earlier epochs are another network's.
pub(crate) fn kept_epoch(training: &Training, history: &[EpochResult]) -> usize {
    let mut kept = history.len();
    let mut best: Option<[f64; 2]> = None;
    let first = match history.len().checked_sub(1) {
        Some(last) if training.is_quantized_after(last) => {
            training.epochs - training.quantized_epochs
        }
        _ => 0,
    };
    for (index, result) in history.iter().enumerate().skip(first) {
        let Some(accuracy) = result.held_out_accuracy else { continue };
        let score = [accuracy, -result.held_out_loss.unwrap_or(f64::INFINITY)];
        if best.is_none_or(|best| score > best) {
            best = Some(score);
            kept = index + 1;
        }
    }
    kept
}

/// Whether all epochs are done, or as many as the patience were no better than the best.
pub(crate) fn is_over(training: &Training, history: &[EpochResult]) -> bool {
    let since_best = history.len() - kept_epoch(training, history);
    history.len() >= training.epochs
        || training.patience.is_some_and(|patience| since_best >= patience)
}

#[cfg(test)]
mod tests {
    use super::{is_over, kept_epoch};
    use crate::observer::EpochResult;
    use crate::recipe::Training;

    /// Epochs with these accuracies and losses on the held-out pictures.
    fn history(results: &[(f64, f64)]) -> Vec<EpochResult> {
        let result = |(index, &(accuracy, loss)): (usize, &(f64, f64))| EpochResult {
            epoch: index + 1,
            loss: 1.0,
            accuracy: 0.5,
            held_out_loss: Some(loss),
            held_out_accuracy: Some(accuracy),
            test_accuracy: None,
            learning_rate: 0.1,
        };
        results.iter().enumerate().map(result).collect()
    }

    #[test]
    fn the_best_epoch_is_kept_and_of_equal_ones_the_first_with_the_lowest_loss() {
        let plain = Training::default();
        assert_eq!(kept_epoch(&plain, &[]), 0);
        assert_eq!(kept_epoch(&plain, &history(&[(0.5, 1.0), (0.7, 1.0), (0.6, 0.1)])), 2);
        assert_eq!(kept_epoch(&plain, &history(&[(0.7, 1.0), (0.7, 0.9), (0.7, 0.9)])), 2);
        assert_eq!(kept_epoch(&plain, &history(&[(0.7, 1.0), (0.7, 1.1)])), 1);
    }

    #[test]
    fn without_held_out_pictures_the_last_epoch_is_kept() {
        let mut history = history(&[(0.7, 1.0), (0.5, 1.0)]);
        for result in &mut history {
            (result.held_out_accuracy, result.held_out_loss) = (None, None);
        }
        assert_eq!(kept_epoch(&Training::default(), &history), 2);
    }

    #[test]
    fn a_float_epoch_is_not_kept_once_quantized_ones_have_begun() {
        let training = Training { epochs: 4, quantized_epochs: 2, ..Training::default() };
        let results = [(0.9, 1.0), (0.8, 1.0), (0.7, 1.0), (0.6, 1.0)];
        let kept = |epochs: usize| kept_epoch(&training, &history(&results[..epochs]));
        assert_eq!([1, 2, 3, 4].map(kept), [1, 1, 3, 3]);
    }

    #[test]
    fn patience_ends_after_so_many_epochs_that_are_no_better() {
        let training = |patience| Training { epochs: 5, patience, ..Training::default() };
        let falling = [(0.6, 1.0), (0.7, 1.0), (0.6, 1.0), (0.6, 1.0), (0.6, 1.0)];
        let over =
            |patience, epochs: usize| is_over(&training(patience), &history(&falling[..epochs]));
        assert_eq!([2, 3, 4].map(|epochs| over(Some(2), epochs)), [false, false, true]);
        assert_eq!([3, 4, 5].map(|epochs| over(Some(3), epochs)), [false, false, true]);
        assert_eq!([0, 4, 5].map(|epochs| over(None, epochs)), [false, false, true]);
    }
}
