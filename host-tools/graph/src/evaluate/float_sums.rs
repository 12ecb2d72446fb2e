//! Which accumulators onnxruntime rounds otherwise: layers between DequantizeLinear and
//! QuantizeLinear are summed there in f32.
//!
//! Codes times scales are added up one after the other, each sum rounded to f32. The result is off
//! the exact one by some units in the last place, and by how many depends on all the summands, not
//! on their sum: equal accumulators get different results. Where the exact result is that near to a
//! half between two codes, onnxruntime may round to the other neighbour. Integers sum exactly, so no
//! arithmetic on them follows it there. What can be done is to say how often it happens.
//!
//! ```text
//! for each block of K products, in the order [ic / groups, kh, kw]:
//!     part = 0; part = fma(x, w, part) for each product
//!     sum += part
//! sum += bias; code = QuantizeLinear(sum)
//! ```
//!
//! That is onnxruntime's matrix product (MLAS) on processors with fused multiply-add. Depthwise layers
//! and dense layers of one vector are summed in other orders there; for them the count is an estimate.

use super::codes::float_means;
use super::{Map, positions, quantize, saturate, step};
use crate::codes_op::CodesOp;
use crate::graph::{Int8Graph, Node, TensorId};
use crate::op::{Conv2d, Int8Weights, Op};
use thumbnet_kernels::geometry::Shape;

/// Results nearer to a half than this are summed in f32 too. The largest error seen in trained
/// networks is 1e-4 steps.
const NEAR: f64 = 2e-3;

/// Columns and depth of a block of onnxruntime's matrix product, before they are fitted to a layer.
const BLOCK: usize = 128;
/// Blocks become no narrower than this.
const NARROWEST_BLOCK: usize = 16;

/// The accumulators of one layer and one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloatSums {
    /// What the layer makes.
    pub tensor: TensorId,
    /// How many it has.
    pub accumulators: u64,
    /// How many of them onnxruntime rounds to the other neighbour.
    pub otherwise: u64,
}

/// Counts what `layers`, which a file sums in float, would round otherwise; `codes` are those of all
/// tensors, as [`super::evaluate`] gives them.
pub fn float_sums(graph: &Int8Graph, layers: &[TensorId], codes: &[Vec<i8>]) -> Vec<FloatSums> {
    let node_of = |tensor| graph.nodes.iter().find(|node| node.output == tensor);
    layers
        .iter()
        .filter_map(|&tensor| {
            let node = node_of(tensor)?;
            let Op::Conv2d(conv) = &node.op else { return None };
            let input = graph.tensor(node.inputs[0]);
            let x =
                Map { shape: input.shape, format: input.format, codes: &codes[node.inputs[0].0] };
            let made = graph.tensor(tensor);
            let layer = Layer { conv, x, made: made.shape };
            let otherwise = layer.rounded_otherwise(made.format);
            Some(FloatSums { tensor, accumulators: made.shape.len() as u64, otherwise })
        })
        .collect()
}

/// What a convolution or a mean makes of the `codes` of its map in float, `[h, w, c]`; `None` for any other node.
/// `bias` is the convolution's bias in float, where its file has none in int32.
pub(crate) fn float_result(
    graph: &Int8Graph,
    node: &Node<Int8Weights>,
    bias: Option<&[f32]>,
    codes: &[i8],
) -> Option<Vec<f32>> {
    let input = graph.tensor(node.inputs[0]);
    let x = Map { shape: input.shape, format: input.format, codes };
    let made = graph.tensor(node.output).shape;
    match &node.op {
        Op::Conv2d(conv) => {
            let layer = Layer { conv, x, made };
            let channels = |position: Vec<Option<usize>>| {
                let layer = &layer;
                (0..made.c).map(move |channel| {
                    let rounded = layer.bias(channel);
                    let bias = bias.and_then(|bias| bias.get(channel)).copied();
                    layer.float_products(&position, channel) + bias.unwrap_or(rounded)
                })
            };
            Some(positions(&conv.window, x.shape, made).into_iter().flat_map(channels).collect())
        }
        Op::Codes(CodesOp::Mean(mean)) => Some(float_means(mean, x, made)),
        _ => None,
    }
}

/// A convolution over a map.
struct Layer<'a> {
    conv: &'a Conv2d<Int8Weights>,
    x: Map<'a>,
    made: Shape,
}

