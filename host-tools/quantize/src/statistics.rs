//! Distributions of activations, and the number formats that suit them.

use crate::Calibrate;
use rayon::prelude::{IntoParallelIterator, ParallelIterator};

/// Bins of a histogram: eight to a code.
const BINS: usize = 2048;

/// The codes of logits reach this far below the weakest winner, in natural logarithms: a class
/// there is 3,000 times less likely.
const LOGIT_DEPTH: f64 = 8.0;

/// Between which values a tensor moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Extent {
    /// Smallest value, at most 0.
    pub low: f32,
    /// Largest value, at least 0.
    pub high: f32,
    /// Smallest of the pictures' largest values: of logits, the weakest winner.
    pub least_peak: f32,
}

/// Distribution of the values of one tensor.
#[derive(Clone, Debug)]
pub(crate) struct Statistics {
    extent: Extent,
    /// Zeros are counted apart: every format has a code for 0, and ReLU makes many.
    zeros: u64,
    bins: Vec<u64>,
}

/// A range of real values that contains 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    pub low: f64,
    pub high: f64,
}

impl Extent {
    /// Of one picture; NaN is made infinite so that it is noticed.
    pub fn of(values: &[f32]) -> Self {
        let start = Self { low: 0.0, high: 0.0, least_peak: f32::NEG_INFINITY };
        values.iter().fold(start, |extent, &value| {
            let value = if value.is_nan() { f32::INFINITY } else { value };
            Self {
                low: extent.low.min(value),
                high: extent.high.max(value),
                least_peak: extent.least_peak.max(value),
            }
        })
    }

    /// Of more pictures.
    pub fn union(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            least_peak: self.least_peak.min(other.least_peak),
        }
    }
}

impl Statistics {
    /// No values yet, all to come within `extent`.
    pub fn new(extent: Extent) -> Self {
        Self { extent, zeros: 0, bins: vec![0; BINS] }
    }

    /// Adds values.
    pub fn count(&mut self, values: &[f32]) {
        let per_bin = BINS as f32 / (self.extent.high - self.extent.low).max(f32::MIN_POSITIVE);
        for &value in values {
            if value == 0.0 {
                self.zeros += 1;
            } else {
                let bin = ((value - self.extent.low) * per_bin) as usize;
                self.bins[bin.min(BINS - 1)] += 1;
            }
        }
    }

    /// Adds the values of another part of the pictures.
    pub fn merge(&mut self, other: &Self) {
        self.zeros += other.zeros;
        self.bins.iter_mut().zip(&other.bins).for_each(|(a, b)| *a += b);
    }

    /// The range to cover; values beyond `limits` (0 and infinity behind a ReLU) have become these.
    pub fn range(&self, calibrate: Calibrate, limits: [f64; 2]) -> Range {
        let [floor, ceiling] = limits;
        let clamp =
            |range: Range| Range { low: range.low.max(floor), high: range.high.min(ceiling) };
        let Extent { low, high, .. } = self.extent;
        let whole = clamp(Range { low: f64::from(low), high: f64::from(high) });
        match calibrate {
            Calibrate::MinMax => whole,
            Calibrate::Percentile(fraction) => clamp(self.percentile(fraction)),
            Calibrate::MeanSquaredError => self.least_error(whole, limits),
        }
    }

    /// Below which value a logit need not be told from others.
    pub fn logit_floor(&self) -> f64 {
        (f64::from(self.extent.least_peak) - LOGIT_DEPTH).min(0.0)
    }

    fn percentile(&self, fraction: f64) -> Range {
        let total = self.zeros + self.bins.iter().sum::<u64>();
        let cut = (fraction.clamp(0.0, 0.5) * total as f64) as u64;
        let width = self.bin_width();
        // Counts from one end until more than `cut` values are passed.
        let passed = |bins: &mut dyn Iterator<Item = &u64>| {
            let mut seen = 0;
            bins.take_while(|&&count| {
                seen += count;
                seen <= cut
            })
            .count() as f64
        };
        let low = f64::from(self.extent.low) + width * passed(&mut self.bins.iter());
        let high = f64::from(self.extent.high) - width * passed(&mut self.bins.iter().rev());
        Range { low: low.min(0.0), high: high.max(0.0) }
    }

    fn bin_width(&self) -> f64 {
        f64::from(self.extent.high - self.extent.low) / BINS as f64
    }

    /// Tries ranges from the whole down to a fifth of it.
    fn least_error(&self, whole: Range, limits: [f64; 2]) -> Range {
        let candidates: Vec<Range> = (0..=80)
            .map(|step| {
                let part = 1.0 - f64::from(step) / 100.0;
                Range { low: whole.low * part, high: whole.high * part }
            })
            .collect();
        let errors: Vec<f64> = candidates
            .clone()
            .into_par_iter()
            .map(|range| self.error(&range.format(), limits))
            .collect();
        let least = (0..errors.len()).min_by(|&a, &b| errors[a].total_cmp(&errors[b]));
        least.map_or(whole, |index| candidates[index])
    }

