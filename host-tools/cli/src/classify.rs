//! From int8 logits to classes with scores, as a report shows them.

use crate::model_file::label;
use serde::Serialize;
use thumbnet_compile::Program;

/// A class and the softmax share of its logit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Class {
    pub(crate) label: String,
    pub(crate) score: f32,
}

/// The `count` best classes, best first; equal logits in the order of the classes.
pub(crate) fn top(program: &Program, logits: &[i8], count: usize) -> Vec<Class> {
    let scores = softmax(logits, program.softmax_scale());
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by_key(|&class| std::cmp::Reverse(logits[class]));
    let best = order.into_iter().take(count);
    best.map(|class| Class { label: label(program, class), score: scores[class] }).collect()
}

/// The index of the largest score; the first of equals, as on the device.
pub(crate) fn best<T: PartialOrd>(scores: &[T]) -> usize {
    let larger =
        |best: usize, index: usize| if scores[index] > scores[best] { index } else { best };
    (1..scores.len()).fold(0, larger)
}

fn softmax(logits: &[i8], scale: f32) -> Vec<f32> {
    let largest = f32::from(logits.iter().copied().max().unwrap_or(0));
    let powers: Vec<f32> =
        logits.iter().map(|&logit| ((f32::from(logit) - largest) * scale).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::{best, softmax};

    #[test]
    fn the_first_of_equal_logits_wins() {
        assert_eq!(best(&[-3, 7, 7, 1]), 1);
        assert_eq!(best::<i8>(&[]), 0);
    }

    #[test]
    fn softmax_of_two_equal_logits_is_a_half() {
        assert_eq!(softmax(&[5, 5], 0.1), [0.5, 0.5]);
        let scores = softmax(&[127, -128], 1.0);
        assert!(scores[0] > 0.999 && scores[1] < 1e-9);
    }
}
