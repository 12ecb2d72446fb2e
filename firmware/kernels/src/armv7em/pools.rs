//! Max and average pool: four channels a word.

use crate::geometry::{Shape, Taps as Inside};
use crate::intrin::{Taps, max_codes, sxtab16, sxtab16_ror8};
use crate::map::{Map, word};
use crate::portable::{AveragePool2d, MaxPool2d, average_pool2d as portable_average};
use crate::requantize::Requantize;
use core::cell::Cell;

/// As [`crate::portable::max_pool2d()`], in its order.
///
/// ```text
/// for each output pixel, for each sixteen or four channels: output = largest of the taps on the map (SSUB8, SEL)
/// ```
///
/// Cost: 9 instructions a code for windows of 2 x 2 (`qemu-kernel-tests`).
pub fn max_pool2d(layer: &MaxPool2d, input: &Map, output: &Map) {
    if !layer.describes(input, output) {
        return;
    }
    let Shape { h, w, c } = layer.input;
    // A dilation counts for nothing, and may be any number, where there is one tap.
    let row_step = layer.window.dilation[0].saturating_mul(w * c);
    let pixel_step = layer.window.dilation[1].saturating_mul(c);
    let row_len = (layer.output.w * c).max(1);
    for (y, row) in output.chunks_exact(row_len).enumerate() {
        let Inside { count: rows, start: y, .. } = layer.window.rows_inside(y, h);
        for (x, pixel) in row.chunks_exact(c.max(1)).enumerate() {
            let Inside { count: columns, start: x, .. } = layer.window.columns_inside(x, w);
            let first = (y * w + x) * c;
            max_codes(input, Taps { first, rows, columns, row_step, pixel_step }, pixel);
        }
    }
}

/// Taps whose sum always fits a halfword.
const MOST_TAPS: usize = 256;

/// As [`crate::portable::average_pool2d()`], in its order; as portable itself where a window has more than 256 taps or a
/// dilation.
///
/// ```text
/// for each output pixel, for each eight channels:
///     for each tap on the map: sums02, sums13 += codes 0 and 2, 1 and 3 of both fours (SXTAB16)
///     output = requantize(bias + sums + padding)
/// ```
///
/// Cost: 4 instructions a tap and channel for a whole map of 25 x 5 x 64 (`qemu-kernel-tests`).
pub fn average_pool2d<R: Requantize>(layer: &AveragePool2d<R>, input: &Map, output: &Map) {
    let [kernel_h, kernel_w] = layer.window.kernel;
    if layer.window.dilation != [1, 1] || kernel_h.saturating_mul(kernel_w) > MOST_TAPS {
        return portable_average(layer, input, output);
    }
    if !layer.describes(input, output) {
        return;
    }
    let Shape { h, w, c } = layer.input;
    let row_len = (layer.output.w * c).max(1);
    for (y, row) in output.chunks_exact(row_len).enumerate() {
        let rows = layer.window.rows_inside(y, h);
        for (x, pixel) in row.chunks_exact(c.max(1)).enumerate() {
            let columns = layer.window.columns_inside(x, w);
            let on_padding = (kernel_h * kernel_w).wrapping_sub(rows.count * columns.count);
            let padding = i32::from(layer.input_zero_point).wrapping_mul(on_padding as i32);
            let bias = layer.bias.wrapping_add(padding);
            let first = (rows.start * w + columns.start) * c;
            for (block, codes) in pixel.chunks(BLOCK).enumerate() {
                let taps = input.get(first + block * BLOCK..).unwrap_or_default();
                let row_taps = (columns.count * c).saturating_sub(block * BLOCK);
                let taps = taps.chunks((w * c).max(1)).take(rows.count);
                let taps = taps.map(|row| row.get(..row_taps.min(row.len())).unwrap_or_default());
                let sums = sums(taps, c);
                for (code, sum) in codes.iter().zip(sums) {
                    code.set(layer.requantize.requantize(bias.wrapping_add(sum), 0));
                }
            }
        }
    }
}

/// Channels that share the walk over a window.
const BLOCK: usize = 8;

/// The sums of the first eight channels (or what is left of a pixel) over all pixels of these rows.
#[inline(always)]
fn sums<'a>(rows: impl Iterator<Item = &'a Map>, c: usize) -> [i32; BLOCK] {
    let mut halves = [0; 4];
    for pixel in rows.flat_map(|row| row.chunks(c.max(1))) {
        let add = |low: u32, high: u32| {
            let [a, b, c, d] = halves;
            [sxtab16(a, low), sxtab16_ror8(b, low), sxtab16(c, high), sxtab16_ror8(d, high)]
        };
        halves = match pixel.as_chunks::<4>().0 {
            [low, high, ..] => add(word(low), word(high)),
            _ => {
                let eight = [const { Cell::new(0) }; BLOCK];
                eight.iter().zip(pixel).for_each(|(to, from)| to.set(from.get()));
                let [low, high] = [0, 4].map(|first| {
                    [0, 1, 2, 3].map(|index| eight.get(first + index).map_or(0, Cell::get) as u8)
                });
                add(u32::from_le_bytes(low), u32::from_le_bytes(high))
            }
        };
    }
    let half = |index: usize| {
        let word = halves.get(index / 4 * 2 + index % 2).copied().unwrap_or(0);
        i32::from((word >> (index % 4 / 2 * 16)) as i16)
    };
    core::array::from_fn(half)
}
