//! From int8 logits to classes: the best few, how sure the network is, and whether to believe it.

use crate::console::message::Class;
use heapless::Vec;
use micromath::F32;

/// The `K` largest logits, best first, with their softmax confidence. Equal logits keep their order.
///
/// `softmax_scale` is what one logit step is worth; the zero point cancels in a softmax. Logits
/// beyond number 65,535 are not ranked.
pub fn top_classes<const K: usize>(logits: &[i8], softmax_scale: f32) -> Vec<Class, K> {
    let mut top = Vec::new();
    for (index, &logit) in (0..=u16::MAX).zip(logits) {
        insert(&mut top, Class { index, logit, confidence: 0.0 });
    }
    let Some(best) = top.first().map(|class| class.logit) else { return top };
    let total: f32 = logits.iter().map(|&logit| exponential(logit, best, softmax_scale)).sum();
    for class in &mut top {
        class.confidence = exponential(class.logit, best, softmax_scale) / total;
    }
    top
}

/// The best class if its confidence reaches `threshold`; `None` says "none of them".
pub fn accept(top: &[Class], threshold: f32) -> Option<Class> {
    top.first().copied().filter(|best| best.confidence >= threshold)
}

/// Keeps `top` sorted, the best first, and drops what no longer fits.
fn insert<const K: usize>(top: &mut Vec<Class, K>, class: Class) {
    let place = top.iter().take_while(|better| better.logit >= class.logit).count();
    if place == K {
        return;
    }
    if top.is_full() {
        top.pop();
    }
    // There is room now, and `place` is at most the length.
    let _ = top.insert(place, class);
}

/// `e^(logit - best)` in real values: 1 for the best, never above, so that no sum overflows.
fn exponential(logit: i8, best: i8, softmax_scale: f32) -> f32 {
    let below = i16::from(best) - i16::from(logit);
    // By name, since where std is linked `f32::exp` would silently be std's.
    F32(-f32::from(below) * softmax_scale).exp().0
}

#[cfg(test)]
mod tests {
    use super::{accept, top_classes};

    /// micromath states an error of its `exp` of at most 0.001 relative; a quotient of two of them
    /// has twice that.
    const SOFTMAX_TOLERANCE: f64 = 0.002;

    fn softmax(logits: &[i8], index: usize, scale: f64) -> f64 {
        let real = |logit: i8| (f64::from(logit) * scale).exp();
        real(logits[index]) / logits.iter().map(|&logit| real(logit)).sum::<f64>()
    }

    #[test]
    fn best_come_first_and_ties_keep_their_order() {
        let top = top_classes::<3>(&[5, 127, -128, 5, 127, 6], 0.1);
        let found: std::vec::Vec<_> = top.iter().map(|class| (class.index, class.logit)).collect();
        assert_eq!(found, [(1, 127), (4, 127), (5, 6)]);
    }

    #[test]
    fn few_or_no_logits_are_fine() {
        assert!(top_classes::<3>(&[], 0.1).is_empty());
        assert!(top_classes::<0>(&[1, 2], 0.1).is_empty());
        let top = top_classes::<3>(&[-7], 0.1);
        assert_eq!((top.len(), top[0].index, top[0].confidence), (1, 0, 1.0));
    }

    #[test]
    fn confidence_is_the_softmax() {
        let mut state = 3_u32;
        for scale in [0.01_f32, 0.1, 0.25] {
            let logits: std::vec::Vec<i8> = (0..10)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as i8
                })
                .collect();
            for class in top_classes::<10>(&logits, scale) {
                let exact = softmax(&logits, usize::from(class.index), f64::from(scale));
                let error = (f64::from(class.confidence) - exact).abs();
                assert!(error < SOFTMAX_TOLERANCE, "{class:?} is not {exact}");
            }
        }
    }

    #[test]
    fn far_logits_vanish_without_overflow() {
        let top = top_classes::<2>(&[127, -128], 100.0);
        assert_eq!((top[0].confidence, top[1].confidence), (1.0, 0.0));
    }

    #[test]
    fn an_unsure_network_is_not_believed() {
        let top = top_classes::<2>(&[10, 10, 10, 10], 0.1);
        assert_eq!(accept(&top, 0.5), None);
        assert_eq!(accept(&top, 0.2).map(|class| class.index), Some(0));
        assert_eq!(accept(&[], 0.0), None);
    }
}
