//! Quantizes the weights of one layer, channel by channel.

use crate::QuantizeError;
use crate::formats::{Format, LARGEST_FACTOR};
use crate::lower::{Kind, Layer};
use crate::sets::SMALLEST_SCALE;
use crate::snap::{LARGEST_GROWTH, Snapped, shorten, snap};
use rayon::prelude::{IntoParallelIterator, ParallelIterator};
use thumbnet_graph::onnx::Form;
use thumbnet_graph::{Conv2d, Int8Weights, Shape};

/// The largest code of a weight; -128 is not used, so that scales are symmetric.
pub(crate) const LARGEST_CODE: f64 = 127.0;

/// The largest code of the equal weights of a sum; 1 if the factor allows it.
pub(crate) const LARGEST_SUM_CODE: f64 = 64.0;

/// A channel with smaller weights than this factor needs gets a larger scale: below it thresholds
/// lie so far apart that few scales unite the engines, and its weights move the output by 4 codes
/// at most.
const SMALLEST_FACTOR: f64 = 1.0 / 8192.0;

/// The factor of a channel without weights: its bias gets 1/256 of an output code as resolution.
const DEAD_FACTOR: f64 = 1.0 / 256.0;

/// A bias alone may use this much of the accumulator.
const LARGEST_BIAS: f64 = 1_073_741_824.0; // 2^30

/// What quantizing a layer cost, over its channels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cost {
    /// Largest relative growth of a scale in the search.
    pub scale_growth: f64,
    /// Most scales that a channel tried.
    pub tries: u32,
    /// Largest magnitude that an accumulator can reach.
    pub accumulator_bound: i64,
}

/// What a channel is quantized between.
#[derive(Clone, Copy, Debug)]
struct Ends {
    x: Format,
    y: Format,
    form: Form,
}

/// One output channel, in the unit of the int8 network.
struct Channel {
    weights: Vec<f64>,
    bias: f64,
    /// Code of the largest weight.
    largest_code: f64,
    smallest_factor: f64,
}

/// The int8 convolution of a layer that is one, between its input's and output's formats; `None`
/// for others.
pub(crate) fn quantize_weights(
    layer: &Layer,
    output: Shape,
    [x, y]: [Format; 2],
    form: Form,
) -> Option<Result<(Conv2d<Int8Weights>, Cost), QuantizeError>> {
    let ends = Ends { x, y, form };
    let (window, groups) = match &layer.kind {
        Kind::Conv2d { window, groups, .. } => (*window, *groups),
        Kind::Sum { window, .. } => (*window, output.c),
        Kind::MaxPool2d(_) | Kind::Add | Kind::Real(_) | Kind::Clamp(_) => return None,
    };
    let channels: Vec<Result<QuantizedChannel, QuantizeError>> = (0..output.c)
        .into_par_iter()
        .map(|index| ends.quantize(&ends.channel(&layer.kind, index, output.c), &layer.name, index))
        .collect();
    let mut weights = Int8Weights { values: Vec::new(), bias: Vec::new(), scales: Vec::new() };
    let mut cost = Cost::default();
    // In order, so that the first channel at fault is the one reported.
    for channel in channels {
        let channel = match channel {
            Ok(channel) => channel,
            Err(error) => return Some(Err(error)),
        };
        weights.values.extend(channel.codes);
        weights.bias.push(channel.bias);
        weights.scales.push(channel.scale);
        cost.scale_growth = cost.scale_growth.max(channel.cost.scale_growth);
        cost.tries = cost.tries.max(channel.cost.tries);
        cost.accumulator_bound = cost.accumulator_bound.max(channel.cost.accumulator_bound);
    }
    Some(Ok((Conv2d { window, groups, weights }, cost)))
}

struct QuantizedChannel {
    codes: Vec<i8>,
    bias: i32,
    scale: f32,
    cost: Cost,
}

impl Ends {
    /// Real factor from a weight scale to the factor from accumulator to output.
    fn gain(&self) -> f64 {
        f64::from(self.x.quantization.scale) / f64::from(self.y.quantization.scale)
    }

