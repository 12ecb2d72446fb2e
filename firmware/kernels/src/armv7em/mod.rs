//! The packed kernels on ARMv7E-M: safe slice code around the loops of [`crate::intrin`].

mod add_float;
mod by_pixels;
mod compact_winograd4_conv2d;
mod deep_conv2d;
mod dense;
mod depthwise_conv2d;
mod pointwise_conv2d;
mod pools;
mod shallow_conv2d;
mod winograd4_conv2d;
mod winograd_conv2d;

pub use add_float::add_float;
pub use compact_winograd4_conv2d::{compact_winograd4_conv2d, compact_winograd4_conv2d_order};
pub use deep_conv2d::{deep_conv2d, deep_conv2d_order};
pub use dense::dense as packed_dense;
pub use depthwise_conv2d::{depthwise_conv2d, depthwise_conv2d_order, depthwise_scratch_bytes};
pub use pointwise_conv2d::{pointwise_conv2d, pointwise_conv2d_order};
pub use pools::{average_pool2d, max_pool2d};
pub use shallow_conv2d::{shallow_conv2d, shallow_conv2d_order};
pub use winograd_conv2d::{winograd_conv2d, winograd_conv2d_order};
pub use winograd4_conv2d::{winograd4_conv2d, winograd4_conv2d_order};
