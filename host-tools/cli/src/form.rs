//! The forms of a quantized ONNX file, as arguments name them.

use clap::ValueEnum;
use thumbnet_graph::onnx::Form;

/// How quantization is written.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum FormName {
    /// QLinearConv, int8 MaxPool.
    Qlinear,
    /// QuantizeLinear and DequantizeLinear around float operators.
    Qdq,
}

impl From<FormName> for Form {
    fn from(name: FormName) -> Self {
        match name {
            FormName::Qlinear => Self::QLinear,
            FormName::Qdq => Self::Qdq,
        }
    }
}
