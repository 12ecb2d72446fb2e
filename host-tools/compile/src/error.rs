//! Why a network cannot become firmware, in words that say what to do about it.

use std::path::PathBuf;
use thumbnet_graph::GraphError;
use thumbnet_graph::onnx::OnnxError;

/// Why a model cannot be compiled for a device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The graph contradicts itself: a shape, a length or an order is wrong.
    #[error(transparent)]
    InvalidGraph(Box<GraphError>),
    /// The logits are the input: there is nothing to compute.
    #[error("the network has no layer; export a model that computes something")]
    Empty,
    /// A size that no microcontroller has.
    #[error("{what} has a size of {size}, far beyond any microcontroller; make the model smaller")]
    TooLarge {
        /// The tensor or node.
        what: String,
        /// Its size.
        size: usize,
    },
    /// A file is a model, but cannot be compiled.
    #[error("{}: {reason}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: Box<CompileError>,
    },
    /// No kernel computes this operation exactly.
    #[error("{node}: {problem}; {remedy}")]
    Unsupported {
        /// The node, with its ONNX operation.
        node: String,
        /// What no kernel can do.
        problem: String,
        /// How to rewrite the model.
        remedy: String,
    },
    /// A bias leaves int32 once the input's zero point is folded into it, or an accumulator may.
    #[error(
        "{node}: channel {channel} may reach an accumulator of {bound}, beyond int32; \
         use smaller biases or a larger weight scale in this channel"
    )]
    AccumulatorOverflow {
        /// The node, with its ONNX operation.
        node: String,
        /// Output channel.
        channel: usize,
        /// `|bias| + 128 * sum|w|`, the input's zero point folded into the bias.
        bound: u64,
    },
    /// The memory plan loses a map before it was read for the last time.
    #[error(
        "{step}: the memory plan has lost a part of {map} by then, which is a fault of Thumbnet and not of the model; \
         please report it with the model, and try another --optimize meanwhile"
    )]
    MemoryPlan {
        /// The step that would read it.
        step: String,
        /// The map.
        map: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}; check that the path exists and that you may {action} it", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `write`.
        action: &'static str,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A file is no int8 model that Thumbnet understands.
    #[error(transparent)]
    Onnx(Box<OnnxError>),
    /// A board's folder does not describe a board.
    #[error("{}: {problem}; {remedy}", path.display())]
    Board {
        /// The file.
        path: PathBuf,
        /// What is missing or wrong.
        problem: String,
        /// What to write instead.
        remedy: String,
    },
    /// An environment variable that chooses how to compile has a value that means nothing.
    #[error("{variable}: {problem}; correct the variable or unset it")]
    Tuning {
        /// The variable.
        variable: String,
        /// What is wrong with its value.
        problem: String,
    },
    /// A kernel was asked for that the layer cannot have, or a layer that does not exist.
    #[error("--kernel {choice}: {problem}; {remedy}")]
    Kernel {
        /// `NODE=KERNEL`.
        choice: String,
        /// Why not.
        problem: String,
        /// What is possible.
        remedy: String,
    },
    /// The weights are larger than the board's flash.
    #[error("{0}")]
    FlashTooSmall(Box<FlashTooSmall>),
    /// The activations are larger than the board's RAM.
    #[error("{0}")]
    RamTooSmall(Box<RamTooSmall>),
}

impl From<GraphError> for CompileError {
    fn from(error: GraphError) -> Self {
        Self::InvalidGraph(Box::new(error))
    }
}

impl From<OnnxError> for CompileError {
    fn from(error: OnnxError) -> Self {
        Self::Onnx(Box::new(error))
    }
}

/// By how much the constants miss the board's flash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{model}: the weights need {} B of flash but {board} has {} B after {} B for code: {} B too many; \
     layer {layer} alone needs {} B; make this layer smaller, choose a board with more flash, or {remedy}",
    thousands(*need_bytes), thousands(*have_bytes), thousands(*code_bytes),
    thousands(need_bytes.saturating_sub(*have_bytes)), thousands(*layer_bytes)
)]
pub struct FlashTooSmall {
    /// Name of the model.
    pub model: String,
    /// Name of the board.
    pub board: String,
    /// Weights, biases, factors and names.
    pub need_bytes: usize,
    /// Flash left for them.
    pub have_bytes: usize,
    /// Flash reserved for code.
    pub code_bytes: usize,
    /// The layer with the most constants.
    pub layer: String,
    /// Bytes of its constants.
    pub layer_bytes: usize,
    /// What may help without another model or board.
    pub remedy: &'static str,
}

/// By how much the activations miss the board's RAM.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{model}: the activations need {} B of RAM but {board} has {} B after {} B for the stack and \
     {} B for other data: {} B too many; layer {layer} alone needs {} B; make its maps smaller (a \
     stride or pool before it), choose a board with more RAM, or {remedy}",
    thousands(*need_bytes), thousands(*have_bytes), thousands(*stack_bytes), thousands(*data_bytes),
    thousands(need_bytes.saturating_sub(*have_bytes)), thousands(*layer_bytes)
)]
pub struct RamTooSmall {
    /// Name of the model.
    pub model: String,
    /// Name of the board.
    pub board: String,
    /// The arena.
    pub need_bytes: usize,
    /// RAM left for it.
    pub have_bytes: usize,
    /// RAM reserved for the stack.
    pub stack_bytes: usize,
    /// RAM reserved for the application's own statics.
    pub data_bytes: usize,
    /// The layer with the largest maps.
    pub layer: String,
    /// Bytes of its inputs, output and scratch.
    pub layer_bytes: usize,
    /// What may help without another model or board.
    pub remedy: &'static str,
}

/// `531234` as `531,234`: byte counts are read by people.
pub fn thousands(value: impl TryInto<u64>) -> String {
    let digits = value.try_into().unwrap_or(u64::MAX).to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn byte_counts_are_grouped_by_three() {
        assert_eq!(thousands(0usize), "0");
        assert_eq!(thousands(999usize), "999");
        assert_eq!(thousands(1_000usize), "1,000");
        assert_eq!(thousands(u64::MAX), "18,446,744,073,709,551,615");
    }
}