impl Layer<'_> {
    fn rounded_otherwise(&self, to: crate::graph::Quantization) -> u64 {
        let weights = &self.conv.weights;
        let mut count = 0;
        for position in positions(&self.conv.window, self.x.shape, self.made) {
            for channel in 0..self.made.c {
                let acc = self.accumulator(&position, channel);
                let factor = self.x.format.scale * weights.scales[channel] / to.scale;
                let steps = f64::from(acc) * f64::from(factor);
                if ((steps - steps.floor()) - 0.5).abs() > NEAR {
                    continue;
                }
                let ours = saturate((acc as f32 * factor).round_ties_even(), to.zero_point);
                count += u64::from(quantize(self.float_sum(&position, channel), to) != ours);
            }
        }
        count
    }

    /// The exact sum of a channel at a position, in steps of input and weights.
    fn accumulator(&self, position: &[Option<usize>], channel: usize) -> i32 {
        let group = self.group();
        let first = self.first_input(channel);
        let rows = self.rows(channel).chunks_exact(group);
        let mut acc = self.conv.weights.bias[channel];
        for (pixel, row) in position.iter().zip(rows) {
            let Some(pixel) = pixel else { continue };
            for (at, &weight) in row.iter().enumerate() {
                let product = step(self.x, pixel * self.x.shape.c + first + at) * i32::from(weight);
                acc = acc.wrapping_add(product);
            }
        }
        acc
    }

    /// The sum as onnxruntime adds it up.
    fn float_sum(&self, position: &[Option<usize>], channel: usize) -> f32 {
        self.float_products(position, channel) + self.bias(channel)
    }

    /// That sum without the bias.
    fn float_products(&self, position: &[Option<usize>], channel: usize) -> f32 {
        let (group, first) = (self.group(), self.first_input(channel));
        let scale = self.conv.weights.scales[channel];
        let rows = self.rows(channel);
        let mut products = (0..group).flat_map(|at| {
            position.iter().enumerate().map(move |(tap, pixel)| {
                let x = pixel.map_or(0, |pixel| step(self.x, pixel * self.x.shape.c + first + at));
                let weight = rows[tap * group + at];
                (x as f32 * self.x.format.scale, f32::from(weight) * scale)
            })
        });
        let depth = block_depth(self.made.h * self.made.w, rows.len());
        let mut sum = 0.0;
        let mut left = rows.len();
        while left > 0 {
            let part = products.by_ref().take(depth.min(left));
            sum += part.fold(0.0, |sum: f32, (x, weight)| x.mul_add(weight, sum));
            left -= depth.min(left);
        }
        sum
    }

    /// A channel's bias in float.
    fn bias(&self, channel: usize) -> f32 {
        let Int8Weights { bias, scales, .. } = &self.conv.weights;
        bias[channel] as f32 * (self.x.format.scale * scales[channel])
    }

    /// Input channels of a group.
    fn group(&self) -> usize {
        self.x.shape.c / self.conv.groups
    }

    /// First input channel of an output channel.
    fn first_input(&self, channel: usize) -> usize {
        channel / (self.made.c / self.conv.groups) * self.group()
    }

    /// Weights of a channel, `[kh, kw, ic / groups]`.
    fn rows(&self, channel: usize) -> &[i8] {
        let len = self.conv.window.taps() * self.group();
        &self.conv.weights.values[channel * len..][..len]
    }
}

/// How many products onnxruntime adds up before it adds their sum to the result: as many more as the
/// matrix, of this many columns and this depth, has fewer columns than a block.
fn block_depth(columns: usize, depth: usize) -> usize {
    let (mut block_columns, mut block_depth) = (BLOCK, BLOCK);
    if columns < depth {
        while block_columns > NARROWEST_BLOCK && block_columns / 2 >= columns {
            block_columns /= 2;
            block_depth *= 2;
        }
    }
    block_depth
}

#[cfg(test)]
mod tests {
    use super::block_depth;

    #[test]
    fn blocks_are_deeper_where_matrices_are_narrow() {
        assert_eq!(block_depth(1024, 27), 128);
        assert_eq!(block_depth(256, 288), 128);
        assert_eq!(block_depth(64, 576), 256);
        assert_eq!(block_depth(1, 576), 1024);
    }
}
