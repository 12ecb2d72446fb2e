//! Cross-layer equalization: brings the channels between two layers to ranges that suit one scale.
//!
//! A map has one scale for all channels. If one channel reaches 100 and another 0.1, the second
//! keeps no bits. But between two convolutions with nothing but ReLU and pools in between, a
//! channel's unit is a free choice: divide the filter that makes it by any `s > 0`, multiply the
//! weights that read it by `s`, and the network computes what it did. Weights of a depthwise
//! convolution have a scale a channel, so there the ranges are made equal; other weights share a
//! scale with those of other input channels, so there `s` is the geometric mean of what suits the
//! map and what suits the weights.

use crate::QuantizeError;
use crate::float::Executor;
use rayon::prelude::{ParallelIterator, ParallelSlice};
use thumbnet_graph::{Conv2d, FloatGraph, FloatWeights, Op, TensorId};

/// Channels are scaled by this at most, and by its reciprocal at least.
const LARGEST_CHANGE: f64 = 1024.0;

/// When channels are equalized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Equalize {
    /// Never.
    Never,
    /// Wherever two layers allow it.
    Always,
    /// If the output has less noise with it, measured on the calibration pictures.
    IfBetter,
}

/// Two convolutions whose channels in between can be scaled.
struct Pair {
    /// Node that makes the channels.
    maker: usize,
    /// Node that reads them.
    reader: usize,
    /// The map in between whose range counts.
    map: TensorId,
}

/// `graph` with its layers equalized; `None` if there is no pair of layers that allows it.
pub(crate) fn equalize(
    graph: &FloatGraph,
    pictures: &[u8],
    zero_byte: u8,
) -> Result<Option<FloatGraph>, QuantizeError> {
    let executor = Executor::new(graph)?.with_zero_byte(zero_byte);
    let pairs = pairs(graph);
    if pairs.is_empty() {
        return Ok(None);
    }
    let maps: Vec<TensorId> = pairs.iter().map(|pair| pair.map).collect();
    let ranges = channel_ranges(&executor, graph, &maps, pictures)?;
    let mut graph = graph.clone();
    for (pair, ranges) in pairs.iter().zip(&ranges) {
        let Op::Conv2d(reader) = &graph.nodes[pair.reader].op else { continue };
        let factors = factors(reader, ranges);
        if let Op::Conv2d(maker) = &mut graph.nodes[pair.maker].op {
            divide_outputs(&mut maker.weights, &factors);
        }
        if let Op::Conv2d(reader) = &mut graph.nodes[pair.reader].op {
            multiply_inputs(reader, &factors);
        }
    }
    Ok(Some(graph))
}

/// All pairs: followed from each convolution through what only it and one more node see.
fn pairs(graph: &FloatGraph) -> Vec<Pair> {
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); graph.tensors.len()];
    for (index, node) in graph.nodes.iter().enumerate() {
        node.inputs.iter().for_each(|input| readers[input.0].push(index));
    }
    let follow = |maker: usize| {
        let Op::Conv2d(_) = &graph.nodes[maker].op else { return None };
        let mut map = graph.nodes[maker].output;
        let mut here = map;
        loop {
            let &[reader] = readers[here.0].as_slice() else { return None };
            if here == graph.output {
                return None;
            }
            match &graph.nodes[reader].op {
                Op::Conv2d(_) => return Some(Pair { maker, reader, map }),
                Op::Relu => {
                    here = graph.nodes[reader].output;
                    map = here;
                }
                Op::MaxPool2d(_) | Op::AveragePool2d(_) => here = graph.nodes[reader].output,
                _ => return None,
            }
        }
    };
    (0..graph.nodes.len()).filter_map(follow).collect()
}

