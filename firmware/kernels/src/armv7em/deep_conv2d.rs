//! Convolution with many input channels: a patch of halfwords and tiles of two positions by four channels.

use crate::geometry::{Shape, Window};
use crate::intrin::{
    BLOCKS, Chunk, DeepSums as Sums, DeepTile, Rectangle, chunk_rows, chunks_mut, deep_tile,
    sxtb16, sxtb16_ror8,
};
use crate::map::Map;
use crate::order::{Channels, Order};
use crate::packed::{PackedConv2d, deep_fits, deep_patch_size, deep_words_of_four};
use crate::requantize::Requantize;

/// The order of [`deep_conv2d()`]: without a pool two neighbours in a row at a time, with one pixel by pixel.
pub const fn deep_conv2d_order(pool: &Window) -> Order {
    let columns = if matches!(pool.kernel, [1, 1]) { 2 } else { 1 };
    Order {
        tile: [1, columns],
        tiles: 1,
        gathers: true,
        rereads: true,
        channels: Channels::Together,
    }
}

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
    input: &Map,
    scratch: &mut [i8],
    output: &Map,
) {
    // Inlined, so that windows are constants here in generated code and only one tile is linked.
    let [kernel_w, stride] = [layer.window.kernel[1], layer.window.stride[1]];
    if layer.pool.kernel == [1, 1] {
        let Some(tile) = deep_tile::<false>(kernel_w, stride) else { return };
        convolve(layer, tile, input, scratch, output);
    } else {
        let Some(tile) = deep_tile::<true>(kernel_w, stride) else { return };
        convolve(layer, tile, input, scratch, output);
    }
}

#[inline(never)]
fn convolve<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    tile: DeepTile,
    input: &Map,
    scratch: &mut [i8],
    output: &Map,
) {
    if !deep_fits(layer, scratch) || !layer.describes(input, output) {
        return;
    }
    let pooled = layer.pool.kernel != [1, 1];
    let patch = chunks_mut(scratch);
    let frame = Frame::of(layer, pooled);
    let Shape { w, c, .. } = layer.output;
    let pixels_at_once = if pooled { 1 } else { 2 };
    let mut sums = [[0; CHANNELS]; 2];
    for (y, row) in output.chunks_exact((w * c).max(1)).enumerate() {
        for (x, pixels) in row.chunks((pixels_at_once * c).max(1)).enumerate() {
            frame.fill(input, [y, x], patch);
            if pooled {
                largest_positions(layer, tile, &frame, patch, &mut sums, pixels);
            } else {
                both_positions(layer, tile, patch, &mut sums, pixels);
            }
        }
    }
}

/// Channels whose sums wait on the stack to be requantized.
const CHANNELS: usize = 4 * BLOCKS;

/// The output pixel whose pool covers the patch.
///
/// Not inlined: what it has on the stack is not there while a patch is filled.
#[inline(never)]
fn largest_positions<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    tile: DeepTile,
    frame: &Frame,
    patch: &[Chunk],
    sums: &mut Sums,
    pixel: &Map,
) {
    let chunks = chunks_of_four(layer);
    let filters = layer.weights.as_chunks::<8>().0;
    let row_step = layer.window.stride[0] * frame.row_len;
    let groups = pixel.chunks(CHANNELS).zip(layer.bias.chunks(CHANNELS));
    for (group, (codes, biases)) in groups.enumerate() {
        let weights = filters.get(group * BLOCKS * chunks..).unwrap_or_default();
        sums[0] = [i32::MIN; CHANNELS];
        for row in 0..layer.pool.kernel[0] {
            tile(patch.get(row * row_step..).unwrap_or_default(), weights, chunks, sums);
        }
        layer.requantize.requantize_channels(group * CHANNELS, &sums[0], biases, codes);
    }
}

