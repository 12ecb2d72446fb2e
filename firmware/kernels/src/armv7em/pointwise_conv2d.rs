//! Convolution with windows of one element: four pixels as halfwords, then all channels by pairs.

use crate::geometry::Shape;
use crate::intrin::{
    Chunk, PointwiseChannels, PointwiseTile, chunks_mut, interleave, pointwise_tile, smlad, sxtb16,
};
use crate::map::Map;
use crate::order::{Channels, Order};
use crate::packed::{PackedConv2d, pointwise_fits, pointwise_words_of_pair as words_of_pair};
use crate::requantize::{Requantize, clamp_codes};

/// As [`crate::portable::conv2d()`], with windows of one element and packed weights.
///
/// ```text
/// for each four output pixels, row after row (the last four may be one pixel more than once):
///     inputs = their channels as halfwords, the four pixels side by side
///     for each pair of channels: their codes of the four pixels
/// ```
///
/// Scratch is at least [`crate::packed::pointwise_scratch_bytes`], aligned to 4. A `layer` that does not describe its
/// slices, or too little scratch, leaves `output` as it is.
#[inline(always)]
pub fn pointwise_conv2d<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    input: &Map,
    scratch: &mut [i8],
    output: &Map,
) {
    // Inlined, so that sizes are constants here in generated code and only one tile is linked.
    let tile = pointwise_tile(words_of_pair(layer.input.c), layer.requantize.scales());
    convolve(layer, tile, input, scratch, output);
}

/// The order of [`pointwise_conv2d()`]: four pixels at a time.
pub const fn pointwise_conv2d_order() -> Order {
    Order { tile: [1, 1], tiles: 4, gathers: true, rereads: true, channels: Channels::Together }
}

#[inline(never)]
fn convolve<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    tile: PointwiseTile,
    input: &Map,
    scratch: &mut [i8],
    output: &Map,
) {
    if !pointwise_fits(layer, scratch) || !layer.describes(input, output) {
        return;
    }
    let (ic, oc) = (layer.input.c, layer.output.c);
    let words = words_of_pair(ic);
    let Some(inputs) = chunks_mut(scratch).get_mut(..words) else { return };
    inputs.fill([0; 4]);
    let channels = PointwiseChannels {
        weights: layer.weights.get(..oc / 2 * words).unwrap_or_default(),
        biases: layer.bias,
        scales: layer.requantize.scales(),
        zero_point: layer.requantize.zero_point(),
    };
    let Shape { h, w, .. } = layer.output;
    let last = (h * w).wrapping_sub(1);
    for first in (0..h * w).step_by(4) {
        let indices = [0, 1, 2, 3].map(|step| last.min(first + step));
        let starts = indices.map(|index| first_code(layer, index));
        interleave(input, starts, ic / 4, inputs);
        if !ic.is_multiple_of(4) {
            fill_tail(input, starts, ic, inputs);
        }
        let pixels = indices.map(|index| {
            let codes = output.get(index * oc..).unwrap_or_default();
            codes.get(..oc).unwrap_or_default()
        });
        tile(inputs, channels, pixels);
        if !oc.is_multiple_of(2) {
            last_channel(layer, inputs, pixels);
        }
        let [codes, .., end] = indices;
        let codes = output.get(codes * oc..(end + 1) * oc).unwrap_or_default();
        clamp_codes(codes, layer.requantize.range());
    }
}

/// Where the input of output pixel `index` begins, for a layer that describes its maps.
#[inline(always)]
fn first_code<R>(layer: &PackedConv2d<'_, R>, index: usize) -> usize {
    let Shape { w, c, .. } = layer.input;
    if layer.window.stride == [1, 1] {
        return index * c;
    }
    let [y, x] = [index / layer.output.w.max(1), index % layer.output.w.max(1)];
    // A stride counts for nothing, and may be any number, where there is one position.
    let row = y.wrapping_mul(layer.window.stride[0]).wrapping_mul(w);
    row.wrapping_add(x.wrapping_mul(layer.window.stride[1])).wrapping_mul(c)
}

/// The channels after the last whole four; the rest of their chunks stays 0.
fn fill_tail(input: &Map, starts: [usize; 4], ic: usize, inputs: &mut [Chunk]) {
    let whole = ic / 4 * 4;
    for (position, start) in starts.into_iter().enumerate() {
        let codes = input.get(start + whole..start + ic).unwrap_or_default();
        for (index, code) in codes.iter().enumerate() {
            let chunk = inputs.get_mut(whole / 2 + index % 2);
            let word = chunk.and_then(|chunk| chunk.get_mut(position));
            if let Some(word) = word {
                let halfword = u32::from(i16::from(code.get()) as u16);
                *word = if index < 2 { halfword } else { *word | halfword << 16 };
            }
        }
    }
}

/// An odd last channel, which has the plain lanes of its pair.
fn last_channel<R: Requantize>(layer: &PackedConv2d<'_, R>, inputs: &[Chunk], pixels: [&Map; 4]) {
    let channel = layer.output.c.wrapping_sub(1);
    let weights = layer.weights.get(channel / 2 * inputs.len()..).unwrap_or_default();
    let bias = layer.bias.get(channel).copied().unwrap_or(0);
    for (position, pixel) in pixels.into_iter().enumerate() {
        let words = inputs.iter().filter_map(|chunk| chunk.get(position)).zip(weights);
        let sum = words.fold(bias, |sum, (x, w)| smlad(sxtb16(*w as u32), *x, sum));
        if let Some(code) = pixel.get(channel) {
            code.set(layer.requantize.requantize(sum, channel));
        }
    }
}
