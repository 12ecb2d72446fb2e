//! How far a network's confidence can be believed: the expected calibration error, and the temperature that lowers it.
//!
//! A softmax of `logit / temperature` keeps the order of the classes, and so every answer; only the confidence changes. The
//! temperature with the least cross-entropy on pictures that were not learned from is fitted: that function is convex
//! in the inverse of the temperature, and its derivative is the mean over pictures of (expected logit - right logit),
//! which grows with it. So the zero is found by halving.

use crate::metrics::largest;
use serde::Serialize;

/// Bins of equal width that confidences are sorted into, as in Guo et al. 2017, "On Calibration of Modern Neural Networks".
pub const BINS: usize = 15;

/// Temperatures that [`fit_temperature`] looks for; logits that are all right want none at all.
const TEMPERATURES: [f64; 2] = [0.05, 20.0];

/// Halvings of the range of inverse temperatures: the last is 2^-40 of it.
const HALVINGS: usize = 40;

/// Confidence against accuracy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reliability {
    /// What logits were divided by.
    pub temperature: f64,
    /// Expected calibration error: mean over pictures of the distance between their bin's confidence and accuracy, 0 to 1.
    pub expected_calibration_error: f64,
    /// [`BINS`] of equal width, from confidence 0 to 1.
    pub bins: Vec<Bin>,
}

/// Pictures of like confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Bin {
    /// How many.
    pub pictures: usize,
    /// Their mean confidence, 0 to 1; 0 of none.
    pub confidence: f64,
    /// Share of them classified rightly; 0 of none.
    pub accuracy: f64,
}

impl Reliability {
    /// Of rows of `classes` logits at a temperature, against their labels.
    ///
    /// # Panics
    /// If `classes` is 0.
    pub fn new(logits: &[f32], classes: usize, labels: &[usize], temperature: f64) -> Self {
        let mut bins = vec![Bin::default(); BINS];
        let mut probabilities = vec![0.0; classes];
        for (row, &label) in logits.chunks_exact(classes).zip(labels) {
            softmax(row, 1.0 / temperature, &mut probabilities);
            let class = largest(row);
            let confidence = probabilities[class];
            let bin = &mut bins[((confidence * BINS as f64) as usize).min(BINS - 1)];
            bin.pictures += 1;
            bin.confidence += confidence;
            bin.accuracy += f64::from(class == label);
        }
        let distance: f64 = bins.iter().map(|bin| (bin.confidence - bin.accuracy).abs()).sum();
        for bin in bins.iter_mut().filter(|bin| bin.pictures > 0) {
            bin.confidence /= bin.pictures as f64;
            bin.accuracy /= bin.pictures as f64;
        }
        let expected_calibration_error = distance / labels.len().max(1) as f64;
        Self { temperature, expected_calibration_error, bins }
    }
}

/// The temperature with the least cross-entropy of rows of `classes` logits, to three decimals.
///
/// # Panics
/// If `classes` is 0 or a label is not a class.
pub fn fit_temperature(logits: &[f32], classes: usize, labels: &[usize]) -> f64 {
    let [coldest, hottest] = TEMPERATURES;
    let [mut low, mut high] = [1.0 / hottest, 1.0 / coldest];
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        if slope(logits, classes, labels, middle) > 0.0 { high = middle } else { low = middle }
    }
    (2000.0 / (low + high)).round() / 1000.0
}

/// The derivative of the cross-entropy by the inverse temperature, times the pictures.
fn slope(logits: &[f32], classes: usize, labels: &[usize], inverse: f64) -> f64 {
    let mut probabilities = vec![0.0; classes];
    let rows = logits.chunks_exact(classes).zip(labels);
    rows.map(|(row, &label)| {
        softmax(row, inverse, &mut probabilities);
        let expected =
            row.iter().zip(&probabilities).map(|(logit, share)| f64::from(*logit) * share);
        expected.sum::<f64>() - f64::from(row[label])
    })
    .sum()
}

