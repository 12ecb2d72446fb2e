//! The walk over an output by some pixels at a time, all channels of each.

use crate::intrin::{Chunk, PointwiseChannels, PointwiseTile, smlad, sxtb16};
use crate::map::Map;
use crate::order::{Channels, Order};
use crate::packed::PackedConv2d;
use crate::requantize::{Requantize, clamp_codes};

/// The order of [`by_pixels`], `pixels` at a time.
pub(super) const fn order(pixels: usize) -> Order {
    Order {
        tile: [1, 1],
        tiles: pixels,
        gathers: true,
        rereads: true,
        channels: Channels::Together,
    }
}

/// Computes a layer without a pool from what `fill` makes the inputs of its pixels.
///
/// ```text
/// for each three or four output pixels, row after row (the last of them may be one pixel more than once):
///     inputs = fill(the four indices of these pixels)
///     for each pair of channels: their codes of the pixels
/// ```
///
/// `inputs` are the chunks of as many words as a pair of channels has.
#[inline(always)]
pub(super) fn by_pixels<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    tile: PointwiseTile,
    inputs: &mut [Chunk],
    output: &Map,
    mut fill: impl FnMut([usize; 4], &mut [Chunk]),
) {
    let oc = layer.output.c;
    let channels = PointwiseChannels {
        weights: layer.weights.get(..oc / 2 * inputs.len()).unwrap_or_default(),
        biases: layer.bias,
        scales: layer.requantize.scales(),
        zero_point: layer.requantize.zero_point(),
    };
    // A map without channels may have any number of pixels.
    let pixels = output.len().checked_div(oc).unwrap_or(0);
    let last = pixels.wrapping_sub(1);
    for first in (0..pixels).step_by(tile.pixels.max(1)) {
        let end = last.min((first + tile.pixels).wrapping_sub(1));
        let indices = [0, 1, 2, 3].map(|step| end.min(first + step));
        fill(indices, inputs);
        let pixels = indices.map(|index| {
            let codes = output.get(index * oc..).unwrap_or_default();
            codes.get(..oc).unwrap_or_default()
        });
        (tile.run)(inputs, channels, pixels);
        if !oc.is_multiple_of(2) {
            last_channel(layer, inputs, pixels);
        }
        let codes = output.get(first * oc..(end + 1) * oc).unwrap_or_default();
        clamp_codes(codes, layer.requantize.range());
    }
}

/// An odd last channel, which has the plain lanes of its pair. Small rather than fast: other layers have it in their image,
/// too, unless their channels are a constant.
#[inline(never)]
fn last_channel<R: Requantize>(layer: &PackedConv2d<'_, R>, inputs: &[Chunk], pixels: [&Map; 4]) {
    let channel = layer.output.c.wrapping_sub(1);
    let weights = layer.weights.get(channel / 2 * inputs.len()..).unwrap_or_default();
    let bias = layer.bias.get(channel).copied().unwrap_or(0);
    for (sum, pixel) in plain_lanes(inputs, weights, bias).into_iter().zip(pixels) {
        set_code(layer, sum, channel, pixel);
    }
}

/// The code of an accumulator.
#[inline(never)]
fn set_code<R: Requantize>(layer: &PackedConv2d<'_, R>, sum: i32, channel: usize, pixel: &Map) {
    if let Some(code) = pixel.get(channel) {
        code.set(layer.requantize.requantize(sum, channel));
    }
}

/// The sums of the four pixels.
#[inline(never)]
fn plain_lanes(inputs: &[Chunk], weights: &[i32], bias: i32) -> [i32; 4] {
    let mut sums = [bias; 4];
    for (chunk, weight) in inputs.iter().zip(weights) {
        let weight = sxtb16(*weight as u32);
        sums = core::array::from_fn(|pixel| smlad(weight, chunk[pixel], sums[pixel]));
    }
    sums
}
