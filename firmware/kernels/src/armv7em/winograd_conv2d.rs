//! 3 x 3 convolution in Winograd form: four tiles of 2 x 2 outputs at a time, channels by pairs.

use crate::geometry::{Padding, Shape, Window};
use crate::intrin::{
    Chunk, WinogradProducts as Products, chunks_mut, winograd_inputs, winograd_outputs,
    winograd_tile,
};
use crate::map::{Map, word};
use crate::order::{Channels, Order};
use crate::packed::{PackedConv2d, winograd_channel_pairs, winograd_fits};
use crate::requantize::Requantize;

/// The order of [`winograd_conv2d()`]: four tiles at a time, of 2 x 2 pixels, or of one with a pool.
pub const fn winograd_conv2d_order(pool: &Window) -> Order {
    let side = if matches!(pool.kernel, [1, 1]) { 2 } else { 1 };
    Order {
        tile: [side, side],
        tiles: 4,
        gathers: true,
        rereads: true,
        channels: Channels::Together,
    }
}

/// As [`crate::packed::winograd_conv2d()`].
///
/// ```text
/// for each four tiles (a tile is what a pool window covers; without a pool, 2 x 2 outputs):
///     patch = B d B' of the inputs below, as halfwords [16 elements][pairs of input channels][tiles]
///     for each eight channels:
///         for each pair of them: products = patch * weights; A (products) A' = 4 * the outputs of each tile
///         output = requantize(bias + largest)      (without a pool: of each output)
/// ```
#[inline(never)]
pub fn winograd_conv2d<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    input: &Map,
    scratch: &mut [i8],
    output: &Map,
) {
    // A map without channels may have any number of tiles.
    if !winograd_fits(layer, scratch) || !layer.describes(input, output) || output.is_empty() {
        return;
    }
    let chunks = chunks_mut(scratch);
    let Some((products, patch)) = chunks.split_first_chunk_mut() else { return };
    if layer.pool.kernel == [1, 1] {
        convolve::<_, 4>(layer, input, products, patch, output);
    } else {
        convolve::<_, 1>(layer, input, products, patch, output);
    }
}

/// Tiles computed at a time.
const TILES: usize = 4;

/// Channels whose sums wait on the stack to be requantized.
const CHANNELS: usize = 8;

/// `PIXELS` are the output pixels of a tile: 4, or 1 where a pool covers it.
#[inline(always)]
fn convolve<R: Requantize, const PIXELS: usize>(
    layer: &PackedConv2d<'_, R>,
    input: &Map,
    products: &mut Products,
    patch: &mut [Chunk],
    output: &Map,
) {
    let tiles = Tiles::of(layer, PIXELS);
    for first in (0..tiles.count()).step_by(TILES) {
        for slot in 0..TILES {
            if let Some(position) = tiles.position(first + slot) {
                tiles.fill(input, position, slot, patch);
            }
        }
        multiply::<_, PIXELS>(layer, &tiles, first, products, patch, output);
    }
}

/// All channels of the outputs of the tiles from `first` on, from their patch.
///
/// Not inlined: sums are not on the stack while a patch is filled.
#[inline(never)]
fn multiply<R: Requantize, const PIXELS: usize>(
    layer: &PackedConv2d<'_, R>,
    tiles: &Tiles,
    first: usize,
    products: &mut Products,
    patch: &[Chunk],
    output: &Map,
) {
    // Eight words are four pairs of input channels.
    let filters = layer.weights.as_chunks::<8>().0;
    let pairs = winograd_channel_pairs(layer.input.c);
    let pairs_of_filters = &mut filters.chunks_exact((4 * pairs).max(1));
    for (group, biases) in layer.bias.chunks(CHANNELS).enumerate() {
        let mut sums = [[[0; CHANNELS]; PIXELS]; TILES];
        for (pair, weights) in pairs_of_filters.take(CHANNELS / 2).enumerate() {
            winograd_tile(patch, weights, products);
            winograd_outputs(products, 0, &mut sums, 2 * pair);
            winograd_outputs(products, 1, &mut sums, 2 * pair + 1);
        }
        let channel = group * CHANNELS;
        for (slot, sums) in sums.iter().enumerate() {
            let Some(position) = tiles.position(first + slot) else { break };
            for (pixel, sums) in sums.iter().enumerate() {
                let Some(start) = tiles.first_code(position, pixel) else { continue };
                let codes = output.get(start + channel..).unwrap_or_default();
                let codes = codes.get(..biases.len()).unwrap_or_default();
                layer.requantize.requantize_channels(channel, sums, biases, codes);
            }
        }
    }
}

