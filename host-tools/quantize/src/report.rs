//! What quantization did to each layer.

use crate::QuantizeError;
use crate::float::Executor;
use crate::formats::Format;
use crate::integer::{dequantize, run_picture};
use crate::lower::Layer;
use crate::weights::Cost;
use rayon::prelude::{ParallelIterator, ParallelSlice};
use thumbnet_graph::{FloatGraph, Int8Graph, Int8Weights, Node};

/// Pictures that the noise is measured on: enough for a tenth of a decibel.
const PICTURES: usize = 64;

/// What quantization did to one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerReport {
    /// Name of the node.
    pub node: String,
    /// Its operation in the ONNX world.
    pub op: &'static str,
    /// Power of the float network's activations over power of the difference to the int8 network's,
    /// in decibels, with the errors of all layers before; infinite if there is none.
    pub sqnr_db: f64,
    /// Largest relative growth of a weight scale in the search for equal thresholds.
    pub scale_growth: f64,
    /// Most scales that a channel tried; 0 for a layer without weights.
    pub tries: u32,
    /// Largest magnitude that an accumulator or a part of it can reach, proved from the weights.
    pub accumulator_bound: i64,
}

/// Signal and noise power of each int8 node's output, over some of the pictures, in decibels.
///
/// `layers` are those of the int8 nodes; `formats` says in which unit each float tensor became
/// int8.
pub(crate) fn measure_noise(
    float: &FloatGraph,
    int8: &Int8Graph,
    layers: &[Layer],
    formats: &[Format],
    pictures: &[u8],
    zero_byte: u8,
) -> Result<Vec<f64>, QuantizeError> {
    let executor = Executor::new(float)?.with_zero_byte(zero_byte);
    let len = float.tensor(float.input).shape.len();
    let some = &pictures[..pictures.len().min(PICTURES * len)];
    let powers: Vec<Vec<[f64; 2]>> = some
        .par_chunks_exact(len)
        .map(|picture| {
            let reals = executor.run_picture(picture)?;
            let codes = run_picture(int8, picture)?;
            let power = |(layer, node): (&Layer, &Node<Int8Weights>)| {
                let format = formats[layer.output.0];
                let compared = layer.compared(float.tensors.len());
                let pairs = reals[compared.0].iter().zip(&codes[node.output.0]);
                pairs.fold([0.0, 0.0], |[signal, noise], (&real, &code)| {
                    // The float tensor is not yet cut where the int8 tensor is on purpose: by an
                    // activation that was moved before a pool, or far below any winning logit.
                    let [floor, ceiling] = format.limits;
                    let real = f64::from(real).min(ceiling).max(floor) * format.unit;
                    let error = f64::from(dequantize(code, format.quantization)) - real;
                    [signal + real * real, noise + error * error]
                })
            };
            Ok(layers.iter().zip(&int8.nodes).map(power).collect())
        })
        .collect::<Result<_, QuantizeError>>()?;
    // Summed in the order of pictures: the same for any number of threads.
    let total = |node: usize, which: usize| powers.iter().map(|p| p[node][which]).sum::<f64>();
    Ok((0..int8.nodes.len()).map(|node| 10.0 * (total(node, 0) / total(node, 1)).log10()).collect())
}

impl LayerReport {
    pub(crate) fn new(node: &str, op: &'static str, sqnr_db: f64, cost: Cost) -> Self {
        let Cost { scale_growth, tries, accumulator_bound } = cost;
        Self { node: node.to_owned(), op, sqnr_db, scale_growth, tries, accumulator_bound }
    }
}