fn softmax(logits: &[f32], inverse: f64, probabilities: &mut [f64]) {
    let largest = f64::from(logits[largest(logits)]);
    for (probability, &logit) in probabilities.iter_mut().zip(logits) {
        *probability = libm::exp((f64::from(logit) - largest) * inverse);
    }
    let sum: f64 = probabilities.iter().sum();
    probabilities.iter_mut().for_each(|probability| *probability /= sum);
}

#[cfg(test)]
mod tests {
    use super::{Reliability, fit_temperature};
    use thumbnet_data::Random;

    /// Sums of a few f64 numbers near 1.
    const TOLERANCE: f64 = 1e-12;

    /// Two logits whose softmax is `share` and the rest.
    fn logits(share: f64) -> [f32; 2] {
        [(share / (1.0 - share)).ln() as f32, 0.0]
    }

    #[test]
    fn the_error_is_the_bins_distance_by_pictures() {
        // Four of confidence 3/4, three right; two of 9/10, one right.
        let rows =
            [logits(0.75), logits(0.75), logits(0.75), logits(0.75), logits(0.9), logits(0.9)];
        let found = Reliability::new(rows.as_flattened(), 2, &[0, 0, 0, 1, 0, 1], 1.0);
        let counts: Vec<usize> = found.bins.iter().map(|bin| bin.pictures).collect();
        assert_eq!(counts, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 2, 0]);
        assert_eq!((found.bins[11].accuracy, found.bins[13].accuracy), (0.75, 0.5));
        // Logits are f32: 24 bits of their 1.1 and 2.2.
        assert!((found.expected_calibration_error - (2.0 * 0.4) / 6.0).abs() < 1e-7);
        assert_eq!(Reliability::new(&[], 2, &[], 1.0).expected_calibration_error, 0.0);
    }

    #[test]
    fn a_temperature_divides_the_logits() {
        let warm = Reliability::new(&logits(0.9), 2, &[0], 2.0);
        // e^(ln 9 / 2) = 3.
        assert!((warm.bins[11].confidence - 0.75).abs() < 1e-7, "{warm:?}");
    }

    #[test]
    fn the_temperature_of_a_single_logit_pair_is_known() {
        // Three of four right: the best confidence is 3/4, so that ln 9 / T = ln 3.
        let rows = [logits(0.9); 4];
        let temperature = fit_temperature(rows.as_flattened(), 2, &[0, 0, 1, 0]);
        assert!((temperature - 2.0).abs() < TOLERANCE, "{temperature}");
    }

    #[test]
    fn labels_drawn_from_the_softmax_are_calibrated_by_it() {
        // Labels follow softmax(logits / 1.7); what is seen are the logits.
        let mut random = Random::new(5, 0);
        let (mut rows, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..20_000 {
            let row: Vec<f32> = (0..4).map(|_| (2.0 * random.normal()) as f32).collect();
            let powers: Vec<f64> =
                row.iter().map(|logit| (f64::from(*logit) / 1.7).exp()).collect();
            let mut left = random.between(0.0, powers.iter().sum());
            let label = powers.iter().position(|power| {
                left -= power;
                left < 0.0
            });
            labels.push(label.unwrap_or(3));
            rows.extend(row);
        }
        let temperature = fit_temperature(&rows, 4, &labels);
        // The spread of such a fit is about 1 / sqrt(20,000) of the temperature.
        assert!((temperature - 1.7).abs() < 0.06, "{temperature}");
        let error = |at: f64| Reliability::new(&rows, 4, &labels, at).expected_calibration_error;
        assert!(error(temperature) < 0.015 && error(1.0) > 0.05, "{}", error(temperature));
    }

    #[test]
    fn logits_that_are_all_right_get_the_coldest_temperature() {
        assert_eq!(fit_temperature(&[5.0, 0.0], 2, &[0]), 0.05);
        assert_eq!(fit_temperature(&[5.0, 0.0], 2, &[1]), 20.0);
        assert_eq!(fit_temperature(&[], 2, &[]), 0.05);
    }
}
