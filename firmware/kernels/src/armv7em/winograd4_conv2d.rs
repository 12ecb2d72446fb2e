//! 3 x 3 convolution in Winograd form: four tiles of 4 x 4 outputs at a time, channels by pairs.

use crate::geometry::{Padding, Shape, Window};
use crate::intrin::{
    Chunk, Pixels, Places, Winograd4Constants as Constants, Winograd4Products as Products,
    WinogradWeights as Weights, bytes_of_chunks, chunks_mut, winograd_tile, winograd4_inputs,
    winograd4_outputs,
};
use crate::map::{Map, copy, map};
use crate::order::{Channels, Order};
use crate::packed::{PackedConv2d, winograd_channel_pairs, winograd4_fits, winograd4_shared_bytes};
use crate::requantize::{Requantize, Scaling, clamp_codes};
use core::cell::Cell;

/// The order of [`winograd4_conv2d()`]: four tiles of 4 x 4 pixels at a time.
pub const fn winograd4_conv2d_order() -> Order {
    Order { tile: [4, 4], tiles: 4, gathers: true, rereads: true, channels: Channels::Together }
}

/// As [`crate::portable::conv2d()`] of the filters that the transformed weights of `layer` stand for, laid out as
/// `packed/winograd4_conv2d.rs` says.
///
/// `scratch` has at least [`winograd4_scratch_bytes`](crate::packed::winograd4_scratch_bytes), aligned to 4. A `layer`
/// that does not describe its slices, or too little scratch, leaves `output` as it is.
///
/// ```text
/// for each four tiles of 4 x 4 outputs:
///     patch = B d B' of the inputs below, as halfwords [36 elements][pairs of input channels][tiles]
///     for each pair of output channels:
///         products = patch * weights
///         codes of each channel and tile = A (products) A', scaled
/// ```
#[inline(never)]
pub fn winograd4_conv2d<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    input: &Map,
    scratch: &mut [i8],
    output: &Map,
) {
    if !winograd4_fits(layer, scratch) {
        return;
    }
    // Eight words: the constants of a channel, or the weights of four pairs of input channels.
    let eights = layer.weights.as_chunks::<8>().0;
    convolve(layer, chunks_mut(scratch), Transformed { eights }, input, output);
}

/// Tiles computed at a time.
const TILES: usize = 4;

/// Where the weights of a layer come from.
pub(super) trait Filters {
    /// The constants of the two channels of a pair, and their transformed weights.
    fn pair(&mut self, pair: usize, ic: usize) -> Option<([&Constants; 2], &[Weights])>;
}

/// Weights that the host has transformed.
struct Transformed<'a> {
    eights: &'a [Weights],
}

impl Filters for Transformed<'_> {
    #[inline(always)]
    fn pair(&mut self, pair: usize, ic: usize) -> Option<([&Constants; 2], &[Weights])> {
        let len = 2 + 36 * ic.div_ceil(8);
        let [a, b, weights @ ..] = self.eights.get(pair * len..)?.get(..len)? else { return None };
        Some(([a.first_chunk()?, b.first_chunk()?], weights))
    }
}

/// The layer, with scratch memory of `chunks` beside what `filters` need.
#[inline(always)]
pub(super) fn convolve<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    chunks: &mut [Chunk],
    mut filters: impl Filters,
    input: &Map,
    output: &Map,
) {
    let shared = winograd4_shared_bytes(layer.input.c) / size_of::<Chunk>();
    let Some((shared, patch)) = chunks.split_at_mut_checked(shared) else { return };
    // A map without channels may have any number of tiles.
    if !layer.describes(input, output) || output.is_empty() {
        return;
    }
    let tiles = Tiles::of(layer);
    for first in (0..tiles.count()).step_by(TILES) {
        for slot in 0..TILES {
            if let Some(position) = tiles.position(first + slot) {
                tiles.transform(input, position, bytes_of_chunks(shared), slot, patch);
            }
        }
        if let Some(products) = shared.first_chunk_mut() {
            let group = Group::of(&tiles, first);
            multiply(layer, patch, &mut filters, products, &group, output);
            group.clamp(layer.requantize.range(), output);
        }
    }
}

/// All channels of the outputs of a group, from its patch.
#[inline(never)]
fn multiply<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    patch: &[Chunk],
    filters: &mut impl Filters,
    products: &mut Products,
    group: &Group<'_>,
    output: &Map,
) {
    for (pair, biases) in layer.bias.chunks(2).enumerate() {
        let Some((constants, weights)) = filters.pair(pair, layer.input.c) else { return };
        winograd_tile(patch, weights, products);
        for (index, (bias, constants)) in biases.iter().zip(constants).enumerate() {
            let constants = constants.map(|constant| constant.wrapping_add(bias.wrapping_mul(64)));
            group.write(layer, products, 2 * pair + index, &constants, output);
        }
    }
}

/// Where tiles lie on input and output.
struct Tiles {
    /// The 6 x 6 inputs of a tile as a window: one position for each tile.
    window: Window,
    input: Shape,
    output: Shape,
    zero_point: i8,
    /// Tiles in a row, and rows.
    w: usize,
    h: usize,
}

