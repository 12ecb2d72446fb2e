//! Convolution with few input channels: the taps of four positions, then all channels by pairs.

use crate::geometry::{Shape, Window};
use crate::intrin::{
    PAIRS, ShallowSums as Sums, ShallowTile, Taps, gather, halfwords_mut, shallow_tile, taps_mut,
};
use crate::map::{Map, copy, map};
use crate::order::{Channels, Order};
use crate::packed::{PackedConv2d, shallow_fits, shallow_frame_bytes, shallow_frame_size};
use crate::requantize::Requantize;

/// Channels whose sums wait on the stack to be requantized.
const CHANNELS: usize = 2 * PAIRS;

/// The order of [`shallow_conv2d()`]: without a pool four neighbours in a row at a time, with one pixel by pixel.
pub const fn shallow_conv2d_order(pool: &Window) -> Order {
    let columns = if matches!(pool.kernel, [1, 1]) { 4 } else { 1 };
    Order {
        tile: [1, columns],
        tiles: 1,
        gathers: true,
        rereads: true,
        channels: Channels::Together,
    }
}

/// As [`crate::packed::shallow_conv2d()`].
///
/// ```text
/// for each output pixel (without a pool: each four neighbours in a row):
///     patch = the taps of its four positions as halfwords, padding filled in
///     for each channel pair: output = requantize(bias + largest)     (without a pool: each position)
/// ```
#[inline(always)]
pub fn shallow_conv2d<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    input: &Map,
    scratch: &mut [i8],
    output: &Map,
) {
    // Inlined, so that sizes are constants here in generated code and only one tile is linked.
    let words = layer.filter_len().div_ceil(2);
    let Some(tile) = shallow_tile(words) else { return };
    convolve(layer, tile, input, scratch, output);
}

#[inline(never)]
fn convolve<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    tile: ShallowTile,
    input: &Map,
    scratch: &mut [i8],
    output: &Map,
) {
    if !shallow_fits(layer, scratch) || !layer.describes(input, output) {
        return;
    }
    let pooled = layer.pool.kernel != [1, 1];
    let words = layer.filter_len().div_ceil(2);
    let frame_bytes = shallow_frame_bytes(&layer.window, layer.input.c);
    let Some((below, taps)) = scratch.split_at_mut_checked(frame_bytes) else { return };
    let Some(patch) = taps_mut(taps).get_mut(..words) else { return };
    let frame = Frame::of(layer, pooled);
    // The lane of a last odd tap meets a weight of 0, whatever it holds.
    let Shape { w, c, .. } = layer.output;
    let rows = output.chunks_exact((w * c).max(1)).enumerate();
    // Each with its own sums on the stack: those of a pool are a quarter.
    if pooled {
        let mut largest = [0; CHANNELS];
        for (y, row) in rows {
            for (x, pixel) in row.chunks_exact(c.max(1)).enumerate() {
                frame.fill(layer, input, [y, x], below, patch);
                largest_positions(layer, tile, patch, &mut largest, pixel);
            }
        }
    } else {
        let mut sums = [[0; CHANNELS]; 4];
        for (y, row) in rows {
            for (x, pixels) in row.chunks((4 * c).max(1)).enumerate() {
                frame.fill(layer, input, [y, x], below, patch);
                all_positions(layer, tile, patch, &mut sums, pixels);
            }
        }
    }
}

/// The output pixel whose pool covers the four positions.
#[inline(always)]
fn largest_positions<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    tile: ShallowTile,
    patch: &[Taps],
    largest: &mut [i32; CHANNELS],
    pixel: &Map,
) {
    let groups = pixel.chunks(CHANNELS).zip(layer.bias.chunks(CHANNELS));
    for (group, (codes, biases)) in groups.enumerate() {
        let weights = layer.weights.get(group * PAIRS * patch.len()..).unwrap_or_default();
        (tile.largest)(patch, weights, largest);
        layer.requantize.requantize_channels(group * CHANNELS, largest, biases, codes);
    }
}