/// The largest magnitude of each channel of each of `maps`, over all pictures.
fn channel_ranges(
    executor: &Executor,
    graph: &FloatGraph,
    maps: &[TensorId],
    pictures: &[u8],
) -> Result<Vec<Vec<f32>>, QuantizeError> {
    let len = graph.tensor(graph.input).shape.len();
    let of_picture = |picture| -> Result<Vec<Vec<f32>>, QuantizeError> {
        let values = executor.run_picture(picture)?;
        let of_map = |&map: &TensorId| {
            let mut ranges = vec![0.0_f32; graph.tensor(map).shape.c];
            for pixel in values[map.0].chunks_exact(ranges.len()) {
                let channels = ranges.iter_mut().zip(pixel);
                channels.for_each(|(range, value)| *range = range.max(value.abs()));
            }
            ranges
        };
        Ok(maps.iter().map(of_map).collect())
    };
    let union = |mut a: Vec<Vec<f32>>, b: Vec<Vec<f32>>| {
        let channels = a.iter_mut().flatten().zip(b.iter().flatten());
        channels.for_each(|(a, &b)| *a = a.max(b));
        Ok(a)
    };
    let all = pictures.par_chunks(len).map(of_picture).try_reduce_with(union);
    all.unwrap_or_else(|| Ok(maps.iter().map(|_| Vec::new()).collect()))
}

/// By how much each channel is divided: its largest value stays what the map's largest is.
fn factors(reader: &Conv2d<FloatWeights>, ranges: &[f32]) -> Vec<f64> {
    let depthwise = reader.groups == ranges.len();
    let weights = relative_input_weights(reader, ranges.len());
    let wanted: Vec<Option<f64>> = ranges
        .iter()
        .zip(&weights)
        .map(|(&range, &weight)| {
            let range = f64::from(range);
            let factor = if depthwise { range } else { (range / weight).sqrt() };
            (factor.is_normal() && factor > 0.0).then_some(factor)
        })
        .collect();
    let largest = ranges.iter().copied().fold(0.0, f32::max);
    let scaled = ranges.iter().zip(&wanted);
    let largest_scaled = scaled
        .filter_map(|(&range, factor)| factor.map(|factor| f64::from(range) / factor))
        .fold(0.0, f64::max);
    let unit = largest_scaled / f64::from(largest);
    let clamped = |factor: f64| (factor * unit).clamp(1.0 / LARGEST_CHANGE, LARGEST_CHANGE);
    // A channel that is always 0, or that nothing reads, stays as it is.
    wanted.into_iter().map(|factor| factor.map_or(1.0, clamped)).collect()
}

/// The largest weight that reads each input channel, as a part of the largest in its filter.
fn relative_input_weights(conv: &Conv2d<FloatWeights>, channels: usize) -> Vec<f64> {
    let (per_group, oc) = (channels / conv.groups, conv.weights.bias.len());
    let mut largest = vec![0.0_f64; channels];
    for (index, filter) in filters(&conv.weights).enumerate() {
        let of_filter = filter.iter().fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
        let first = index / (oc / conv.groups) * per_group;
        for (at, weight) in filter.iter().enumerate().filter(|_| of_filter > 0.0) {
            let part = f64::from(weight.abs()) / f64::from(of_filter);
            let channel = &mut largest[first + at % per_group];
            *channel = channel.max(part);
        }
    }
    largest
}

fn filters(weights: &FloatWeights) -> impl Iterator<Item = &[f32]> {
    weights.values.chunks_exact((weights.values.len() / weights.bias.len().max(1)).max(1))
}

fn divide_outputs(weights: &mut FloatWeights, factors: &[f64]) {
    let filter = (weights.values.len() / weights.bias.len().max(1)).max(1);
    let channels = weights.values.chunks_exact_mut(filter).zip(&mut weights.bias).zip(factors);
    for ((values, bias), factor) in channels {
        let divide = |value: &mut f32| *value = (f64::from(*value) / factor) as f32;
        values.iter_mut().for_each(divide);
        divide(bias);
    }
}

