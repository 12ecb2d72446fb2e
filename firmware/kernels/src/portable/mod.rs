//! The specification: every kernel in plain safe Rust, readable first.

mod add;
mod add_float;
mod average_pool2d;
mod average_pool_float;
mod combine;
mod concat;
mod conv2d;
mod dense;
mod depthwise_conv2d;
mod inner_product;
mod lookup;
mod max_pool2d;
mod pad;
mod rearrange;

pub use add::{Add, add};
pub use add_float::{AddFloat, add_float};
pub use average_pool_float::{AveragePoolFloat, SumOrder, average_pool_float};
pub use average_pool2d::{AVERAGE_POOL2D_ORDER, AveragePool2d, average_pool2d};
pub use combine::{Combine, Function, Rule, combine};
pub use concat::{Concat, concat};
pub(crate) use conv2d::conv2d_channels;
pub use conv2d::{Conv2d, conv2d, conv2d_order};
pub use dense::{Dense, dense};
pub use depthwise_conv2d::{DEPTHWISE_CONV2D_ORDER, DepthwiseConv2d, depthwise_conv2d};
pub use lookup::{Lookup, lookup};
pub use max_pool2d::{MAX_POOL2D_ORDER, MaxPool2d, max_pool2d};
pub use pad::{Pad, pad};
pub use rearrange::{Loop, MAX_LOOPS, Rearrange, rearrange};
