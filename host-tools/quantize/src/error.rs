//! Why a network cannot be quantized.

/// Why a network cannot be quantized or run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum QuantizeError {
    /// The graph breaks a rule of its own.
    #[error(transparent)]
    Graph(#[from] thumbnet_graph::GraphError),
    /// The activations are too many to keep.
    #[error(
        "the network's tensors have {elements} elements together, at most {limit} can be run; \
         use a smaller input or fewer channels"
    )]
    TooLarge {
        /// Elements of all tensors.
        elements: usize,
        /// Most that are allowed.
        limit: usize,
    },
    /// The network has nothing to compute.
    #[error("the network has no nodes; give it at least one layer")]
    Empty,
    /// A weight, a bias or an activation is infinite or not a number.
    #[error(
        "'{name}' has values that are infinite or not a number; \
         train again with a smaller learning rate"
    )]
    NotFinite {
        /// Name of the node or of the tensor.
        name: String,
    },
    /// An operation that no standard operators stand for.
    #[error(
        "node '{node}' moves elements in a way that has no standard operators in an int8 file; \
         slice without steps, and reshape and transpose whole maps"
    )]
    Unwritable {
        /// Name of the node.
        node: String,
    },
    /// The calibration pictures are missing or not whole.
    #[error(
        "{bytes} bytes of calibration pictures are not one or more pictures of {picture} bytes; \
         pass training pictures of the network's input shape"
    )]
    Calibration {
        /// Bytes given.
        bytes: usize,
        /// Bytes of one picture.
        picture: usize,
    },
    /// An input of the wrong length.
    #[error("the input has {actual} values, the network takes {expected}")]
    InputLength {
        /// Values given.
        actual: usize,
        /// Values of the input shape.
        expected: usize,
    },
    /// No weight scale near the wanted one makes all engines agree.
    #[error(
        "node '{node}', channel {channel}: no weight scale within {} % makes the thresholds of all \
         engines equal at factor {factor:e}; normalize the layer's inputs or outputs (batch \
         normalization) so that its factor lies between 2^-14 and 0.5",
        growth * 100.0
    )]
    Unsnappable {
        /// Name of the node.
        node: String,
        /// Output channel.
        channel: usize,
        /// The real factor from accumulator to output where the search began.
        factor: f64,
        /// Largest relative growth of the scale that was tried.
        growth: f64,
    },
    /// The accumulator of a channel does not fit its integer.
    #[error(
        "node '{node}', channel {channel}: the accumulator can reach {bound}, at most {limit} fits; \
         make the layer narrower (fewer inputs an output) or its bias smaller"
    )]
    Accumulator {
        /// Name of the node.
        node: String,
        /// Output channel.
        channel: usize,
        /// Largest magnitude that the accumulator can reach.
        bound: i64,
        /// Largest magnitude allowed.
        limit: i64,
    },
    /// The range of an activation or of weights is beyond what f32 scales can express.
    #[error(
        "'{name}': scale {scale:e} is out of range; normalize the network so that activations and \
         weights are between 1e-9 and 1e9"
    )]
    ScaleRange {
        /// Name of the node or of the tensor.
        name: String,
        /// The scale that would be needed.
        scale: f64,
    },
    /// A residual add of the picture itself, whose scale cannot be a power of two.
    #[error(
        "node '{node}' adds the input picture, whose scale 1/255 is not a power of two; \
         put a convolution between the picture and the add"
    )]
    AddOfInput {
        /// Name of the node.
        node: String,
    },
    /// A mean or a deviation that is not one number, or one a channel.
    #[error(
        "the normalization does not suit the network's {channels} input channels: give one mean \
         and one positive deviation, or {channels} of each"
    )]
    Normalization {
        /// Channels of the network's input.
        channels: usize,
    },
}
