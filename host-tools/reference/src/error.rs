//! What can go wrong between an ONNX file and its comparison.

use thumbnet_compile::CompileError;
use thumbnet_graph::onnx::OnnxError;
use thumbnet_kernels::geometry::Shape;
use thumbnet_simulate::SimulateError;

/// Why a file cannot be run or compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// The model cannot be read.
    #[error("{file}: {source}")]
    Io {
        /// The file.
        file: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The bytes are no ONNX model.
    #[error(
        "{file}: not an ONNX model ({reason}); give a file written by 'thumbnet export' or another ONNX exporter"
    )]
    NotOnnx {
        /// The file.
        file: String,
        /// What the decoder says.
        reason: String,
    },
    /// tract cannot read, type or optimize the model; the reason names the node.
    #[error("{file}: tract cannot {step} the model: {reason}")]
    Tract {
        /// The file.
        file: String,
        /// `read`, `type`, `declutter`, `optimize`, `plan` or `run`.
        step: &'static str,
        /// tract's own words, which name the node.
        reason: String,
    },
    /// tract has no such operator: other tools' files may have operators of com.microsoft.
    #[error(
        "{file}: tract has no operator {op} (node '{node}'), so nothing can be compared with it; compare with onnxruntime \
         instead, from the outputs of 'thumbnet run'"
    )]
    NotInTract {
        /// The file.
        file: String,
        /// The node.
        node: String,
        /// Its operator.
        op: String,
    },
    /// The model's input is of no kind that a picture can be written to.
    #[error(
        "{file}: input '{tensor}' is {found}; the comparison needs one int8, uint8 or float input of fixed height, width and channels"
    )]
    Input {
        /// The file.
        file: String,
        /// The graph input, or the inputs.
        tensor: String,
        /// What it is instead.
        found: String,
    },
    /// The model has no int8 tensor of this name.
    #[error(
        "{file}: tensor '{tensor}' of step '{step}' is not an int8 tensor of the file, so that step cannot be compared; compile the file that is compared"
    )]
    NoSuchTensor {
        /// The file.
        file: String,
        /// The tensor.
        tensor: String,
        /// The step that makes it in the compiled program.
        step: String,
    },
    /// A tensor has another shape than the compiled program gives it.
    #[error(
        "{file}: tensor '{tensor}' is {found:?} in the file, which does not hold [{}, {}, {}]; \
         compile the file that is compared",
        expected.h, expected.w, expected.c
    )]
    Shape {
        /// The file.
        file: String,
        /// The tensor.
        tensor: String,
        /// Its dimensions in the file, without the batch.
        found: Vec<usize>,
        /// `[h, w, c]` in the program.
        expected: Shape,
    },
    /// An input has the wrong number of bytes.
    #[error("{file}: the input '{tensor}' takes {expected} values a picture, got {found}")]
    InputLength {
        /// The file.
        file: String,
        /// The graph input.
        tensor: String,
        /// Values of one picture.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// The emulator's firmware was not generated from the file as it was read, or not by this compiler.
    #[error(
        "{file}: the firmware has another digest or other layers; leave the file alone meanwhile, \
         and build thumbnet and firmware from the same sources"
    )]
    OtherFirmware {
        /// The model.
        file: String,
    },
    /// Our reader refuses the file.
    #[error(transparent)]
    Onnx(Box<OnnxError>),
    /// Our compiler refuses the model.
    #[error(transparent)]
    Compile(Box<CompileError>),
    /// The firmware cannot be built or run in the emulator, or an array cannot be read or written.
    #[error(transparent)]
    Simulate(Box<SimulateError>),
}

impl From<OnnxError> for ReferenceError {
    fn from(error: OnnxError) -> Self {
        Self::Onnx(Box::new(error))
    }
}

impl From<CompileError> for ReferenceError {
    fn from(error: CompileError) -> Self {
        Self::Compile(Box::new(error))
    }
}

impl From<SimulateError> for ReferenceError {
    fn from(error: SimulateError) -> Self {
        Self::Simulate(Box::new(error))
    }
}
