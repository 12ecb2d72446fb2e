//! Convolutions: which of the four kernels runs one, and its weights in that kernel's order.

use super::requantize::requantize;
use super::{Site, product};
use crate::call::Call;
use crate::error::CompileError;
use crate::fold::fold_zero_point;
use crate::validate::MAX_MAP_BYTES;
use thumbnet_graph::{Conv2d, Int8Weights, Padding, Shape};

/// The kernel that runs a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// The window covers the whole map.
    Dense,
    /// Each channel by itself, each with the same single window of ones: an average.
    AveragePool2d,
    /// Each channel by itself.
    DepthwiseConv2d,
    /// Any other, groups written out as zeros.
    Conv2d,
}

/// The kernel that runs `conv` on a map of shape `input`.
pub(crate) fn kernel_of(conv: &Conv2d<Int8Weights>, input: Shape) -> Kernel {
    let whole = conv.window.kernel == [input.h, input.w] && conv.window.padding == Padding::NONE;
    if conv.groups == 1 {
        if whole { Kernel::Dense } else { Kernel::Conv2d }
    } else if conv.groups != input.c || conv.weights.bias.len() != input.c {
        Kernel::Conv2d
    } else if is_average(&conv.weights) {
        Kernel::AveragePool2d
    } else {
        Kernel::DepthwiseConv2d
    }
}

fn is_average(weights: &Int8Weights) -> bool {
    let same_bias = weights.bias.windows(2).all(|pair| pair[0] == pair[1]);
    let same_scale = weights.scales.windows(2).all(|pair| pair[0] == pair[1]);
    weights.values.iter().all(|w| *w == 1) && same_bias && same_scale
}

/// The call that computes the convolution of `site`, and its multiply-accumulates.
pub(super) fn lower(
    site: &Site<'_>,
    conv: &Conv2d<Int8Weights>,
) -> Result<(Call, u64), CompileError> {
    let input = site.shape(site.input());
    let output = site.shape(site.output());
    let (window, pool) = (conv.window, site.group.pool);
    let input_zero_point = site.format(site.input()).zero_point;
    let Int8Weights { values, bias, scales } = &conv.weights;
    let bias = fold_zero_point(&site.place(), values, bias, input_zero_point)?;
    let positions = [output.h, output.w, output.c, pool.kernel[0], pool.kernel[1]];
    let macs = |ic: usize| product(&positions).saturating_mul(product(&[window.taps(), ic]));
    let kernel = kernel_of(conv, input);
    let scales = if kernel == Kernel::AveragePool2d { &scales[..1] } else { scales };
    let requantize = requantize(site, scales)?;
    Ok(match kernel {
        Kernel::Dense => (Call::Dense { weights: values.clone(), bias, requantize }, macs(input.c)),
        Kernel::AveragePool2d => {
            let bias = bias[0];
            (Call::AveragePool2d { input, window, input_zero_point, bias, requantize }, macs(1))
        }
        Kernel::DepthwiseConv2d => {
            let weights = channels_last(values, input.c);
            (
                Call::DepthwiseConv2d {
                    input,
                    window,
                    input_zero_point,
                    weights,
                    bias,
                    requantize,
                },
                macs(1),
            )
        }
        Kernel::Conv2d => {
            let weights = ungrouped(site, conv, input.c)?;
            (
                Call::Conv2d { input, window, pool, input_zero_point, weights, bias, requantize },
                macs(input.c),
            )
        }
    })
}

/// `[c, kh, kw]` as `[kh, kw, c]`: the depthwise kernel walks channels innermost.
fn channels_last(weights: &[i8], channels: usize) -> Vec<i8> {
    let taps = weights.len() / channels;
    let channel = |tap: usize| (0..channels).map(move |channel| weights[channel * taps + tap]);
    (0..taps).flat_map(channel).collect()
}

/// `[oc, kh, kw, ic / groups]` as `[oc, kh, kw, ic]`, with zeros for the channels of other groups: exact,
/// at the price of their weights and multiplications.
fn ungrouped(
    site: &Site<'_>,
    conv: &Conv2d<Int8Weights>,
    ic: usize,
) -> Result<Vec<i8>, CompileError> {
    let values = &conv.weights.values;
    if conv.groups == 1 {
        return Ok(values.clone());
    }
    match values.len().checked_mul(conv.groups) {
        Some(bytes) if bytes <= MAX_MAP_BYTES => {}
        _ => {
            let problem = format!("its {} groups are too many to write out as zeros", conv.groups);
            return site.unsupported(&problem, "use one group, or as many as channels (depthwise)");
        }
    }
    let oc = conv.weights.bias.len();
    let (group_ic, group_oc) = (ic / conv.groups, oc / conv.groups);
    let mut expanded = vec![0; values.len() * conv.groups];
    let taps = conv.window.taps();
    for (row, values) in values.chunks_exact(group_ic).enumerate() {
        let group = row / taps / group_oc;
        expanded[row * ic + group * group_ic..][..group_ic].copy_from_slice(values);
    }
    Ok(expanded)
}