    /// Sum of squared errors of quantization in `format`, over the values above the lower limit.
    pub fn error(&self, format: &RealFormat, [floor, ceiling]: [f64; 2]) -> f64 {
        let width = self.bin_width();
        let mut sum = 0.0;
        for (bin, &count) in self.bins.iter().enumerate() {
            let value = f64::from(self.extent.low) + width * (bin as f64 + 0.5);
            if count > 0 && value > floor {
                let value = value.min(ceiling);
                let code = (value / format.scale).round() + format.zero_point;
                let error = value - (code.clamp(-128.0, 127.0) - format.zero_point) * format.scale;
                sum += count as f64 * error * error;
            }
        }
        sum
    }
}

/// A number format before its scale is rounded to f32.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RealFormat {
    pub scale: f64,
    pub zero_point: f64,
}

impl Range {
    /// The format of 256 codes that covers the range.
    pub fn format(self) -> RealFormat {
        self.format_with((self.high - self.low) / 255.0)
    }

    /// The format of a given scale whose codes cover the range best.
    pub fn format_with(self, scale: f64) -> RealFormat {
        let zero_point = if scale > 0.0 {
            // Centred, so that a scale larger than needed leaves room at both ends alike; a range
            // that begins at 0 keeps it at the lowest code, where saturation is ReLU.
            let spare = if self.low < 0.0 { 255.0 - (self.high - self.low) / scale } else { 0.0 };
            let lowest = -128.0 - self.low / scale + spare.max(0.0) / 2.0;
            lowest.round_ties_even().clamp(-128.0, 127.0)
        } else {
            -128.0
        };
        RealFormat { scale, zero_point }
    }
}

#[cfg(test)]
mod tests {
    use super::{Extent, Range, Statistics};

    const UNLIMITED: [f64; 2] = crate::lower::UNLIMITED;
    use crate::Calibrate;

    fn of(values: &[f32]) -> Statistics {
        let mut statistics = Statistics::new(Extent::of(values));
        statistics.count(values);
        statistics
    }

    /// A thousand values from 0 to 1, and one of 10.
    fn with_outlier() -> Statistics {
        let mut values: Vec<f32> = (0..1000).map(|index| index as f32 / 1000.0).collect();
        values.push(10.0);
        of(&values)
    }

    #[test]
    fn min_max_keeps_an_outlier_and_percentile_cuts_it() {
        let statistics = with_outlier();
        let whole = statistics.range(Calibrate::MinMax, UNLIMITED);
        assert_eq!(whole, Range { low: 0.0, high: 10.0 });
        let cut = statistics.range(Calibrate::Percentile(0.001), UNLIMITED);
        assert!(cut.low == 0.0 && (1.0..1.01).contains(&cut.high), "{cut:?}");
    }

    #[test]
    fn least_error_stops_where_cutting_costs_more_than_it_gains() {
        // Cutting 10 to 9 costs 1; the finer steps gain a thousand times 1e-4 at most.
        let range = with_outlier().range(Calibrate::MeanSquaredError, UNLIMITED);
        assert!(range.high > 9.0, "{range:?}");
        let mut values = vec![1.0; 100_000];
        values.iter_mut().enumerate().for_each(|(i, value)| *value = i as f32 / 1e5);
        values.push(2.0);
        let range = of(&values).range(Calibrate::MeanSquaredError, UNLIMITED);
        assert!((1.0..1.9).contains(&range.high), "{range:?}");
    }

    #[test]
    fn relu_drops_what_is_negative() {
        let range = of(&[-3.0, 1.0]).range(Calibrate::MinMax, [0.0, f64::INFINITY]);
        assert_eq!(range, Range { low: 0.0, high: 1.0 });
        assert_eq!(range.format().zero_point, -128.0);
    }

    #[test]
    fn logits_end_below_the_weakest_winner() {
        let extent = Extent::of(&[-30.0, 9.0]).union(Extent::of(&[-20.0, 2.0]));
        assert_eq!(Statistics::new(extent).logit_floor(), -6.0);
        assert_eq!(Statistics::new(Extent::of(&[10.0, 12.0])).logit_floor(), 0.0);
    }

    #[test]
    fn every_range_has_a_code_for_zero() {
        let zero_point = |low, high| Range { low, high }.format().zero_point;
        assert_eq!(zero_point(-1.0, 1.0), 0.0);
        assert_eq!(zero_point(-1.0, 0.0), 127.0);
        assert_eq!(zero_point(0.0, 1.0), -128.0);
        // A scale twice as large leaves the spare codes at both ends.
        let twice = Range { low: -1.0, high: 1.0 }.format_with(4.0 / 255.0);
        assert!(twice.zero_point.abs() <= 1.0);
        assert_eq!(Range { low: 0.0, high: 0.0 }.format().zero_point, -128.0);
    }
}