impl Tiles {
    fn of<R>(layer: &PackedConv2d<'_, R>) -> Self {
        let Padding { top, left, .. } = layer.window.padding;
        let padding = Padding { top, left, ..Padding::NONE };
        Self {
            window: Window { kernel: [6, 6], stride: [4, 4], dilation: [1, 1], padding },
            input: layer.input,
            output: layer.output,
            zero_point: layer.input_zero_point,
            w: layer.output.w.div_ceil(4),
            h: layer.output.h.div_ceil(4),
        }
    }

    fn count(&self) -> usize {
        self.h * self.w
    }

    /// Row and column of a tile; `None` behind the last one.
    fn position(&self, index: usize) -> Option<[usize; 2]> {
        (index < self.count()).then(|| [index / self.w.max(1), index % self.w.max(1)])
    }

    /// Writes the transformed inputs of the tile at `position` to `slot` of each chunk of `patch`. A tile at the
    /// border is put together in `pixels` first.
    fn transform(
        &self,
        input: &Map,
        [y, x]: [usize; 2],
        pixels: &mut [i8],
        slot: usize,
        patch: &mut [Chunk],
    ) {
        let Shape { h, w, c } = self.input;
        let [rows, columns] = [self.window.rows_inside(y, h), self.window.columns_inside(x, w)];
        let fours = c.div_ceil(4);
        let step = winograd_channel_pairs(c);
        let start = (rows.start * w + columns.start) * c;
        let whole = [rows.count, columns.count] == [6, 6];
        // The last word of the last pixel is read whole.
        if whole && start + 5 * (w + 1) * c + 4 * fours <= input.len() {
            let input = input.get(start..).unwrap_or_default();
            let pixels = Pixels { input, row_step: w * c, column_step: c };
            return winograd4_inputs(pixels, fours, patch, step, slot);
        }
        pixels.fill(self.zero_point);
        let from = input.get(start..).unwrap_or_default().chunks((w * c).max(1));
        let to = pixels.chunks_mut((6 * c).max(1)).skip(rows.first).take(rows.count);
        for (to, from) in to.zip(from) {
            let to = to.get_mut(columns.first * c..).unwrap_or_default();
            copy(from, to.get_mut(..columns.count * c).unwrap_or_default());
        }
        let pixels = Pixels { input: map(pixels), row_step: 6 * c, column_step: c };
        winograd4_inputs(pixels, fours, patch, step, slot);
    }
}

/// The outputs of up to four tiles.
struct Group<'a> {
    tiles: &'a Tiles,
    /// Where the first channel of the first output of each tile stands.
    starts: [usize; TILES],
    count: usize,
    /// Whether no tile hangs over the map.
    whole: bool,
    /// The first tile.
    first: usize,
}

impl<'a> Group<'a> {
    fn of(tiles: &'a Tiles, first: usize) -> Self {
        let Shape { h, w, c } = tiles.output;
        let mut group = Self { tiles, starts: [0; TILES], count: 0, whole: true, first };
        for (slot, start) in group.starts.iter_mut().enumerate() {
            let Some([y, x]) = tiles.position(first + slot) else { break };
            *start = (4 * y * w + 4 * x) * c;
            group.count = slot + 1;
            group.whole &= 4 * y + 4 <= h && 4 * x + 4 <= w;
        }
        group
    }

    fn starts(&self) -> &[usize] {
        self.starts.get(..self.count).unwrap_or_default()
    }

    /// The codes of one channel; products are of it and its neighbour.
    #[inline(always)]
    fn write<R: Requantize>(
        &self,
        layer: &PackedConv2d<'_, R>,
        products: &Products,
        channel: usize,
        constants: &Constants,
        output: &Map,
    ) {
        let scaling = Scaling::of(&layer.requantize, channel);
        let Shape { w, c, .. } = self.tiles.output;
        let output = output.get(channel..).unwrap_or_default();
        if self.whole {
            let places = Places { first: 0, starts: self.starts(), pixel_step: c, row_step: w * c };
            return winograd4_outputs(products, channel % 2, constants, scaling, output, places);
        }
        for slot in 0..self.count {
            let codes = [const { Cell::new(0) }; 16];
            let places = Places { first: slot, starts: &[0], pixel_step: 1, row_step: 4 };
            winograd4_outputs(products, channel % 2, constants, scaling, &codes, places);
            self.for_each_pixel(slot, |index, start| {
                if let (Some(to), Some(from)) = (output.get(start), codes.get(index)) {
                    to.set(from.get());
                }
            });
        }
    }

    /// Clamps all outputs where the limits are not those of int8.
    fn clamp(&self, range: [i8; 2], output: &Map) {
        if range == [i8::MIN, i8::MAX] {
            return;
        }
        for slot in 0..self.count {
            self.for_each_pixel(slot, |_, start| {
                let pixel = output.get(start..).and_then(|codes| codes.get(..self.tiles.output.c));
                clamp_codes(pixel.unwrap_or_default(), range);
            });
        }
    }

    /// Calls `work` with the index of each output of a tile that is on the map, and where its first channel stands.
    #[inline(always)]
    fn for_each_pixel(&self, slot: usize, mut work: impl FnMut(usize, usize)) {
        let Some([y, x]) = self.tiles.position(self.first + slot) else { return };
        let Shape { h, w, c } = self.tiles.output;
        for index in 0..16 {
            let [y, x] = [4 * y + index / 4, 4 * x + index % 4];
            if y < h && x < w {
                work(index, (y * w + x) * c);
            }
        }
    }
}
