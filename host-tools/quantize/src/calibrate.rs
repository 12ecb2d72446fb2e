//! What values the activations take on pictures, and which range of them the codes should cover.

use crate::QuantizeError;
use crate::float::Executor;
use rayon::prelude::{IntoParallelIterator, ParallelIterator, ParallelSlice};
use thumbnet_graph::FloatGraph;

/// How the range of an activation is chosen from the values that it took.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Calibrate {
    /// From the smallest to the largest value: nothing is cut, single outliers cost resolution.
    MinMax,
    /// All but the given fraction of values at each end, e.g. `1e-4`.
    Percentile(f64),
    /// The range with the least mean squared error of quantization.
    MeanSquaredError,
}

/// Bins of a histogram: eight to a code.
const BINS: usize = 2048;

/// Distribution of the values of one tensor.
#[derive(Clone, Debug)]
pub(crate) struct Statistics {
    low: f32,
    high: f32,
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

/// The statistics of every tensor of `graph` over all `pictures`, by tensor index.
///
/// Minima, maxima and counts do not depend on order, so the result is the same for any thread
/// count.
pub(crate) fn observe(
    graph: &FloatGraph,
    pictures: &[u8],
) -> Result<Vec<Statistics>, QuantizeError> {
    let executor = Executor::new(graph)?;
    let len = graph.tensor(graph.input).shape.len();
    if pictures.is_empty() || !pictures.len().is_multiple_of(len) {
        return Err(QuantizeError::Calibration { bytes: pictures.len(), picture: len });
    }
    let extremes = pictures
        .par_chunks(len)
        .map(|picture| Ok(executor.run_picture(picture)?.iter().map(|v| extent(v)).collect()))
        .try_reduce_with(|a: Vec<[f32; 2]>, b| {
            Ok(a.iter().zip(&b).map(|(a, b)| [a[0].min(b[0]), a[1].max(b[1])]).collect())
        })
        .unwrap_or_else(|| Ok(Vec::new()))?;
    for (tensor, [low, high]) in graph.tensors.iter().zip(&extremes) {
        if !(low.is_finite() && high.is_finite()) {
            return Err(QuantizeError::NotFinite { name: tensor.name.clone() });
        }
    }
    // A picture at a time and not a sum of histograms a picture: they would be larger than the
    // values.
    let block = pictures.len().div_ceil(len).div_ceil(rayon::current_num_threads().max(1)) * len;
    pictures
        .par_chunks(block)
        .map(|block| {
            let mut statistics: Vec<_> = extremes.iter().map(|e| Statistics::new(*e)).collect();
            for picture in block.chunks_exact(len) {
                let values = executor.run_picture(picture)?;
                statistics.iter_mut().zip(&values).for_each(|(s, values)| s.count(values));
            }
            Ok(statistics)
        })
        .try_reduce_with(|mut a, b| {
            a.iter_mut().zip(&b).for_each(|(a, b)| a.merge(b));
            Ok(a)
        })
        .unwrap_or_else(|| Ok(Vec::new()))
}

/// Smallest and largest value, NaN made infinite so that it is noticed; 0 is always in it.
fn extent(values: &[f32]) -> [f32; 2] {
    values.iter().fold([0.0, 0.0], |[low, high], &value| {
        let value = if value.is_nan() { f32::INFINITY } else { value };
        [value.min(low), value.max(high)]
    })
}

impl Statistics {
    fn new([low, high]: [f32; 2]) -> Self {
        Self { low, high, zeros: 0, bins: vec![0; BINS] }
    }

    fn count(&mut self, values: &[f32]) {
        let per_bin = BINS as f32 / (self.high - self.low).max(f32::MIN_POSITIVE);
        for &value in values {
            if value == 0.0 {
                self.zeros += 1;
            } else {
                let bin = ((value - self.low) * per_bin) as usize;
                self.bins[bin.min(BINS - 1)] += 1;
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.zeros += other.zeros;
        self.bins.iter_mut().zip(&other.bins).for_each(|(a, b)| *a += b);
    }

    /// The range to cover; with `relu` the values below 0 have become 0.
    pub fn range(&self, calibrate: Calibrate, relu: bool) -> Range {
        let clamp = |range: Range| if relu { Range { low: 0.0, ..range } } else { range };
        let whole = clamp(Range { low: f64::from(self.low), high: f64::from(self.high) });
        match calibrate {
            Calibrate::MinMax => whole,
            Calibrate::Percentile(fraction) => clamp(self.percentile(fraction)),
            Calibrate::MeanSquaredError => self.least_error(whole, relu),
        }
    }

    fn percentile(&self, fraction: f64) -> Range {
        let total = self.zeros + self.bins.iter().sum::<u64>();
        let cut = (fraction.clamp(0.0, 0.5) * total as f64) as u64;
        let width = f64::from(self.high - self.low) / BINS as f64;
        // Counts from one end until more than `cut` values are passed.
        let passed = |bins: &mut dyn Iterator<Item = &u64>| {
            let mut seen = 0;
            bins.take_while(|&&count| {
                seen += count;
                seen <= cut
            })
            .count() as f64
        };
        let low = f64::from(self.low) + width * passed(&mut self.bins.iter());
        let high = f64::from(self.high) - width * passed(&mut self.bins.iter().rev());
        Range { low: low.min(0.0), high: high.max(0.0) }
    }

    /// Tries ranges from the whole down to a fifth of it.
    fn least_error(&self, whole: Range, relu: bool) -> Range {
        let candidates: Vec<Range> = (0..=80)
            .map(|step| {
                let part = 1.0 - f64::from(step) / 100.0;
                Range { low: whole.low * part, high: whole.high * part }
            })
            .collect();
        let errors: Vec<f64> = candidates
            .clone()
            .into_par_iter()
            .map(|range| self.error(&range.format(), relu))
            .collect();
        let least = (0..errors.len()).min_by(|&a, &b| errors[a].total_cmp(&errors[b]));
        least.map_or(whole, |index| candidates[index])
    }

    /// Sum of squared errors of quantization in `format`.
    pub fn error(&self, format: &RealFormat, relu: bool) -> f64 {
        let width = f64::from(self.high - self.low) / BINS as f64;
        let mut sum = 0.0;
        for (bin, &count) in self.bins.iter().enumerate() {
            let value = f64::from(self.low) + width * (bin as f64 + 0.5);
            if count > 0 && (value > 0.0 || !relu) {
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
            (-128.0 - self.low / scale + spare.max(0.0) / 2.0).round().clamp(-128.0, 127.0)
        } else {
            -128.0
        };
        RealFormat { scale, zero_point }
    }
}
