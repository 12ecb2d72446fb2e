//! Depthwise convolution: 3 x 3 windows along planes of halfwords, other windows as portable.

use crate::geometry::{Padding, Shape, Window};
use crate::intrin::{
    DepthwiseFilter as Filter, DepthwiseRows, PLANES, PlaneRows, depthwise_rows, planes,
    set_halfword, sxtb16, sxtb16_ror8, words_mut,
};
use crate::map::Map;
use crate::order::{Channels, Order};
use crate::portable::{DEPTHWISE_CONV2D_ORDER, DepthwiseConv2d, depthwise_conv2d as portable};
use crate::requantize::{Form, Requantize, Scales, clamp_codes};
use core::cell::Cell;
use core::ops::Range;

/// As [`crate::portable::depthwise_conv2d()`]; as portable itself without `scratch`. Scratch is at least
/// [`depthwise_scratch_bytes`], aligned to 4: less leaves `output` as it is.
///
/// ```text
/// for each four channels:
///     for each some rows of output:
///         the input rows below as planes of halfwords in scratch, padding filled in; the last rows of the time before
///             are still needed, and moved to the front
///         the rows of each channel, written as codes
/// ```
///
/// Its order of reading and writing is [`depthwise_conv2d_order`].
#[inline(always)]
pub fn depthwise_conv2d<R: Requantize>(
    layer: &DepthwiseConv2d<'_, R>,
    input: &Map,
    scratch: &mut [i8],
    output: &Map,
) {
    // Inlined, so that the length of the scratch memory is a constant here in generated code, and only one of the two
    // is linked.
    match scratch {
        [] => portable(layer, input, output),
        _ => along_planes(layer, input, scratch, output),
    }
}

/// The order of [`depthwise_conv2d()`] with an output of `w` columns, and `scratch` or without.
///
/// A block of four channels reads and writes these channels only, of all pixels. In a block, output row by output
/// row (some at a time), all input that they need is read before they are written, and no input row is read twice.
pub const fn depthwise_conv2d_order(w: usize, scratch: bool) -> Order {
    if !scratch {
        return DEPTHWISE_CONV2D_ORDER;
    }
    Order { tile: [1, w], tiles: 1, gathers: true, rereads: false, channels: Channels::Apart }
}

/// Scratch of the kernel for these sizes, aligned to 4; `None` where there is no kernel: it has windows of 3 x 3
/// without dilation, strides of 1 and 2, and rows of two or more windows.
pub const fn depthwise_scratch_bytes(window: &Window, input: Shape) -> Option<usize> {
    let [stride_y, stride_x] = window.stride;
    let Padding { top, left, bottom, right } = window.padding;
    let wide = LARGEST.saturating_sub(left) >= right && LARGEST.saturating_sub(top) >= bottom;
    if !matches!((window.kernel, window.dilation), ([3, 3], [1, 1]))
        || !matches!((stride_y, stride_x), (1 | 2, 1 | 2))
        || input.h > LARGEST
        || input.w > LARGEST
        || !wide
    {
        return None;
    }
    match window.positions(input.h, input.w) {
        Some([h, w]) if w >= 2 => {
            let rows = (rows_at_once(stride_y, stride_x, h, w) - 1) * stride_y + 3;
            Some(rows * row_bytes(w, stride_x))
        }
        _ => None,
    }
}

/// Sizes whose products cannot overflow.
const LARGEST: usize = 1 << 12;

/// Bytes of four planes of one row.
const fn row_bytes(w: usize, stride_x: usize) -> usize {
    DepthwiseRows::words(w, stride_x) * 4 * PLANES
}

/// Rows of output computed at a time: as many as planes of 2 KiB allow. Fewer make more calls, more nothing better.
const fn rows_at_once(stride_y: usize, stride_x: usize, h: usize, w: usize) -> usize {
    // Not empty, which only a reader knows: the branch keeps a division by 0 out of the image.
    let rows = match row_bytes(w, stride_x) {
        0 => 0,
        bytes => 2048 / bytes,
    };
    let at_once = rows.saturating_sub(3) / if stride_y == 2 { 2 } else { 1 } + 1;
    if at_once < h { at_once } else { h }
}

/// Not inlined: one for all layers that requantize alike.
#[inline(never)]
fn along_planes<R: Requantize>(
    layer: &DepthwiseConv2d<'_, R>,
    input: &Map,
    scratch: &mut [i8],
    output: &Map,
) {
    let needed = depthwise_scratch_bytes(&layer.window, layer.input);
    if needed.is_none_or(|bytes| bytes > scratch.len()) || !layer.describes(input, output) {
        return;
    }
    let Shape { h, w, c } = layer.output;
    let [stride_y, stride_x] = layer.window.stride;
    let frame = Planes {
        input: layer.input,
        padding: layer.window.padding,
        zero_points: u32::from(i16::from(layer.input_zero_point) as u16) * 0x0001_0001,
        row_words: row_bytes(w, stride_x) / 4,
    };
    let words = words_mut(scratch);
    words.fill(frame.zero_points);
    let at_once = rows_at_once(stride_y, stride_x, h, w);
    let scales = layer.requantize.scales();
    let zero_point = layer.requantize.zero_point();
    for channel in (0..c).step_by(PLANES) {
        let filters = filters(layer, &scales, channel);
        let filters = filters.get(..PLANES.min(c - channel)).unwrap_or_default();
        let codes = input.get(channel..).unwrap_or_default();
        let results = output.get(channel..).unwrap_or_default();
        let mut there = 0;
        for (group, y) in (0..h).step_by(at_once.max(1)).enumerate() {
            let rows = at_once.min(h - y);
            let needed = (rows - 1) * stride_y + 3;
            frame.fill(codes, filters.len(), y * stride_y, there..needed, words);
            let shape = DepthwiseRows {
                rows,
                pixels: w,
                stride: layer.window.stride,
                plane_words: frame.row_words / PLANES,
                pixel_step: c,
            };
            let results = results.get(group * at_once * w * c..).unwrap_or_default();
            for lanes in lanes_of_one_form(filters.len(), |lane| scales.form(channel + lane)) {
                let planes = words.get(lanes.start * shape.plane_words..).unwrap_or_default();
                let results = results.get(lanes.start..).unwrap_or_default();
                let form = scales.form(channel + lanes.start);
                let filters = filters.get(lanes).unwrap_or_default();
                depthwise_rows(planes, shape, filters, form, zero_point, results);
            }
            there = 3_usize.saturating_sub(stride_y);
            move_to_front(words, rows * stride_y * frame.row_words, there * frame.row_words);
        }
    }
    clamp_codes(output, layer.requantize.range());
}

