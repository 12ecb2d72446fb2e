//! What `run --explain` says: which accumulators onnxruntime rounds otherwise, layer by layer.

use crate::progress::bar;
use crate::report::thousands;
use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};
use thumbnet_graph::evaluate::{FloatSums, evaluate, float_sums};
use thumbnet_graph::onnx::Interface;
use thumbnet_graph::{Int8Graph, TensorId};

/// Characters of a name that are printed.
const LONGEST_NAME: usize = 64;

/// Counts over all `inputs`.
pub(crate) fn count(
    graph: &Int8Graph,
    interface: &Interface,
    inputs: &[Vec<i8>],
) -> Vec<FloatSums> {
    let layers = interface.float_sums();
    let bar = bar(inputs.len() as u64, "samples summed in float");
    let none = |&tensor: &TensorId| FloatSums { tensor, accumulators: 0, otherwise: 0 };
    let counts = inputs
        .par_iter()
        .map(|input| {
            bar.inc(1);
            float_sums(graph, layers, &evaluate(graph, input))
        })
        .reduce(|| layers.iter().map(none).collect(), sums);
    bar.finish_and_clear();
    counts
}

fn sums(left: Vec<FloatSums>, right: Vec<FloatSums>) -> Vec<FloatSums> {
    let sum = |(left, right): (FloatSums, FloatSums)| FloatSums {
        tensor: left.tensor,
        accumulators: left.accumulators + right.accumulators,
        otherwise: left.otherwise + right.otherwise,
    };
    left.into_iter().zip(right).map(sum).collect()
}

/// One line, and one for each layer that has such accumulators.
pub(crate) fn print(graph: &Int8Graph, counts: &[FloatSums]) {
    if counts.is_empty() {
        return println!("the file sums every layer in integers: onnxruntime gives the same codes");
    }
    let total = |part: fn(&FloatSums) -> u64| thousands(counts.iter().map(part).sum::<u64>());
    println!(
        "{} of {} accumulators, in {} layers that the file sums in f32, are so near a half that \
         onnxruntime's rounding of sums takes them to the other neighbour{}",
        total(|layer| layer.otherwise),
        total(|layer| layer.accumulators),
        counts.len(),
        if counts.iter().any(|layer| layer.otherwise > 0) { ":" } else { "" }
    );
    for layer in counts.iter().filter(|layer| layer.otherwise > 0) {
        println!(
            "  {}: {} of {}",
            short(&graph.tensor(layer.tensor).name),
            thousands(layer.otherwise),
            thousands(layer.accumulators)
        );
    }
}

/// A name of someone else's file for one line of text.
fn short(name: &str) -> String {
    name.chars().take(LONGEST_NAME).collect::<String>().escape_default().to_string()
}
