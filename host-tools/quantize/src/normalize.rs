//! Makes a float network one that takes the bytes of pictures: its normalization is folded into the
//! first layer.
//!
//! On a device a byte becomes a code by subtracting 128 and nothing else. So whatever a network
//! wants done to its pixels, outside or in its first nodes, must become a part of its first
//! convolution. Scales always can. A shift can where that convolution has no padding. Padding is
//! real 0 *after* normalization, which is the mean colour before it: if all channels have about the
//! same mean, its byte becomes the code of 0. Else normalization stays a layer of its own.

use crate::QuantizeError;
use crate::fold::{Folding, as_affine, fold_affine};
use thumbnet_graph::{Conv2d, FloatGraph, FloatWeights, Node, Op, Tensor, Window};

/// Channels whose means are within this many bytes of one are padded with that one: the borders of
/// the first layer alone see the difference, which is small beside what pictures have there.
const LARGEST_PADDING_ERROR: f64 = 16.0;

/// What a network expects of pixels: `(byte / 255 - mean[c]) / std[c]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalization {
    /// One for all channels, or one a channel.
    pub mean: Vec<f64>,
    /// One for all channels, or one a channel; positive.
    pub std: Vec<f64>,
}

impl Default for Normalization {
    /// `byte / 255`.
    fn default() -> Self {
        Self { mean: vec![0.0], std: vec![1.0] }
    }
}

/// A network that takes `(byte - zero_byte) / 255`.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// The network.
    pub graph: FloatGraph,
    /// The byte that is real 0, with which the first layer is padded.
    pub zero_byte: u8,
    /// How far, in bytes, that is from what the network pads a channel with, at most.
    pub padding_error: f64,
}

/// `graph`, which takes pixels as `normalization` says, made to take bytes; all scales and shifts
/// of channels in it are folded away where they can be.
///
/// # Errors
/// [`QuantizeError`] if the graph is damaged or the normalization does not suit its channels.
pub fn prepare(
    graph: &FloatGraph,
    normalization: &Normalization,
) -> Result<Prepared, QuantizeError> {
    graph.validate()?;
    let mut graph = graph.clone();
    if *normalization != Normalization::default() {
        normalize_first(&mut graph, normalization)?;
    }
    let graph = fold_affine(graph);
    let Some((node, padding)) = padding_of_input(&graph) else {
        return Ok(Prepared { graph, zero_byte: 0, padding_error: 0.0 });
    };
    Ok(fold_with_padding(graph, node, padding))
}

/// Puts the normalization before everything else.
fn normalize_first(
    graph: &mut FloatGraph,
    Normalization { mean, std }: &Normalization,
) -> Result<(), QuantizeError> {
    let shape = graph.tensor(graph.input).shape;
    let suits = |numbers: &[f64]| {
        [1, shape.c].contains(&numbers.len()) && numbers.iter().all(|number| number.is_finite())
    };
    if !suits(mean) || !suits(std) || std.iter().any(|&std| std <= 0.0) {
        return Err(QuantizeError::Normalization { channels: shape.c });
    }
    let of = |numbers: &[f64], channel: usize| numbers[channel.min(numbers.len() - 1)];
    let weights = FloatWeights {
        values: (0..shape.c).map(|channel| (1.0 / of(std, channel)) as f32).collect(),
        bias: (0..shape.c).map(|channel| (-of(mean, channel) / of(std, channel)) as f32).collect(),
    };
    let picture = Tensor { name: "picture".to_owned(), shape, format: () };
    let (normalized, input) = (graph.input, graph.add_tensor(picture));
    let op = Op::Conv2d(Conv2d { window: Window::UNIT, groups: shape.c, weights });
    let node = Node { name: "normalize".to_owned(), op, inputs: vec![input], output: normalized };
    graph.nodes.insert(0, node);
    graph.input = input;
    Ok(())
}

/// What the first layer's padding is in bytes.
struct Padding {
    byte: u8,
    error: f64,
}

/// The node that scales and shifts the input, if it is left for the padding of the convolutions
/// behind it and one byte stands for that.
fn padding_of_input(graph: &FloatGraph) -> Option<(usize, Padding)> {
    let mut readers = graph.consumers(graph.input);
    let (node, None) = (readers.next()?, readers.next()) else { return None };
    let affine = as_affine(&graph.nodes[node].op)?;
    let bytes: Vec<f64> = affine
        .values
        .iter()
        .zip(&affine.bias)
        .map(|(&scale, &shift)| -255.0 * f64::from(shift) / f64::from(scale))
        .collect();
    let least = bytes.iter().copied().fold(f64::INFINITY, f64::min);
    let most = bytes.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let byte = ((least + most) / 2.0).round();
    let error = (byte - least).max(most - byte);
    let allowed = (0.0..=255.0).contains(&byte) && error <= LARGEST_PADDING_ERROR;
    allowed.then_some((node, Padding { byte: byte as u8, error }))
}

