//! Constants of convolutions in the order that ONNX has them.

use super::Int8Builder;
use crate::graph::{Node, TensorId};
use crate::op::{Conv2d, Int8Weights};

/// Names of a convolution's constants.
pub(crate) struct WeightNames {
    pub(crate) values: String,
    pub(crate) scales: String,
    pub(crate) zero_points: String,
    pub(crate) bias: String,
}

impl WeightNames {
    /// Writes the constants of `conv`, whose input is `x`: weights as `[oc, ic / groups, kh, kw]`.
    pub(crate) fn write(
        builder: &mut Int8Builder<'_>,
        node: &Node<Int8Weights>,
        conv: &Conv2d<Int8Weights>,
        x: TensorId,
    ) -> Self {
        let [kh, kw] = conv.window.kernel;
        let ic = builder.graph.tensor(x).shape.c / conv.groups;
        let oc = conv.weights.scales.len();
        let values = channels_before_taps(&conv.weights.values, kh * kw, ic);
        let stem = if node.name.is_empty() { "conv" } else { &node.name };
        Self {
            values: builder.bytes(&format!("{stem}_weights"), &[oc, ic, kh, kw], &values),
            scales: builder.floats(&format!("{stem}_weights_scale"), &[oc], &conv.weights.scales),
            zero_points: builder.bytes(&format!("{stem}_weights_zero_point"), &[oc], &vec![0; oc]),
            bias: builder.ints(&format!("{stem}_bias"), &[oc], &conv.weights.bias),
        }
    }
}

/// `[oc, taps, ic]` to `[oc, ic, taps]`.
pub(crate) fn channels_before_taps<T: Copy>(values: &[T], taps: usize, ic: usize) -> Vec<T> {
    let mut reordered = Vec::with_capacity(values.len());
    for filter in values.chunks_exact(taps * ic) {
        for channel in 0..ic {
            reordered.extend(filter.iter().skip(channel).step_by(ic));
        }
    }
    reordered
}
