//! Losses over logits and integer labels, and their gradients.

use super::real::Real;
use crate::recipe::Loss;

/// A loss with its options.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Criterion {
    pub loss: Loss,
    /// Share of the target spread evenly over all classes.
    pub label_smoothing: f64,
}

/// What a picture shows: one class, or two where pictures are mixed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub label: usize,
    pub other: usize,
    /// Share of `label`; the rest is `other`'s.
    pub share: f64,
    /// What the picture counts in the loss.
    pub weight: f64,
}

impl Target {
    /// One class.
    pub fn only(label: usize) -> Self {
        Self { label, other: label, share: 1.0, weight: 1.0 }
    }

    fn of(&self, class: usize) -> f64 {
        let part = |label: usize, share: f64| if class == label { share } else { 0.0 };
        part(self.label, self.share) + part(self.other, 1.0 - self.share)
    }
}

impl Criterion {
    /// What the softmax of a picture's logits should be.
    pub fn targets(&self, shown: Target, classes: usize) -> impl Iterator<Item = f64> {
        let (even, smoothing) = (self.label_smoothing / classes as f64, self.label_smoothing);
        (0..classes).map(move |class| even + (1.0 - smoothing) * shown.of(class))
    }

    /// The loss of one picture, times what it counts; replaces its logits by the gradient of that, times `weight`.
    pub fn gradient<T: Real>(&self, logits: &mut [T], shown: Target, weight: T) -> f64 {
        let even = self.label_smoothing / logits.len() as f64;
        let target =
            |class: usize| T::from_f64(even + (1.0 - self.label_smoothing) * shown.of(class));
        let weight = weight * T::from_f64(shown.weight);
        let loss = match self.loss {
            Loss::CrossEntropy => cross_entropy(logits, target, weight),
            Loss::MeanAbsoluteError => mean_absolute_error(logits, target, weight),
        };
        loss * shown.weight
    }
}

/// Turns logits into probabilities; returns `ln Σ exp(logit)`.
fn softmax<T: Real>(logits: &mut [T]) -> f64 {
    let largest = logits.iter().fold(logits[0], |a, &b| if b > a { b } else { a });
    let mut sum = T::ZERO;
    for logit in logits.iter_mut() {
        *logit = (*logit - largest).exp();
        sum += *logit;
    }
    for probability in logits.iter_mut() {
        *probability = *probability / sum;
    }
    largest.to_f64() + libm::log(sum.to_f64())
}

/// `Σ target * (ln Σ exp(logit) - logit)`; its gradient by the logits is `probability - target`.
fn cross_entropy<T: Real>(logits: &mut [T], target: impl Fn(usize) -> T, weight: T) -> f64 {
    // The targets sum to 1, so the logarithm of the sum counts once.
    let mut loss = 0.0;
    for (class, logit) in logits.iter().enumerate() {
        loss -= target(class).to_f64() * logit.to_f64();
    }
    loss += softmax(logits);
    for (class, probability) in logits.iter_mut().enumerate() {
        *probability = (*probability - target(class)) * weight;
    }
    loss
}

/// `Σ |probability - target| / classes`.
fn mean_absolute_error<T: Real>(logits: &mut [T], target: impl Fn(usize) -> T, weight: T) -> f64 {
    softmax(logits);
    let probabilities = logits;
    let classes = T::from_f64(probabilities.len() as f64);
    let sign = |class: usize, probability: T| {
        let distance = probability - target(class);
        let one = T::from_f64(1.0);
        if distance > T::ZERO {
            one
        } else if distance < T::ZERO {
            -one
        } else {
            T::ZERO
        }
    };
    let mut loss = 0.0;
    let mut pull = T::ZERO;
    for (class, &probability) in probabilities.iter().enumerate() {
        loss += (probability - target(class)).to_f64().abs();
        pull += sign(class, probability) * probability;
    }
    // The softmax's own derivative: p * (g - Σ g p).
    for (class, probability) in probabilities.iter_mut().enumerate() {
        *probability = *probability * (sign(class, *probability) - pull) / classes * weight;
    }
    loss / classes.to_f64()
}

#[cfg(test)]
mod tests {
    use super::{Criterion, Target};
    use crate::recipe::Loss;

    /// The expected values were computed with 40 decimal digits.
    const TOLERANCE: f64 = 1e-14;

    #[test]
    fn cross_entropy_of_three_logits_by_hand() {
        let loss = |label_smoothing: f64, shown: Target| {
            let criterion = Criterion { loss: Loss::CrossEntropy, label_smoothing };
            criterion.gradient(&mut [1.0, 2.0, 0.5], shown, 1.0)
        };
        let assert_loss = |value: f64, expected: f64| {
            assert!((value - expected).abs() < TOLERANCE, "{value} is not {expected}");
        };
        assert_loss(loss(0.0, Target::only(0)), 1.464_368_784_107_945);
        assert_loss(loss(0.3, Target::only(0)), 1.414_368_784_107_944_9);
        let mixed = Target { label: 0, other: 1, share: 0.75, weight: 1.0 };
        assert_loss(loss(0.0, mixed), 1.214_368_784_107_945);
        assert_loss(loss(0.0, Target { weight: 2.5, ..mixed }), 2.5 * 1.214_368_784_107_945);
    }

    #[test]
    fn what_a_picture_counts_scales_its_gradient() {
        for loss in [Loss::CrossEntropy, Loss::MeanAbsoluteError] {
            let criterion = Criterion { loss, label_smoothing: 0.1 };
            let gradient = |weight: f64| {
                let mut logits = [1.0, 2.0, 0.5];
                criterion.gradient(&mut logits, Target { weight, ..Target::only(2) }, 0.5);
                logits
            };
            assert_eq!(gradient(1.0).map(|value| value * 4.0), gradient(4.0));
        }
    }
}
