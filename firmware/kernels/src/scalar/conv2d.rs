//! Convolution with fused max pool, two positions at a time.

use super::halves::add_inner_products;
use super::words::{Patch, word_of};
use crate::geometry::{Shape, Window};
use crate::intrin::integers_mut;
use crate::map::Map;
use crate::order::{Channels, Order};
use crate::portable::{self, Conv2d};
use crate::requantize::Requantize;

/// Channels that share the words of a patch; their accumulators live in scratch memory, their maxima on the stack.
const BLOCK: usize = 32;

/// Elements of a window that are made words at a time, in scratch memory: a row of a 3 x 3 window over 32 channels.
const PIECE: usize = 96;

/// Scratch memory of the kernel, aligned to 4.
pub const fn conv2d_scratch_bytes(window: &Window, input: Shape) -> usize {
    if has_gaps(window) {
        return 0;
    }
    4 * (2 * BLOCK + piece_len(window, input))
}

/// Whether the taps of a row are no neighbours.
const fn has_gaps(window: &Window) -> bool {
    window.dilation[1] != 1 && window.kernel[1] != 1
}

/// Elements of the largest piece of this window.
const fn piece_len(window: &Window, input: Shape) -> usize {
    let [kernel_h, kernel_w] = window.kernel;
    let filter_len = kernel_h.saturating_mul(kernel_w).saturating_mul(input.c);
    if filter_len < PIECE { filter_len } else { PIECE }
}

/// The order of [`conv2d()`] with `oc` output channels and this pool: one pixel or two at a time; one block of channels is
/// computed before it is written, several are not.
pub const fn conv2d_order(oc: usize, pool: &Window) -> Order {
    Order {
        tile: [1, 1],
        tiles: if pairs_under(pool) { 1 } else { 2 },
        gathers: oc <= BLOCK,
        rereads: true,
        channels: Channels::Together,
    }
}

/// Whether the positions under a pool window are taken two at a time.
const fn pairs_under(pool: &Window) -> bool {
    pool.kernel[1].is_multiple_of(2)
}

/// As [`portable::conv2d()`], but computes two positions of the window at a time: neighbours under a pool window of
/// even width, else those of two output pixels that follow each other.
///
/// ```text
/// for each output pixel or two, for each block of 32 output channels:
///     for each two positions of the convolution:
///         for each piece of at most 96 elements of the window:
///             words = the inputs under both positions, negated, one in each half
///             for each channel of the block: sums -= both inner products of words and the channel's weights
///         for each channel of the block: largest = max(largest, sums), for both positions
///     for each channel of the block: output or outputs = requantize(largest + bias)
/// ```
///
/// An odd last pixel is computed twice. Windows with gaps between the taps of a row are left to the portable kernel,
/// and so is all where `scratch` has less than [`conv2d_scratch_bytes`].
#[inline(always)]
pub fn conv2d<R: Requantize>(layer: &Conv2d<'_, R>, input: &Map, scratch: &mut [i8], output: &Map) {
    // Inlined, so that in generated code, where windows are constants, only one of the two is linked.
    if has_gaps(&layer.window) || scratch.len() < conv2d_scratch_bytes(&layer.window, layer.input) {
        one_by_one(layer, input, output);
    } else {
        in_pairs(layer, input, scratch, output);
    }
}

/// Not inlined, nor is the other: each has a frame of its own, so that their stacks do not add up.
#[inline(never)]
fn one_by_one<R: Requantize>(layer: &Conv2d<'_, R>, input: &Map, output: &Map) {
    portable::conv2d(layer, input, output);
}

#[inline(never)]
fn in_pairs<R: Requantize>(layer: &Conv2d<'_, R>, input: &Map, scratch: &mut [i8], output: &Map) {
    if !layer.describes(input, output) {
        return;
    }
    let piece_len = piece_len(&layer.window, layer.input);
    let Some(mut memory) = Memory::of(scratch, piece_len) else { return };
    let under_pool = pairs_under(&layer.pool);
    let pixels = (0..layer.output.h).flat_map(|y| (0..layer.output.w).map(move |x| [y, x]));
    let mut pixels = pixels.zip(output.chunks(layer.output.c.max(1)));
    while let Some((pixel, codes)) = pixels.next() {
        let other = if under_pool { None } else { pixels.next() };
        let (other, other_codes) = other.unwrap_or((pixel, codes));
        let pair = Pair { pixels: [pixel, other], under_pool };
        convolve(layer, input, &pair, &mut memory, [codes, other_codes]);
    }
}

/// What scratch memory is for.
struct Memory<'a> {
    /// Of a block of channels at two positions.
    sums: &'a mut [i32; 2 * BLOCK],
    /// The inputs of a piece.
    words: &'a mut [i32],
}

