//! Runs the float network on pictures and collects which values its activations take.

use crate::QuantizeError;
use crate::float::Executor;
use crate::statistics::{Extent, Statistics};
use rayon::prelude::{ParallelIterator, ParallelSlice};
use thumbnet_graph::FloatGraph;

/// How the range of an activation is chosen from the values that it took.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Calibrate {
    /// From the smallest to the largest value: nothing is cut, single outliers cost resolution.
    MinMax,
    /// All but the given fraction of values at each end, e.g. `1e-4`.
    Percentile(f64),
    /// The range with the least mean squared error of quantization. Logits get what lies between
    /// the strongest class and far below the weakest winner: finer codes leave fewer ties, and a
    /// class thousands of times less likely than the winner needs no code of its own.
    MeanSquaredError,
}

/// The statistics of every tensor of `graph` over all `pictures`, by tensor index.
///
/// Minima, maxima and counts do not depend on order, so the result is the same for any thread
/// count.
pub(crate) fn observe(
    graph: &FloatGraph,
    pictures: &[u8],
    zero_byte: u8,
) -> Result<Vec<Statistics>, QuantizeError> {
    let executor = Executor::new(graph)?.with_zero_byte(zero_byte);
    let len = graph.tensor(graph.input).shape.len();
    if pictures.is_empty() || !pictures.len().is_multiple_of(len) {
        return Err(QuantizeError::Calibration { bytes: pictures.len(), picture: len });
    }
    let extents = extents(&executor, pictures, len)?;
    for (tensor, extent) in graph.tensors.iter().zip(&extents) {
        if !(extent.low.is_finite() && extent.high.is_finite()) {
            return Err(QuantizeError::NotFinite { name: tensor.name.clone() });
        }
    }
    histograms(&executor, pictures, len, &extents)
}

/// The extent of each tensor over all pictures.
fn extents(executor: &Executor, pictures: &[u8], len: usize) -> Result<Vec<Extent>, QuantizeError> {
    let of_picture = |picture| -> Result<Vec<Extent>, QuantizeError> {
        Ok(executor.run_picture(picture)?.iter().map(|values| Extent::of(values)).collect())
    };
    let union = |a: Vec<Extent>, b: Vec<Extent>| {
        Ok(a.into_iter().zip(b).map(|(a, b)| a.union(b)).collect())
    };
    let all = pictures.par_chunks(len).map(of_picture).try_reduce_with(union);
    all.unwrap_or_else(|| Ok(Vec::new()))
}

/// Counts all values, one set of histograms a thread.
fn histograms(
    executor: &Executor,
    pictures: &[u8],
    len: usize,
    extents: &[Extent],
) -> Result<Vec<Statistics>, QuantizeError> {
    let of_block = |block: &[u8]| -> Result<Vec<Statistics>, QuantizeError> {
        let mut statistics: Vec<_> = extents.iter().map(|e| Statistics::new(*e)).collect();
        for picture in block.chunks_exact(len) {
            let values = executor.run_picture(picture)?;
            statistics.iter_mut().zip(&values).for_each(|(s, values)| s.count(values));
        }
        Ok(statistics)
    };
    let union = |mut a: Vec<Statistics>, b: Vec<Statistics>| {
        a.iter_mut().zip(&b).for_each(|(a, b)| a.merge(b));
        Ok(a)
    };
    let block = (pictures.len() / len).div_ceil(rayon::current_num_threads()) * len;
    let all = pictures.par_chunks(block).map(of_block).try_reduce_with(union);
    all.unwrap_or_else(|| Ok(Vec::new()))
}