    fn channel(&self, kind: &Kind, index: usize, channels: usize) -> Channel {
        let ratio = self.y.unit / self.x.unit;
        match kind {
            Kind::Conv2d { weights, .. } => {
                let len = weights.values.len() / channels;
                let filter = &weights.values[index * len..][..len];
                Channel {
                    weights: filter.iter().map(|&weight| f64::from(weight) * ratio).collect(),
                    bias: f64::from(weights.bias[index]) * self.y.unit,
                    largest_code: LARGEST_CODE,
                    smallest_factor: SMALLEST_FACTOR,
                }
            }
            Kind::Sum { window, weight } => {
                let weight = weight * ratio;
                // Ones, unless the factor would be too large for the integer form.
                let factor = weight * self.gain();
                let needed = (factor / LARGEST_FACTOR).log2().ceil().exp2();
                let largest_code = needed.clamp(1.0, LARGEST_SUM_CODE);
                let weights = vec![weight; window.taps()];
                Channel { weights, bias: 0.0, largest_code, smallest_factor: 0.0 }
            }
            Kind::MaxPool2d(_) | Kind::Add | Kind::Real(_) | Kind::Clamp(_) => {
                unreachable!("only convolutions have channels")
            }
        }
    }

    fn quantize(
        &self,
        channel: &Channel,
        node: &str,
        index: usize,
    ) -> Result<QuantizedChannel, QuantizeError> {
        let minimum = self.smallest_scale(channel, node)?;
        let x = self.x.quantization;
        let snapped = match self.form {
            Form::QLinear => snap(minimum, x.scale, self.y.quantization),
            Form::Qdq => shorten(minimum, |scale| self.codes(channel, scale).2),
        };
        let unsnappable = || QuantizeError::Unsnappable {
            node: node.to_owned(),
            channel: index,
            factor: f64::from(minimum) * self.gain(),
            growth: LARGEST_GROWTH,
        };
        let Snapped { scale, tries } = snapped.ok_or_else(unsnappable)?;
        let (codes, bias, bound) = self.codes(channel, scale);
        let limit = i64::from(i32::MAX);
        if bound > limit {
            let node = node.to_owned();
            return Err(QuantizeError::Accumulator { node, channel: index, bound, limit });
        }
        let scale_growth = f64::from(scale) / f64::from(minimum) - 1.0;
        let cost = Cost { scale_growth, tries, accumulator_bound: bound };
        // The bound includes the bias, so the bias fits as well.
        Ok(QuantizedChannel { codes, bias: bias as i32, scale, cost })
    }

    /// The least scale that represents the channel's weights and bias.
    fn smallest_scale(&self, channel: &Channel, node: &str) -> Result<f32, QuantizeError> {
        let largest = channel.weights.iter().fold(0.0, |largest: f64, w| largest.max(w.abs()));
        let smallest_factor = if largest == 0.0 { DEAD_FACTOR } else { channel.smallest_factor };
        let minimum = (largest / channel.largest_code)
            .max(smallest_factor / self.gain())
            .max(channel.bias.abs() / f64::from(self.x.quantization.scale) / LARGEST_BIAS);
        if !(SMALLEST_SCALE..=1.0 / SMALLEST_SCALE).contains(&minimum) {
            return Err(QuantizeError::ScaleRange { name: node.to_owned(), scale: minimum });
        }
        let rounded = minimum as f32;
        Ok(if f64::from(rounded) < minimum { rounded.next_up() } else { rounded })
    }

    /// Codes of weights and bias, and the largest magnitude of any partial sum.
    fn codes(&self, channel: &Channel, scale: f32) -> (Vec<i8>, i64, i64) {
        let scale = f64::from(scale);
        let codes: Vec<i8> = channel
            .weights
            .iter()
            .map(|weight| (weight / scale).round().clamp(-LARGEST_CODE, LARGEST_CODE) as i8)
            .collect();
        let bias = (channel.bias / (f64::from(self.x.quantization.scale) * scale)).round() as i64;
        let sum: i64 = codes.iter().map(|code| i64::from(code.unsigned_abs())).sum();
        let zero_point = i64::from(self.x.quantization.zero_point);
        let largest_input = (127 - zero_point).max(zero_point + 128);
        (codes, bias, sum * largest_input + bias.abs())
    }
}
