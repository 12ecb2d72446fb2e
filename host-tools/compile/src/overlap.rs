//! How far the output of a kernel call may lie on its input: the order of the kernel, told beside its code, for
//! the shapes of the call.

use crate::call::{Call, PackedLayout};
use thumbnet_graph::{Shape, Window};
use thumbnet_kernels::armv7em::{
    compact_winograd4_conv2d_order, deep_conv2d_order, depthwise_conv2d_order,
    pointwise_conv2d_order, shallow_conv2d_order, winograd_conv2d_order, winograd4_conv2d_order,
};
use thumbnet_kernels::order::{Order, Overlap};
use thumbnet_kernels::portable::{AVERAGE_POOL2D_ORDER, MAX_POOL2D_ORDER, conv2d_order};
use thumbnet_kernels::scalar;

impl Call {
    /// How its `output` may lie on any of its inputs, on every backend, with or without `scratch`; `None` if only
    /// apart.
    pub(crate) fn overlap(&self, output: Shape, scratch: bool) -> Option<Overlap> {
        let (order, input, windows) = match self {
            Self::Conv2d { input, window, pool, .. } => {
                let orders = [conv2d_order(output.c), scalar::conv2d_order(output.c, pool)];
                let overlaps = orders.map(|order| order.overlap(*input, output, [window, pool]));
                let [one, other] = overlaps;
                return one.zip(other).map(|(one, other)| one.and(other));
            }
            Self::PackedConv2d { layout, input, window, pool, .. } => {
                (packed_order(*layout, output, pool), input, [window, pool])
            }
            Self::DepthwiseConv2d { input, window, .. } => {
                (depthwise_conv2d_order(output.w, scratch), input, [window, &Window::UNIT])
            }
            Self::MaxPool2d { input, window } => (MAX_POOL2D_ORDER, input, [window, &Window::UNIT]),
            Self::AveragePool2d { input, window, .. } => {
                (AVERAGE_POOL2D_ORDER, input, [window, &Window::UNIT])
            }
            // Each output needs all inputs.
            Self::Dense { .. } | Self::PackedDense { .. } => return None,
            Self::Add(_) | Self::AddFloat(_) | Self::Lookup { .. } => {
                return Some(Overlap::ELEMENTWISE);
            }
            // Other places are read after these were written; a pixel combined with all is read again.
            Self::AveragePoolFloat(_)
            | Self::Combine(_)
            | Self::Concat { .. }
            | Self::Rearrange(_)
            | Self::Pad(_) => return None,
        };
        order.overlap(*input, output, windows)
    }
}

fn packed_order(layout: PackedLayout, output: Shape, pool: &Window) -> Order {
    match layout {
        PackedLayout::Deep => deep_conv2d_order(pool),
        PackedLayout::Pointwise => pointwise_conv2d_order(output),
        PackedLayout::Shallow => shallow_conv2d_order(output, pool),
        PackedLayout::Winograd => winograd_conv2d_order(pool),
        PackedLayout::Winograd4 => winograd4_conv2d_order(),
        PackedLayout::CompactWinograd4 => compact_winograd4_conv2d_order(),
    }
}