/// The four output pixels, or what is left of a row, of the four positions.
#[inline(always)]
fn all_positions<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    tile: ShallowTile,
    patch: &[Taps],
    sums: &mut Sums,
    pixels: &Map,
) {
    for (group, biases) in layer.bias.chunks(CHANNELS).enumerate() {
        let weights = layer.weights.get(group * PAIRS * patch.len()..).unwrap_or_default();
        (tile.all)(patch, weights, sums);
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

/// Where the inputs below four positions lie.
struct Frame {
    /// They as a window: one position for each four.
    window: Window,
    pooled: bool,
}

impl Frame {
    fn of<R>(layer: &PackedConv2d<'_, R>, pooled: bool) -> Self {
        let [stride_y, stride_x] = layer.window.stride;
        let [steps_y, steps_x] = if pooled { layer.pool.stride } else { [1, 4] };
        let stride = [stride_y.saturating_mul(steps_y), stride_x.saturating_mul(steps_x)];
        let kernel = shallow_frame_size(&layer.window, pooled);
        let padding = layer.window.padding;
        Self { window: Window { kernel, stride, dilation: [1, 1], padding }, pooled }
    }

    /// Row and column of each position from the first one.
    #[inline(always)]
    fn offsets(&self) -> [[usize; 2]; 4] {
        if self.pooled { [[0, 0], [0, 1], [1, 0], [1, 1]] } else { [0, 1, 2, 3].map(|x| [0, x]) }
    }

    /// Fills `patch` with the taps of the four positions at step `[y, x]`; one beyond the map's last column gets
    /// padding. `below` is memory for the inputs below them.
    #[inline(always)]
    fn fill<R>(
        &self,
        layer: &PackedConv2d<'_, R>,
        input: &Map,
        [y, x]: [usize; 2],
        below: &mut [i8],
        patch: &mut [Taps],
    ) {
        let Shape { h, w, c } = layer.input;
        let [kernel_h, kernel_w] = layer.window.kernel;
        let [stride_y, stride_x] = layer.window.stride;
        if layer.window.dilation != [1, 1] {
            let [steps_y, steps_x] = if self.pooled { layer.pool.stride } else { [1, 4] };
            for (index, [row, column]) in self.offsets().into_iter().enumerate() {
                let halfwords = halfwords_mut(patch).get_mut(2 * index..).unwrap_or_default();
                fill_clipped(layer, input, [y * steps_y + row, x * steps_x + column], halfwords);
            }
            return;
        }
        let [rows, columns] = [self.window.rows_inside(y, h), self.window.columns_inside(x, w)];
        let first = (rows.start * w + columns.start) * c;
        let (from, first, row_step) = if [rows.count, columns.count] == self.window.kernel {
            (input, first, w * c)
        } else {
            let row_len = self.window.kernel[1] * c;
            below.fill(layer.input_zero_point);
            let from = input.get(first..).unwrap_or_default().chunks((w * c).max(1));
            let to = below.chunks_mut(row_len.max(1)).skip(rows.first).take(rows.count);
            for (to, from) in to.zip(from) {
                let to = to.get_mut(columns.first * c..).unwrap_or_default();
                copy(from, to.get_mut(..columns.count * c).unwrap_or_default());
            }
            (map(below), 0, row_len)
        };
        let starts = self
            .offsets()
            .map(|[row, column]| first + row * stride_y * row_step + column * stride_x * c);
        gather(from, starts, [kernel_h, kernel_w * c, row_step], patch);
    }
}

/// Where the next tap of one position goes: to the second half of a word, then to the next word of the
/// position, which lies behind those of the three others.
struct Place {
    at: usize,
    step: usize,
}

impl Place {
    const START: Self = Self { at: 0, step: 1 };

    #[inline(always)]
    fn next(&mut self) -> usize {
        let at = self.at;
        self.at += self.step;
        self.step = 8 - self.step;
        at
    }
}

/// Fills the taps of one position, some of which are on the padding; `halfwords` start with its first.
fn fill_clipped<R>(
    layer: &PackedConv2d<'_, R>,
    input: &Map,
    [y, x]: [usize; 2],
    halfwords: &mut [i16],
) {
    let Shape { h, w, c } = layer.input;
    let window = &layer.window;
    let [rows, columns] = [window.rows_inside(y, h), window.columns_inside(x, w)];
    let mut place = Place::START;
    let mut put = |code: i8| {
        if let Some(to) = halfwords.get_mut(place.next()) {
            *to = i16::from(code);
        }
    };
    for tap_y in 0..window.kernel[0] {
        let row = rows.reads(tap_y, window.dilation[0]).and_then(|row| input.get(row * w * c..));
        for tap_x in 0..window.kernel[1] {
            let column = columns.reads(tap_x, window.dilation[1]);
            let pixel = row.zip(column).and_then(|(row, column)| row.get(column * c..)?.get(..c));
            match pixel {
                Some(pixel) => pixel.iter().for_each(|code| put(code.get())),
                None => (0..c).for_each(|_| put(layer.input_zero_point)),
            }
        }
    }
}
