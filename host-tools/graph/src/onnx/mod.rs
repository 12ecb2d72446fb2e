//! ONNX files: the one reader and the one writer of the project.

#[cfg(test)]
mod bad_files;
mod error;
mod external;
#[cfg(test)]
mod float_models;
mod input_shape;
mod interface;
mod labels;
mod lower;
mod metadata;
mod preflight;
mod proto;
mod raw;
mod read;
#[cfg(test)]
mod refusals;
mod resolve;
#[cfg(test)]
mod variants;
mod write;

pub use error::{OnnxError, Place};
pub use input_shape::InputShape;
pub use interface::{Element, Interface, Numbers, Port};
pub use read::{import, read, read_float};
pub use resolve::resolve;
pub use write::{is_writable, is_writable_node, write, write_float};

/// How quantization is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Form {
    /// Operators on int8 tensors: QLinearConv, int8 MaxPool.
    #[default]
    QLinear,
    /// Float operators between QuantizeLinear and DequantizeLinear.
    Qdq,
}
