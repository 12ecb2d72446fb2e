//! What both packed convolutions share: the descriptor and its portable meaning.

use crate::geometry::{Shape, Window};
use crate::map::Map;
use crate::portable::{Conv2d, conv2d_channels};
use crate::requantize::Requantize;

/// A convolution layer as [`Conv2d`], with packed weights.
#[derive(Clone, Copy, Debug)]
pub struct PackedConv2d<'a, R> {
    /// Input map `[h, w, ic]`.
    pub input: Shape,
    /// Output map after the pool, `[h, w, oc]`.
    pub output: Shape,
    /// Window over the input. Taps on the padding read `input_zero_point`.
    pub window: Window,
    /// Max pool over the convolution's output, no padding, no dilation; [`Window::UNIT`] for none.
    pub pool: Window,
    /// Code of real 0 in the input: the value of padding.
    pub input_zero_point: i8,
    /// In the layout of the kernel.
    pub weights: &'a [i32],
    /// `[oc]`, with `-input_zero_point * sum(weights)` folded in.
    pub bias: &'a [i32],
    /// From accumulator to output. ReLU is its lower clamp.
    pub requantize: R,
}

impl<'a, R: Requantize> PackedConv2d<'a, R> {
    /// The plain layer that this one would be with other weights.
    pub(crate) fn with_weights<'b>(&self, weights: &'b [i8]) -> Conv2d<'b, R>
    where
        'a: 'b,
    {
        let Self { input, output, window, pool, input_zero_point, bias, requantize, .. } = *self;
        Conv2d { input, output, window, pool, input_zero_point, weights, bias, requantize }
    }

    /// Whether shapes, windows and slices belong together, the weights aside.
    pub(crate) fn describes(&self, input: &Map, output: &Map) -> bool {
        self.with_weights(&[]).describes_all_but_weights(input, output)
    }
}

impl<R> PackedConv2d<'_, R> {
    /// Weights of one filter.
    #[inline]
    pub(crate) const fn filter_len(&self) -> usize {
        let [kernel_h, kernel_w] = self.window.kernel;
        kernel_h.saturating_mul(kernel_w).saturating_mul(self.input.c)
    }
}

/// The plain convolution with unpacked weights: as many filters at a time as `scratch` holds, each
/// written by `unpack(channel, filter)`.
pub(crate) fn unpacked_conv2d<R: Requantize>(
    layer: &PackedConv2d<'_, R>,
    unpack: impl Fn(usize, &mut [i8]),
    input: &Map,
    scratch: &mut [i8],
    output: &Map,
) {
    let filter_len = layer.filter_len().max(1);
    let at_once = scratch.len() / filter_len;
    if at_once == 0 || !layer.describes(input, output) {
        return;
    }
    for first in (0..layer.output.c).step_by(at_once) {
        let channels = first..(first + at_once).min(layer.output.c);
        let filters = scratch.chunks_exact_mut(filter_len).zip(channels.clone());
        for (filter, channel) in filters {
            unpack(channel, filter);
        }
        conv2d_channels(&layer.with_weights(scratch), channels, input, output);
    }
}
