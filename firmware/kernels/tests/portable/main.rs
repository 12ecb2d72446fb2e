//! The portable kernels against the definition of each op, computed naively in i64.

mod add;
mod add_float;
mod average_pool_float;
mod combine;
mod concat;
mod conv2d;
mod dense;
mod depthwise_conv2d;
mod golden;
mod lookup;
mod oracle;
mod pad;
mod pools;
mod random;
mod rearrange;