/// Neighbouring lanes of the same form.
#[inline(always)]
fn lanes_of_one_form(
    lanes: usize,
    form: impl Fn(usize) -> Form,
) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    core::iter::from_fn(move || {
        let first = start;
        start = (first + 1..lanes).find(|lane| form(*lane) != form(first)).unwrap_or(lanes);
        (first < lanes).then_some(first..start)
    })
}

/// Moves the `len` words from `start` on to the front.
fn move_to_front(words: &mut [u32], start: usize, len: usize) {
    let words = Cell::from_mut(words).as_slice_of_cells();
    let from = words.get(start..).unwrap_or_default();
    for (to, from) in words.iter().zip(from).take(len) {
        to.set(from.get());
    }
}

/// Weights, bias and scale of four channels from `channel` on; where there are fewer, the rest is of no meaning.
#[inline(always)]
fn filters<R>(
    layer: &DepthwiseConv2d<'_, R>,
    scales: &Scales<'_>,
    channel: usize,
) -> [Filter; PLANES] {
    // Of each tap the weights of the channels 0 and 2, and of 1 and 3, as halfwords.
    let taps: [[u32; 2]; 9] = core::array::from_fn(|tap| {
        let weights = layer.weights.get(tap * layer.input.c + channel..).unwrap_or_default();
        let four = match weights.first_chunk::<PLANES>() {
            Some(four) => *four,
            None => core::array::from_fn(|lane| weights.get(lane).copied().unwrap_or(0)),
        };
        let word = u32::from_le_bytes(four.map(|weight| weight as u8));
        [sxtb16(word), sxtb16_ror8(word)]
    });
    core::array::from_fn(|lane| {
        let pair = |low: usize, high: usize| {
            let [low, high] = [taps[low][lane % 2], taps[high][lane % 2]];
            if lane < 2 { high << 16 | low & 0xffff } else { high & 0xffff_0000 | low >> 16 }
        };
        let bias = layer.bias.get(channel + lane).copied().unwrap_or(0) as u32;
        let [a, b, c, d] = [pair(0, 1), pair(1, 2), pair(3, 4), pair(4, 5)];
        [a, b, c, d, pair(6, 7), pair(7, 8), bias, scales.bits(channel + lane)]
    })
}

/// Where input rows lie on the planes.
struct Planes {
    input: Shape,
    padding: Padding,
    /// Two halfwords of padding.
    zero_points: u32,
    /// Words of a row of all four planes.
    row_words: usize,
}

impl Planes {
    /// Writes the rows `rows` of the planes; the first of the planes is padded row `origin`.
    fn fill(
        &self,
        codes: &Map,
        channels: usize,
        origin: usize,
        rows: Range<usize>,
        words: &mut [u32],
    ) {
        let Shape { h, w, c } = self.input;
        let first = self.padding.top.saturating_sub(origin).max(rows.start).min(rows.end);
        let last = (self.padding.top + h).saturating_sub(origin).max(first).min(rows.end);
        let mut clear = |from: usize, to: usize| {
            let words = words.get_mut(from * self.row_words..to * self.row_words);
            words.unwrap_or_default().fill(self.zero_points);
        };
        clear(rows.start, first);
        clear(last, rows.end);
        // Columns that no window reaches have no place.
        let plane_words = self.row_words / PLANES;
        let pixels = w.min((2 * plane_words).saturating_sub(self.padding.left));
        if first == last || pixels == 0 {
            return;
        }
        let codes = codes.get((origin + first - self.padding.top) * w * c..).unwrap_or_default();
        let words =
            words.get_mut(first * self.row_words..last * self.row_words).unwrap_or_default();
        if channels == PLANES {
            let shape = PlaneRows {
                rows: last - first,
                pixels,
                pixel_step: c,
                row_step: w * c,
                skipped: self.padding.left,
                plane_words,
            };
            planes(codes, shape, words);
        } else {
            for (row, channel) in
                (0..last - first).flat_map(|row| (0..channels).map(move |c| (row, c)))
            {
                let plane = words.get_mut((row * PLANES + channel) * plane_words..);
                let plane = plane.unwrap_or_default();
                for x in 0..pixels {
                    let code = codes.get((row * w + x) * c + channel).map_or(0, Cell::get);
                    set_halfword(plane, self.padding.left + x, i16::from(code));
                }
            }
        }
    }
}
