//! The portable kernels against the definition of each op, computed naively in i64.

mod add;
mod add_float;
mod conv2d;
mod dense;
mod depthwise_conv2d;
mod golden;
mod oracle;
mod pools;
mod random;