/// The two output pixels, or the last one of a row, whose windows lie on the patch.
#[inline(always)]
fn both_positions<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    tile: DeepTile,
    patch: &[Chunk],
    sums: &mut Sums,
    pixels: &Map,
) {
    let chunks = chunks_of_four(layer);
    let filters = layer.weights.as_chunks::<8>().0;
    for (group, biases) in layer.bias.chunks(CHANNELS).enumerate() {
        let weights = filters.get(group * BLOCKS * chunks..).unwrap_or_default();
        tile(patch, weights, chunks, sums);
        let channel = group * CHANNELS;
        let mut rest = pixels;
        for sums in sums.iter() {
            let Some((pixel, after)) = rest.split_at_checked(layer.output.c) else { break };
            rest = after;
            let codes = pixel.get(channel..).unwrap_or_default();
            let codes = codes.get(..biases.len()).unwrap_or_default();
            layer.requantize.requantize_channels(channel, sums, biases, codes);
        }
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
            [
                stride_y.saturating_mul(layer.pool.stride[0]),
                stride_x.saturating_mul(layer.pool.stride[1]),
            ]
        } else {
            [stride_y, stride_x.saturating_mul(2)]
        };
        let kernel = deep_patch_size(&layer.window, &layer.pool);
        Self {
            window: Window { kernel, stride, dilation: [1, 1], padding: layer.window.padding },
            input: layer.input,
            zero_point: layer.input_zero_point,
            row_len: kernel[1] * layer.input.c.div_ceil(8),
        }
    }

    /// Fills `patch` with the input at position `[y, x]` of the frame.
    fn fill(&self, input: &Map, [y, x]: [usize; 2], patch: &mut [Chunk]) {
        let Shape { h, w, c } = self.input;
        let [rows, columns] = [self.window.rows_inside(y, h), self.window.columns_inside(x, w)];
        let [kernel_h, kernel_w] = self.window.kernel;
        let patch = patch.get_mut(..kernel_h * self.row_len).unwrap_or_default();
        if [rows.count, columns.count] != self.window.kernel {
            let four = u32::from_le_bytes([self.zero_point as u8; 4]);
            patch.fill(halfwords(four, four));
        }
        let first = (rows.start * w + columns.start) * c;
        let rectangle = Rectangle {
            rows: rows.count,
            columns: columns.count,
            chunks: c.div_ceil(8),
            row_step: w * c,
            pixel_step: c,
            to_row_step: self.row_len,
            to_chunk_step: kernel_w,
        };
        let [from, to] = [first, rows.first * self.row_len + columns.first];
        let to = patch.get_mut(to..).unwrap_or_default();
        if chunk_rows(input.get(from..).unwrap_or_default(), rectangle, to) {
            return;
        }
        // Nothing at all, or the last chunk of the map, of which the kernel would read too much.
        let input_rows = input.get(first..).unwrap_or_default().chunks((w * c).max(1));
        let patch_rows =
            patch.chunks_exact_mut(self.row_len.max(1)).skip(rows.first).take(rows.count);
        for (patch_row, pixels) in patch_rows.zip(input_rows) {
            for (chunk, to) in patch_row.chunks_exact_mut(kernel_w.max(1)).enumerate() {
                let to = to.get_mut(columns.first..columns.first + columns.count);
                let pixels = pixels.get(chunk * 8..).unwrap_or_default();
                let left = c.wrapping_sub(chunk * 8);
                copy(pixels, c, left, to.unwrap_or_default());
            }
        }
    }
}

/// The first `left` of eight channels of neighbouring pixels, filled up with 0, each `step` codes after the last.
fn copy(pixels: &Map, step: usize, left: usize, chunks: &mut [Chunk]) {
    for (chunk, pixel) in chunks.iter_mut().zip(pixels.chunks(step.max(1))) {
        let mut channels = [0; 8];
        for (to, from) in channels.iter_mut().zip(pixel).take(left) {
            *to = from.get() as u8;
        }
        let [low, high] = [0, 4]
            .map(|first| u32::from_le_bytes([0, 1, 2, 3].map(|index| channels[first + index])));
        *chunk = halfwords(low, high);
    }
}

#[inline(always)]
fn halfwords(low: u32, high: u32) -> Chunk {
    [sxtb16(low), sxtb16_ror8(low), sxtb16(high), sxtb16_ror8(high)]
}
