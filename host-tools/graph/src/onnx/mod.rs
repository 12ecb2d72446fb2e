//! ONNX files: the one reader and the one writer of the project.

/// How quantization is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Form {
    /// Operators on int8 tensors: QLinearConv, int8 MaxPool.
    #[default]
    QLinear,
    /// Float operators between QuantizeLinear and DequantizeLinear.
    Qdq,
}
