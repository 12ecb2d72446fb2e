//! Dense layer with packed weights.

use super::{Place, unpack};
use crate::map::Map;
use crate::requantize::Requantize;

/// A fully connected layer as [`Dense`](crate::portable::Dense), with packed weights.
///
/// # Layout
/// Inputs go by sixteens, the last filled up with weights of 0, and within those by quads of which inputs
/// (0, 2) and then (1, 3) share a word. Channels go by eights: for each quad, the two words of each of
/// the four channel pairs. Channels that are left after the last whole eight go by pairs: for each quad,
/// the two words of the pair; a last odd channel is paired with zeros.
#[derive(Clone, Copy, Debug)]
pub struct PackedDense<'a, R> {
    /// In the layout above: 32 words for eight channels and sixteen inputs, 8 for a pair.
    pub weights: &'a [i32],
    /// `[oc]`, with the input's zero point folded in.
    pub bias: &'a [i32],
    /// From accumulator to output.
    pub requantize: R,
}

/// Steps of sixteen inputs after which a kernel takes the mixed sums apart. Over 512 inputs they are exact
/// for all weights of -127..=127: `512 * 127 * 128 < 2^23`.
pub(crate) const RUN_STEPS: usize = 32;

impl<R> PackedDense<'_, R> {
    /// Whether the slices belong together; the kernels do nothing where they do not.
    pub fn describes(&self, input: &Map, output: &Map) -> bool {
        !input.is_empty()
            && self.bias.len() == output.len()
            && words(input.len(), output.len()) == Some(self.weights.len())
    }
}

/// As [`crate::portable::dense()`] of the unpacked weights.
///
/// A `layer` that does not [describe](PackedDense::describes) its slices leaves `output` as it is.
pub fn dense<R: Requantize>(layer: &PackedDense<'_, R>, input: &Map, output: &Map) {
    if !layer.describes(input, output) {
        return;
    }
    for (channel, (code, bias)) in output.iter().zip(layer.bias).enumerate() {
        let place = Filter::of(input.len(), layer.bias.len(), channel);
        let words = layer.weights.get(place.first_word..).unwrap_or_default();
        let mut accumulator = *bias;
        for (quad, words) in input.chunks(4).zip(words.chunks(place.words_a_quad.max(1))) {
            for (index, code) in quad.iter().enumerate() {
                let weight = i32::from(unpack(words, in_quad(index), channel));
                accumulator = accumulator.wrapping_add(i32::from(code.get()) * weight);
            }
        }
        code.set(layer.requantize.requantize(accumulator, channel));
    }
}

/// Words of a layer, or `None` if they cannot be counted.
fn words(inputs: usize, outputs: usize) -> Option<usize> {
    let words_a_pair = inputs.div_ceil(16).checked_mul(8)?;
    outputs.div_ceil(2).checked_mul(words_a_pair)
}

/// Where the weights of a channel stand.
struct Filter {
    first_word: usize,
    /// From the two words of a quad to those of the next.
    words_a_quad: usize,
}

impl Filter {
    fn of(inputs: usize, outputs: usize, channel: usize) -> Self {
        let words_a_pair = inputs.div_ceil(16) * 8;
        let [block, pair] = [channel / 8, channel % 8 / 2];
        if block < outputs / 8 {
            Self { first_word: block * 4 * words_a_pair + 2 * pair, words_a_quad: 8 }
        } else {
            Self { first_word: (block * 4 + pair) * words_a_pair, words_a_quad: 2 }
        }
    }
}

/// Where the weight of one of the four inputs stands in its quad.
#[inline(always)]
const fn in_quad(index: usize) -> Place {
    Place { word: index % 2, lane: index / 2 }
}

/// Packs `[oc, inputs]`; `None` where a pair of channels is not exact in mixed lanes, which takes a weight
/// of -128: then the plain layer is to be used.
#[cfg(feature = "pack")]
pub fn pack_dense(weights: &[i8], inputs: usize) -> Option<alloc::vec::Vec<i32>> {
    let outputs = weights.len().checked_div(inputs)?;
    super::pack(weights, [inputs, 16 * RUN_STEPS], words(inputs, outputs)?, |channel, index| {
        let filter = Filter::of(inputs, outputs, channel);
        let Place { word, lane } = in_quad(index % 4);
        Place { word: filter.first_word + index / 4 * filter.words_a_quad + word, lane }
    })
}
