//! What the user may choose about a compilation.

/// How a network is compiled. All choices give the same bytes of every layer that both make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether ReLU and max pool join the convolution before them. `false` makes one step of every node,
    /// so that every map of the ONNX file can be observed.
    pub fuse: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { fuse: true }
    }
}
