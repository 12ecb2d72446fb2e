//! Average pool in f32, with the sums in the order in which another runtime adds them.

use crate::geometry::{Padding, Shape, Window};
use crate::map::Map;
use crate::requantize::Rounding;

/// An average pool of real numbers, as ONNX has it between DequantizeLinear and QuantizeLinear.
///
/// Sums in f32 depend on their order, so the order is part of the layer. Where the core has no FPU, it works
/// but is slow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AveragePoolFloat {
    /// Input map `[h, w, c]`.
    pub input: Shape,
    /// Output map `[h, w, c]`.
    pub output: Shape,
    /// Window over the input. Taps on the padding add nothing.
    pub window: Window,
    /// Order of the sums.
    pub order: SumOrder,
    /// Whether taps on the padding count in the divisor.
    pub counts_padding: bool,
    /// Code of real 0 in the input.
    pub input_zero_point: i8,
    /// Real numbers of one step: input, output.
    pub scales: [f32; 2],
    /// From the mean, in steps of the output, to its code.
    pub rounding: Rounding,
}

/// In which order a window is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SumOrder {
    /// One row after the other.
    Rows,
    /// The sum of each column, then the sum of these.
    Columns,
    /// The whole map: every fourth number, `(0 + 2) + (1 + 3)` of these four sums, then what is left.
    Lanes,
    /// The whole map as Eigen reduces a vector that begins where channel `c` of `[c, h, w]` does: `Lanes` in
    /// two chains from the first multiple of four in memory on, then what comes before it and after.
    Packets,
}

impl AveragePoolFloat {
    /// Whether shapes, window and maps belong together; the kernels do nothing where they do not.
    pub fn describes(&self, input: &Map, output: &Map) -> bool {
        let whole = self.window.kernel == [self.input.h, self.input.w]
            && self.window.padding == Padding::NONE
            && self.window.dilation == [1, 1];
        self.window.maps(self.input, self.output)
            && self.window.filters(1, 1).is_some()
            && (whole || matches!(self.order, SumOrder::Rows | SumOrder::Columns))
            && self.input.checked_len() == Some(input.len())
            && self.output.checked_len() == Some(output.len())
    }
}

/// The mean of the real inputs under each window position, per channel, every operation rounded to f32.
///
/// A `layer` that does not [describe](AveragePoolFloat::describes) its maps leaves `output` as it is.
///
/// Source: ONNX AveragePool-11 and ReduceMean-13; the orders are those of onnxruntime 1.32 on x86-64, found by
/// comparing bits (`tests/onnxruntime`).
pub fn average_pool_float(layer: &AveragePoolFloat, input: &Map, output: &Map) {
    if !layer.describes(input, output) {
        return;
    }
    let Shape { w, c, .. } = layer.output;
    let [input_scale, output_scale] = layer.scales;
    for (y, row) in output.chunks_exact((w * c).max(1)).enumerate() {
        for (x, pixel) in row.chunks_exact(c.max(1)).enumerate() {
            let (taps, count) = Taps::under(layer, input, [y, x]);
            for (channel, code) in pixel.iter().enumerate() {
                let value = |row: usize, column: usize| {
                    f32::from(taps.step(row, column, channel)) * input_scale
                };
                let sum = match layer.order {
                    SumOrder::Rows => rows(&taps, value),
                    SumOrder::Columns => columns(&taps, value),
                    SumOrder::Lanes => lanes(taps.rows * taps.columns, |at| value(0, at)),
                    SumOrder::Packets => {
                        let len = taps.rows * taps.columns;
                        packets(len, channel.wrapping_mul(len), |at| value(0, at))
                    }
                };
                code.set(layer.rounding.code(sum / count / output_scale));
            }
        }
    }
}

/// The part of the input under one position of the window that is on the map.
struct Taps<'a> {
    /// The input from the first tap on.
    input: &'a Map,
    rows: usize,
    columns: usize,
    /// Distance from one tap to the next.
    row_step: usize,
    column_step: usize,
    zero_point: i16,
}

