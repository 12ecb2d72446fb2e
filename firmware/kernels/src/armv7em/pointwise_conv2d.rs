//! Convolution with windows of one element: four pixels as halfwords, then all channels by pairs.

use super::by_pixels;
use crate::geometry::Shape;
use crate::intrin::{Chunk, PointwiseTile, chunks_mut, interleave, pixels_at_once, pointwise_tile};
use crate::map::Map;
use crate::order::Order;
use crate::packed::{PackedConv2d, pointwise_fits, pointwise_words_of_pair as words_of_pair};
use crate::requantize::Requantize;

/// As [`crate::portable::conv2d()`], with windows of one element and packed weights.
///
/// ```text
/// for each three or four output pixels, row after row (the last of them may be one pixel more than once):
///     inputs = their channels as halfwords, the pixels side by side
///     for each pair of channels: their codes of the pixels
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
    let pixels = layer.output.h.saturating_mul(layer.output.w);
    let tile = pointwise_tile(words_of_pair(layer.input.c), pixels, layer.requantize.scales());
    convolve(layer, tile, input, scratch, output);
}

/// The order of [`pointwise_conv2d()`]: some pixels at a time.
pub const fn pointwise_conv2d_order(output: Shape) -> Order {
    by_pixels::order(pixels_at_once(output.h.saturating_mul(output.w)))
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
    let ic = layer.input.c;
    let Some(inputs) = chunks_mut(scratch).get_mut(..words_of_pair(ic)) else { return };
    inputs.fill([0; 4]);
    by_pixels::by_pixels(layer, tile, inputs, output, |indices, inputs| {
        let starts = indices.map(|index| first_code(layer, index));
        interleave(input, starts, ic / 4, inputs);
        if !ic.is_multiple_of(4) {
            fill_tail(input, starts, ic, inputs);
        }
    });
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