fn multiply_inputs(conv: &mut Conv2d<FloatWeights>, factors: &[f64]) {
    let (per_group, oc) = (factors.len() / conv.groups, conv.weights.bias.len());
    let filter = per_group * conv.window.taps();
    for (index, values) in conv.weights.values.chunks_exact_mut(filter).enumerate() {
        let first = index / (oc / conv.groups) * per_group;
        for (at, value) in values.iter_mut().enumerate() {
            *value = (f64::from(*value) * factors[first + at % per_group]) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Equalize, equalize};
    use crate::float::Executor;
    use crate::sample::{Builder, pictures, residual, seed_cnn};
    use crate::{Options, quantize_with};
    use thumbnet_graph::{FloatGraph, Op, Padding, Shape, Window};

    /// Products and quotients are rounded twice, and added up some hundred at a time.
    const ROUNDING: f32 = 1e-4;

    /// A depthwise network whose first layer makes channels of ranges from 1 to 4^7.
    fn uneven() -> FloatGraph {
        let padding = Padding { top: 1, left: 1, bottom: 1, right: 1 };
        let same = Window { padding, ..Window::square(3, 1) };
        let mut builder = Builder::new(Shape::new(8, 8, 1), 6);
        builder.window("conv", 8, same, 1).relu("relu").window("depthwise", 8, same, 8);
        builder.relu("relu2").conv2d("pointwise", 8, 1).relu("relu3").dense("logits", 4);
        let mut graph = builder.finish();
        for (channel, gain) in (0..8).map(|channel| (channel, 4f32.powi(channel as i32))) {
            let mut scale = |node: usize, per_channel: usize, gain: f32, bias: bool| {
                let Op::Conv2d(conv) = &mut graph.nodes[node].op else { panic!() };
                let filter = &mut conv.weights.values[channel * per_channel..][..per_channel];
                filter.iter_mut().for_each(|weight| *weight *= gain);
                if bias {
                    conv.weights.bias[channel] *= gain;
                }
            };
            scale(0, 9, gain, true);
            scale(2, 9, 1.0 / gain, false);
        }
        graph
    }

    #[test]
    fn the_function_stays_as_it_is() {
        for (graph, possible) in [(uneven(), true), (residual(2), true), (seed_cnn(2), true)] {
            let samples = pictures(graph.tensor(graph.input).shape, 4, 8);
            let equalized = equalize(&graph, &samples, 0).unwrap();
            assert_eq!(equalized.is_some(), possible);
            let equalized = equalized.unwrap();
            assert_ne!(equalized, graph);
            let run = |graph: &FloatGraph| {
                let len = graph.tensor(graph.input).shape.len();
                let mut values =
                    Executor::new(graph).unwrap().run_picture(&samples[..len]).unwrap();
                values.swap_remove(graph.output.0)
            };
            for (a, b) in run(&graph).iter().zip(run(&equalized)) {
                assert!((a - b).abs() < ROUNDING * a.abs().max(1.0), "{a} {b}");
            }
        }
    }

    #[test]
    fn a_depthwise_network_of_uneven_channels_loses_less() {
        let graph = uneven();
        let samples = pictures(graph.tensor(graph.input).shape, 16, 9);
        let sqnr = |equalize| {
            let options = Options { equalize, ..Options::default() };
            let quantized = quantize_with(&graph, &samples, &options).unwrap();
            (quantized.output_sqnr_db(), quantized.equalized)
        };
        let (plain, _) = sqnr(Equalize::Never);
        let (equalized, _) = sqnr(Equalize::Always);
        println!("{plain:.1} dB without, {equalized:.1} dB with");
        // Seven doublings twice over: the smallest channel gets 14 bits more, the output sees some.
        assert!(equalized > plain + 10.0, "{plain} {equalized}");
        assert_eq!(sqnr(Equalize::IfBetter), (equalized, true));
    }

    #[test]
    fn a_network_without_pairs_of_layers_is_left_alone() {
        let mut builder = Builder::new(Shape::new(4, 4, 1), 1);
        builder.dense("logits", 3);
        let graph = builder.finish();
        assert_eq!(equalize(&graph, &[0; 16], 0).unwrap(), None);
        let options = Options { equalize: Equalize::Always, ..Options::default() };
        assert!(!quantize_with(&graph, &[7; 16], &options).unwrap().equalized);
    }
}
