//! Convolution with many input channels: a patch of halfwords and tiles of two positions by four channels.

use crate::geometry::{Shape, Window};
use crate::intrin::{Chunk, DeepTile, chunks_mut, deep_tile, sxtb16, sxtb16_ror8};
use crate::packed::{PackedConv2d, deep_fits, deep_patch_size, deep_words_of_four};
use crate::requantize::Requantize;

/// As [`crate::packed::deep_conv2d()`].
///
/// ```text
/// for each output pixel (without a pool: each two neighbours in a row):
///     patch = the input below as halfwords [rows][chunks of 8 channels][columns], padding filled in
///     for each four channels:
///         for each row of the pool: the tile of its two positions
///         output = requantize(bias + largest)     (without a pool: of each position)
/// ```
#[inline(always)]
pub fn deep_conv2d<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    input: &[i8],
    scratch: &mut [i8],
    output: &mut [i8],
) {
    // Inlined, so that windows are constants here in generated code and only one tile is linked.
    let Some(tile) = deep_tile(layer.window.kernel[1], layer.window.stride[1]) else { return };
    convolve(layer, tile, input, scratch, output);
}

fn convolve<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    tile: DeepTile,
    input: &[i8],
    scratch: &mut [i8],
    output: &mut [i8],
) {
    if !deep_fits(layer, scratch) || !layer.describes(input, output) {
        return;
    }
    let pooled = layer.pool.kernel != [1, 1];
    let patch = chunks_mut(scratch);
    let frame = Frame::of(layer, pooled);
    let Shape { w, c, .. } = layer.output;
    let pixels_at_once = if pooled { 1 } else { 2 };
    for (y, row) in output.chunks_exact_mut((w * c).max(1)).enumerate() {
        for (x, pixels) in row.chunks_mut((pixels_at_once * c).max(1)).enumerate() {
            frame.fill(input, [y, x], patch);
            if pooled {
                largest_positions(layer, tile, &frame, patch, pixels);
            } else {
                both_positions(layer, tile, patch, pixels);
            }
        }
    }
}

/// The output pixel whose pool covers the patch.
fn largest_positions<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    tile: DeepTile,
    frame: &Frame,
    patch: &[Chunk],
    pixel: &mut [i8],
) {
    let filters = layer.weights.as_chunks::<8>().0.chunks_exact(chunks_of_four(layer));
    let blocks = pixel.chunks_mut(4).zip(filters).zip(layer.bias.chunks(4));
    let row_step = layer.window.stride[0] * frame.row_len;
    let mut channel = 0;
    for ((codes, weights), biases) in blocks {
        let mut largest = [i32::MIN; 4];
        for row in 0..layer.pool.kernel[0] {
            let patch = patch.get(row * row_step..).unwrap_or_default();
            let Some([left, right]) = tile(patch, weights) else { return };
            for ((largest, left), right) in largest.iter_mut().zip(left).zip(right) {
                *largest = (*largest).max(left).max(right);
            }
        }
        finish(layer, &mut channel, codes, largest, biases);
    }
}

/// The two output pixels, or the last one of a row, whose windows lie on the patch.
fn both_positions<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    tile: DeepTile,
    patch: &[Chunk],
    pixels: &mut [i8],
) {
    let filters = layer.weights.as_chunks::<8>().0.chunks_exact(chunks_of_four(layer));
    let (left, right) = pixels.split_at_mut_checked(layer.output.c).unwrap_or_default();
    // The right pixel is missing after a row of odd length.
    let mut rights = right.chunks_mut(4);
    let blocks = left.chunks_mut(4).zip(filters).zip(layer.bias.chunks(4));
    let mut channel = 0;
    for ((left, weights), biases) in blocks {
        let Some([left_sums, right_sums]) = tile(patch, weights) else { return };
        let mut channel_again = channel;
        finish(layer, &mut channel, left, left_sums, biases);
        if let Some(right) = rights.next() {
            finish(layer, &mut channel_again, right, right_sums, biases);
        }
    }
}