impl<'a> Memory<'a> {
    fn of(scratch: &'a mut [i8], piece_len: usize) -> Option<Self> {
        let (sums, words) = integers_mut(scratch).split_first_chunk_mut()?;
        Some(Self { sums, words: words.get_mut(..piece_len)? })
    }
}

/// What is computed at a time.
struct Pair {
    /// Two output pixels, which may be the same.
    pixels: [[usize; 2]; 2],
    /// Whether the two positions are neighbours under the pool window of one pixel.
    under_pool: bool,
}

impl Pair {
    /// How far the pairs under a pool window are apart.
    fn step(&self) -> usize {
        if self.under_pool { 2 } else { 1 }
    }

    /// The two positions of the convolution at the offset `[y, x]` in the pool window.
    fn positions(&self, pool: &Window, [y, x]: [usize; 2]) -> [[usize; 2]; 2] {
        let [pixel, other] = self.pixels;
        let position =
            |pixel: [usize; 2], x| [pixel[0] * pool.stride[0] + y, pixel[1] * pool.stride[1] + x];
        [position(pixel, x), position(other, x + self.step() - 1)]
    }
}

fn convolve<R: Requantize>(
    layer: &Conv2d<'_, R>,
    input: &Map,
    pair: &Pair,
    memory: &mut Memory<'_>,
    pixels: [&Map; 2],
) {
    let filter_len = layer.window.taps() * layer.input.c;
    let filters = layer.weights.chunks((BLOCK * filter_len).max(1));
    let blocks = filters.zip(layer.bias.chunks(BLOCK));
    for (block, (filters, bias)) in blocks.enumerate() {
        let first = block * BLOCK;
        let mut largest = [[i32::MIN; BLOCK]; 2];
        raise_to_sums(layer, input, pair, filters, bias.len(), memory, &mut largest);
        let written = if pair.under_pool { 1 } else { 2 };
        for (pixel, largest) in pixels.iter().zip(&largest).take(written) {
            let codes = pixel.get(first..).unwrap_or_default();
            layer.requantize.requantize_channels(first, largest, bias, codes);
        }
    }
}

/// Raises `largest` to the sums of a block of channels over the pool windows of both pixels; the first of the two if
/// they are the same.
fn raise_to_sums<R>(
    layer: &Conv2d<'_, R>,
    input: &Map,
    pair: &Pair,
    filters: &[i8],
    channels: usize,
    memory: &mut Memory<'_>,
    largest: &mut [[i32; BLOCK]; 2],
) {
    for pool_y in 0..layer.pool.kernel[0] {
        let mut pool_x = 0;
        while pool_x < layer.pool.kernel[1] {
            let positions = pair.positions(&layer.pool, [pool_y, pool_x]);
            let patches = positions.map(|at| Patch::at(&layer.window, layer.input, input, at));
            let (low, high) = memory.sums.split_at_mut(BLOCK);
            let [low, high] = [low, high].map(|sums| sums.get_mut(..channels).unwrap_or_default());
            low.fill(0);
            high.fill(0);
            add_negated_sums(layer, &patches, filters, memory.words, [low, high]);
            let [largest, other] = &mut *largest;
            raise(largest, low);
            raise(if pair.under_pool { largest } else { other }, high);
            pool_x += pair.step();
        }
    }
}

/// Raises each of `largest` to the sum of the same channel, negated.
///
/// Never inlined: LLVM would unroll it and keep all addresses on the stack.
#[inline(never)]
fn raise(largest: &mut [i32], negated: &[i32]) {
    for (largest, sum) in largest.iter_mut().zip(negated) {
        *largest = (*largest).max(sum.wrapping_neg());
    }
}

/// Adds the inner products of two patches with each filter of a block, negated.
fn add_negated_sums<R>(
    layer: &Conv2d<'_, R>,
    patches: &[Patch<'_>; 2],
    filters: &[i8],
    words: &mut [i32],
    [low, high]: [&mut [i32]; 2],
) {
    let row_len = layer.window.kernel[1] * layer.input.c;
    let filter_len = layer.window.kernel[0] * row_len;
    let padding = i32::from(layer.input_zero_point);
    // Neither `step_by` nor `chunks` here: they divide, which takes hundreds of instructions on the smallest cores.
    let mut first = 0;
    while first < filter_len {
        let len = PIECE.min(filter_len - first);
        let words = words.get_mut(..len).unwrap_or_default();
        words.fill(word_of(padding));
        for (patch, shift) in patches.iter().zip([0, 16]) {
            patch.put(words, first, row_len, padding, shift);
        }
        let pieces = filters.get(first..).unwrap_or_default();
        add_inner_products(words, pieces, filter_len, [&mut *low, &mut *high]);
        first += len;
    }
}