/// Where tiles lie on input and output.
struct Tiles {
    /// The 4 x 4 inputs of a tile as a window: one position for each tile.
    window: Window,
    input: Shape,
    output: Shape,
    zero_point: i8,
    /// Tiles in a row, and rows.
    w: usize,
    h: usize,
    /// Rows and columns of output pixels in a tile, 1 or 2.
    side: usize,
}

impl Tiles {
    fn of<R>(layer: &PackedConv2d<'_, R>, pixels: usize) -> Self {
        let (side, stride) = if pixels == 1 { (1, layer.pool.stride) } else { (2, [2, 2]) };
        let Padding { top, left, .. } = layer.window.padding;
        let padding = Padding { top, left, ..Padding::NONE };
        Self {
            window: Window { kernel: [4, 4], stride, dilation: [1, 1], padding },
            input: layer.input,
            output: layer.output,
            zero_point: layer.input_zero_point,
            w: layer.output.w.div_ceil(side),
            h: layer.output.h.div_ceil(side),
            side,
        }
    }

    fn count(&self) -> usize {
        self.h * self.w
    }

    /// Row and column of a tile; `None` behind the last one.
    fn position(&self, index: usize) -> Option<[usize; 2]> {
        (index < self.count()).then(|| [index / self.w.max(1), index % self.w.max(1)])
    }

    /// Where the channels of an output pixel begin; `None` where a tile hangs over the map.
    fn first_code(&self, [y, x]: [usize; 2], pixel: usize) -> Option<usize> {
        let [y, x] = [y * self.side + pixel / 2, x * self.side + pixel % 2];
        let Shape { h, w, c } = self.output;
        (y < h && x < w).then_some((y * w + x) * c)
    }

    /// Writes the transformed inputs of the tile at `position` to `slot` of each chunk.
    #[inline(never)]
    fn fill(&self, input: &Map, [y, x]: [usize; 2], slot: usize, patch: &mut [Chunk]) {
        let Shape { h, w, c } = self.input;
        let pairs = winograd_channel_pairs(c);
        let [rows, columns] = [self.window.rows_inside(y, h), self.window.columns_inside(x, w)];
        let pixel = |tap: usize| {
            let [row, column] = [rows.reads(tap / 4, 1)?, columns.reads(tap % 4, 1)?];
            let start = (row * w + column) * c;
            input.get(start..start + c)
        };
        let padding = u32::from_le_bytes([self.zero_point as u8; 4]);
        let pixels: [&Map; 16] = core::array::from_fn(|tap| pixel(tap).unwrap_or_default());
        let fours = pixels.map(|pixel| pixel.as_chunks::<4>().0);
        for four in 0..c / 4 {
            let words = fours.map(|fours| fours.get(four).map_or(padding, word));
            let patch = patch.get_mut(2 * four..).unwrap_or_default();
            winograd_inputs(&words, patch, pairs, slot);
        }
        if !c.is_multiple_of(4) {
            let words = pixels.map(|pixel| if pixel.is_empty() { padding } else { tail(pixel) });
            let patch = patch.get_mut(c / 4 * 2..).unwrap_or_default();
            winograd_inputs(&words, patch, pairs, slot);
        }
    }
}

/// The last channels of a pixel, filled up with 0; their weights are 0.
fn tail(pixel: &Map) -> u32 {
    let mut four = [0; 4];
    for (to, from) in four.iter_mut().zip(pixel.as_chunks::<4>().1) {
        *to = from.get() as u8;
    }
    u32::from_le_bytes(four)
}