/// Adds the biases of up to four channels to their sums and writes the codes.
#[inline(always)]
fn finish<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    channel: &mut usize,
    codes: &mut [i8],
    sums: [i32; 4],
    biases: &[i32],
) {
    for ((code, sum), bias) in codes.iter_mut().zip(sums).zip(biases) {
        *code = layer.requantize.requantize(sum.wrapping_add(*bias), *channel);
        *channel += 1;
    }
}

fn chunks_of_four<R>(layer: &PackedConv2d<'_, R>) -> usize {
    (deep_words_of_four(&layer.window, layer.input.c) / 8).max(1)
}

/// Where patches lie on the input.
struct Frame {
    /// The patch as a window: one position for each filling.
    window: Window,
    input: Shape,
    zero_point: i8,
    /// Chunks of a row of the patch.
    row_len: usize,
}

impl Frame {
    fn of<R>(layer: &PackedConv2d<'_, R>, pooled: bool) -> Self {
        let [stride_y, stride_x] = layer.window.stride;
        let stride = if pooled {
            [stride_y * layer.pool.stride[0], stride_x * layer.pool.stride[1]]
        } else {
            [stride_y, 2 * stride_x]
        };
        let kernel = deep_patch_size(&layer.window, &layer.pool);
        Self {
            window: Window { kernel, stride, dilation: [1, 1], padding: layer.window.padding },
            input: layer.input,
            zero_point: layer.input_zero_point,
            row_len: (kernel[1] * layer.input.c.div_ceil(8)).max(1),
        }
    }

    /// Fills `patch` with the input at position `[y, x]` of the frame.
    fn fill(&self, input: &[i8], [y, x]: [usize; 2], patch: &mut [Chunk]) {
        let Shape { h, w, c } = self.input;
        let rows = self.window.rows_inside(y, h);
        let columns = self.window.columns_inside(x, w);
        let [kernel_h, kernel_w] = self.window.kernel;
        let padding = halfwords([self.zero_point; 8]);
        for (tap_y, patch_row) in patch.chunks_exact_mut(self.row_len).take(kernel_h).enumerate() {
            let Some(row) = rows.reads(tap_y, 1) else {
                patch_row.fill(padding);
                continue;
            };
            let first = (row * w + columns.start) * c;
            let pixels = input.get(first..).unwrap_or_default();
            for (chunk, patch_chunk) in patch_row.chunks_exact_mut(kernel_w.max(1)).enumerate() {
                let pixels = pixels.get(chunk * 8..).unwrap_or_default();
                let (before, on_map) = split(patch_chunk, columns.first);
                let (on_map, after) = split(on_map, columns.count);
                before.fill(padding);
                after.fill(padding);
                for (to, pixel) in on_map.iter_mut().zip(pixels.chunks(c.max(1))) {
                    *to = halfwords(eight_channels(pixel, c - (chunk * 8).min(c)));
                }
            }
        }
    }
}

fn split<T>(slice: &mut [T], at: usize) -> (&mut [T], &mut [T]) {
    slice.split_at_mut_checked(at).unwrap_or_default()
}

/// The first eight of the `left` channels that start at `pixel`, filled up with 0; their weights are 0.
#[inline(always)]
fn eight_channels(pixel: &[i8], left: usize) -> [i8; 8] {
    match pixel.first_chunk::<8>() {
        Some(channels) if left >= 8 => *channels,
        _ => {
            let mut channels = [0; 8];
            for (to, from) in channels.iter_mut().zip(pixel).take(left) {
                *to = *from;
            }
            channels
        }
    }
}

#[inline(always)]
fn halfwords(codes: [i8; 8]) -> Chunk {
    let [a, b, c, d, e, f, g, h] = codes.map(|code| code as u8);
    let [low, high] = [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])];
    [sxtb16(low), sxtb16_ror8(low), sxtb16(high), sxtb16_ror8(high)]
}