/// Folds `node` into the convolutions that read it, if all do, with the input's zero at `byte`.
fn fold_with_padding(graph: FloatGraph, node: usize, padding: Padding) -> Prepared {
    let Padding { byte, error } = padding;
    let mut folding = Folding::new(graph);
    if !folding.reads_by_convolutions(node, |_| true) {
        return Prepared { graph: folding.finish(), zero_byte: 0, padding_error: 0.0 };
    }
    if let Op::Conv2d(conv) = &mut folding.graph.nodes[node].op {
        let FloatWeights { values, bias } = &mut conv.weights;
        for (scale, shift) in values.iter().zip(bias) {
            // scale * x + shift for x = x' + byte / 255; what is left is less than half a byte if
            // the channel's own zero is the byte.
            *shift = (f64::from(*shift) + f64::from(*scale) * f64::from(byte) / 255.0) as f32;
        }
    }
    folding.fold_into_readers(node);
    Prepared { graph: folding.finish(), zero_byte: byte, padding_error: error }
}

#[cfg(test)]
mod tests {
    use super::{Normalization, Prepared, prepare};
    use crate::QuantizeError;
    use crate::float::Executor;
    use crate::sample::{Builder, pictures};
    use thumbnet_graph::{FloatGraph, Padding, Shape, Window};

    const PADDED: Window = Window {
        padding: Padding { top: 1, left: 1, bottom: 1, right: 1 },
        kernel: [3, 3],
        ..Window::UNIT
    };

    /// f32 sums of some ten terms near 1.
    const ROUNDING: f32 = 2e-5;

    fn network(window: Window, channels: usize) -> FloatGraph {
        let mut builder = Builder::new(Shape::new(6, 6, channels), 3);
        builder.window("conv", 4, window, 1).relu("relu").dense("logits", 3);
        builder.finish()
    }

    /// Largest difference of the logits between the network on normalized pixels and the prepared
    /// one on bytes.
    fn difference(graph: &FloatGraph, norm: &Normalization, prepared: &Prepared) -> f32 {
        let shape = graph.tensor(graph.input).shape;
        let picture = pictures(shape, 1, 5);
        let at = |numbers: &[f64], index: usize| numbers[index % shape.c % numbers.len()];
        let pixels: Vec<f32> = picture
            .iter()
            .enumerate()
            .map(|(index, &byte)| {
                ((f64::from(byte) / 255.0 - at(&norm.mean, index)) / at(&norm.std, index)) as f32
            })
            .collect();
        let wanted = &Executor::new(graph).unwrap().run(&pixels).unwrap()[graph.output.0];
        let executor = Executor::new(&prepared.graph).unwrap().with_zero_byte(prepared.zero_byte);
        let logits = &executor.run_picture(&picture).unwrap()[prepared.graph.output.0];
        let pairs = wanted.iter().zip(logits);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn without_padding_every_normalization_is_exact() {
        let graph = network(Window::square(3, 1), 3);
        let norm = Normalization { mean: vec![0.1, 0.9, 0.5], std: vec![0.5, 0.2, 1.0] };
        let prepared = prepare(&graph, &norm).unwrap();
        assert_eq!(prepared.graph.nodes.len(), graph.nodes.len());
        assert_eq!((prepared.zero_byte, prepared.padding_error), (0, 0.0));
        assert!(difference(&graph, &norm, &prepared) < ROUNDING);
    }

    #[test]
    fn one_mean_becomes_the_byte_of_zero() {
        let graph = network(PADDED, 2);
        let norm = Normalization { mean: vec![51.0 / 255.0], std: vec![0.25] };
        let prepared = prepare(&graph, &norm).unwrap();
        assert_eq!(prepared.graph.nodes.len(), graph.nodes.len());
        assert_eq!(prepared.zero_byte, 51);
        assert!(prepared.padding_error < 1e-4, "{}", prepared.padding_error);
        assert!(difference(&graph, &norm, &prepared) < ROUNDING);
    }

    #[test]
    fn means_far_apart_stay_a_layer() {
        let graph = network(PADDED, 2);
        let norm = Normalization { mean: vec![0.1, 0.6], std: vec![0.25] };
        let prepared = prepare(&graph, &norm).unwrap();
        assert_eq!(prepared.graph.nodes.len(), graph.nodes.len() + 1);
        assert_eq!(prepared.zero_byte, 0);
        assert!(difference(&graph, &norm, &prepared) < ROUNDING);
    }

    #[test]
    fn a_normalization_of_other_channels_is_refused() {
        let graph = network(PADDED, 2);
        for (mean, std) in [(vec![0.5; 3], vec![1.0]), (vec![0.5], vec![0.0]), (vec![], vec![1.0])]
        {
            let error = prepare(&graph, &Normalization { mean, std }).unwrap_err();
            assert_eq!(error, QuantizeError::Normalization { channels: 2 });
        }
        let nan = Normalization { mean: vec![f64::NAN], std: vec![1.0] };
        assert!(prepare(&graph, &nan).is_err());
    }
}
