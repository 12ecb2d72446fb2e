//! Why an ONNX file is refused, and what its owner can do about it.

use std::fmt;

/// Why an ONNX file cannot be read. Every message names the file, the place in it, the reason and
/// the remedy, on one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The bytes are no ONNX model, or only a part of one.
    #[error("{file}: not a whole ONNX model: {reason}; {rewrite}")]
    NotOnnx {
        /// The file.
        file: String,
        /// What is wrong with its bytes.
        reason: String,
        /// What to do.
        rewrite: String,
    },
    /// A float model: nothing in it is quantized.
    #[error(
        "{place}: the model computes in float, nothing in it is quantized; quantize it first: \
         `thumbnet quantize {}`", place.file
    )]
    FloatModel {
        /// The first node that would have to be quantized.
        place: Place,
    },
    /// A quantized model where a float model is wanted.
    #[error(
        "{place}: the model is quantized already; use it as it is: `thumbnet inspect {}`, or \
         quantize the float model that it was made from", place.file
    )]
    Quantized {
        /// The first node that works on codes.
        place: Place,
    },
    /// Operator set or format versions that this reader does not know.
    #[error("{file}: {reason}; {rewrite}")]
    Version {
        /// The file.
        file: String,
        /// What was found.
        reason: String,
        /// What to do.
        rewrite: String,
    },
    /// Not exactly one input and one output, or one that is no tensor of a known type.
    #[error("{file}: {reason}; {rewrite}")]
    Interface {
        /// The file.
        file: String,
        /// What was found.
        reason: String,
        /// What to do.
        rewrite: String,
    },
    /// A shape that the file leaves open.
    #[error("{file}: input {} has the shape {dims}, which is not fixed; {rewrite}", quoted(.input))]
    DynamicShape {
        /// The file.
        file: String,
        /// The input's name.
        input: String,
        /// Its dimensions, `?` for those left open.
        dims: String,
        /// What to do.
        rewrite: String,
    },
    /// A name that two things have, or that nothing has, or an empty one.
    #[error("{place}: {reason}; {rewrite}")]
    Name {
        /// The node.
        place: Place,
        /// Which name and why it is wrong.
        reason: String,
        /// What to do.
        rewrite: String,
    },
    /// Nodes that need each other's outputs.
    #[error(
        "{place}: the graph has a cycle through this node: its inputs depend on its own output; \
         export the model again"
    )]
    Cycle {
        /// A node on the cycle.
        place: Place,
    },
    /// A constant that is not what it says it is.
    #[error("{file}: constant {}: {reason}; {rewrite}", quoted(.tensor))]
    Constant {
        /// The file.
        file: String,
        /// The constant's name.
        tensor: String,
        /// What is wrong.
        reason: String,
        /// What to do.
        rewrite: String,
    },
    /// A constant in a file of its own.
    #[error(
        "{file}: constant {} is stored outside the file: {reason}; save the model again as one \
         file (in Python: onnx.save(onnx.load(path), path, save_as_external_data=False))",
        quoted(.tensor)
    )]
    ExternalData {
        /// The file.
        file: String,
        /// The constant's name.
        tensor: String,
        /// Why it was not read.
        reason: String,
    },
    /// Sizes that no real model has.
    #[error("{file}: {reason}; {rewrite}")]
    TooLarge {
        /// The file.
        file: String,
        /// What is too large.
        reason: String,
        /// What to do.
        rewrite: String,
    },
    /// An operator that no int8 network here can express.
    #[error("{place}: {reason}; {rewrite}")]
    UnsupportedOp {
        /// The node.
        place: Place,
        /// Why.
        reason: String,
        /// What to do.
        rewrite: String,
    },
    /// A known operator used in a way that is wrong or not supported: its attributes, inputs or
    /// shapes.
    #[error("{place}: {reason}; {rewrite}")]
    Operand {
        /// The node.
        place: Place,
        /// What about it.
        reason: String,
        /// What to do.
        rewrite: String,
    },
    /// A scale, a zero point, or a place where quantization is missing.
    #[error("{place}: {reason}; {rewrite}")]
    Quantization {
        /// The node.
        place: Place,
        /// What about it.
        reason: String,
        /// What to do.
        rewrite: String,
    },
}

/// A node in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The node's name, or its first output's if it has none.
    pub node: String,
    /// Its operator.
    pub op: String,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: node {} ({})", self.file, quoted(&self.node), shortened(&self.op))
    }
}

/// A name from a file, in quotes, fit for one line of a terminal: control characters escaped, long
/// names cut.
pub(crate) fn quoted(name: &str) -> String {
    format!("'{}'", shortened(name))
}

/// Longest name that a message shows.
const SHOWN: usize = 80;

fn shortened(name: &str) -> String {
    let mut shown: String = name.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if name.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{Place, quoted};

    #[test]
    fn hostile_names_stay_on_one_short_line() {
        let name = "a\n\u{1b}[31m".to_owned() + &"x".repeat(10_000);
        let place = Place { file: "m.onnx".to_owned(), node: name.clone(), op: name };
        let message = place.to_string();
        assert!(message.len() < 400 && !message.contains(['\n', '\u{1b}']), "{message}");
        assert_eq!(quoted("conv1"), "'conv1'");
    }
}
