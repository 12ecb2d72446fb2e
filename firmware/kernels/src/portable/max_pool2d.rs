//! Max pool.

use crate::geometry::{Shape, Window};

/// A max pool; taps on the padding are ignored (as if they held -128).
#[derive(Clone, Copy, Debug)]
pub struct MaxPool2d {
    /// Input map `[h, w, c]`.
    pub input: Shape,
    /// Output map `[h, w, c]`.
    pub output: Shape,
    /// Window over the input.
    pub window: Window,
}

/// The largest input under each window position, per channel.
pub fn max_pool2d(layer: &MaxPool2d, input: &[i8], output: &mut [i8]) {
    let _ = (layer, input, output);
}