impl<'a> Taps<'a> {
    /// The taps, and by what their sum is divided.
    fn under(layer: &AveragePoolFloat, input: &'a Map, [y, x]: [usize; 2]) -> (Self, f32) {
        let Shape { h, w, c } = layer.input;
        let rows = layer.window.rows_inside(y, h);
        let columns = layer.window.columns_inside(x, w);
        let on_map = rows.count * columns.count;
        let count = if layer.counts_padding { layer.window.taps() } else { on_map };
        let taps = Self {
            input: input.get((rows.start * w + columns.start) * c..).unwrap_or_default(),
            rows: rows.count,
            columns: columns.count,
            // A dilation counts for nothing, and may be any number, where there is one tap.
            row_step: layer.window.dilation[0].wrapping_mul(w * c),
            column_step: layer.window.dilation[1].wrapping_mul(c),
            zero_point: i16::from(layer.input_zero_point),
        };
        // A window wholly on the padding has the mean 0, not 0 / 0.
        (taps, count.max(1) as f32)
    }

    /// The code of a tap less that of real 0.
    #[inline(always)]
    fn step(&self, row: usize, column: usize, channel: usize) -> i16 {
        let offset = row.wrapping_mul(self.row_step);
        let offset = offset.wrapping_add(column.wrapping_mul(self.column_step));
        let code = self.input.get(offset.wrapping_add(channel));
        code.map_or(0, |code| i16::from(code.get()) - self.zero_point)
    }
}

#[inline(always)]
fn rows(taps: &Taps<'_>, value: impl Fn(usize, usize) -> f32) -> f32 {
    let mut sum = 0.0;
    for row in 0..taps.rows {
        for column in 0..taps.columns {
            sum += value(row, column);
        }
    }
    sum
}

#[inline(always)]
fn columns(taps: &Taps<'_>, value: impl Fn(usize, usize) -> f32) -> f32 {
    let mut sum = 0.0;
    for column in 0..taps.columns {
        let mut of_column = 0.0;
        for row in 0..taps.rows {
            of_column += value(row, column);
        }
        sum += of_column;
    }
    sum
}

#[inline(always)]
fn lanes(len: usize, value: impl Fn(usize) -> f32) -> f32 {
    let whole = len & !3;
    let mut sums = [0.0_f32; 4];
    for start in (0..whole).step_by(4) {
        add_packet(&mut sums, start, &value);
    }
    (whole..len).fold(across(sums), |sum, at| sum + value(at))
}

#[inline(always)]
fn packets(len: usize, offset: usize, value: impl Fn(usize) -> f32) -> f32 {
    let before = (offset.wrapping_neg() & 3).min(len);
    let packets = (len - before) / 4;
    if packets == 0 {
        return (0..len).fold(0.0, |sum, at| sum + value(at));
    }
    let mut chains = [[0.0_f32; 4]; 2];
    let paired = packets & !1;
    for packet in 0..paired {
        add_packet(&mut chains[packet & 1], before + 4 * packet, &value);
    }
    let [mut sums, odd] = chains;
    sums.iter_mut().zip(odd).for_each(|(sum, other)| *sum += other);
    if packets > paired {
        add_packet(&mut sums, before + 4 * paired, &value);
    }
    let after = before + 4 * packets;
    (0..before).chain(after..len).fold(across(sums), |sum, at| sum + value(at))
}

#[inline(always)]
fn add_packet(sums: &mut [f32; 4], start: usize, value: impl Fn(usize) -> f32) {
    sums.iter_mut().enumerate().for_each(|(lane, sum)| *sum += value(start + lane));
}

#[inline(always)]
fn across([first, second, third, fourth]: [f32; 4]) -> f32 {
    (first + third) + (second + fourth)
}
