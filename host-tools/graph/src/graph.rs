//! The graph: tensors, nodes in execution order, and what the model says about itself.

use crate::op::{FloatWeights, Int8Weights, Op};
use thumbnet_kernels::geometry::Shape;
use thumbnet_kernels::preprocessing::Preprocessing;

/// A network before quantization: f32 weights, tensors without a format.
pub type FloatGraph = Graph<FloatWeights, ()>;

/// A quantized network: int8 weights, every tensor with scale and zero point.
pub type Int8Graph = Graph<Int8Weights, Quantization>;

/// A network: nodes in execution order over tensors. `W` are the weights of its convolutions, `F`
/// is the number format of its tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph<W, F> {
    /// All tensors; a [`TensorId`] is an index.
    pub tensors: Vec<Tensor<F>>,
    /// In execution order: each input is the graph's input or an earlier node's output.
    pub nodes: Vec<Node<W>>,
    /// The one input.
    pub input: TensorId,
    /// The logits, before any softmax.
    pub output: TensorId,
    /// Labels, preprocessing, origin.
    pub metadata: Metadata,
}

/// Index of a tensor in [`Graph::tensors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TensorId(pub usize);

/// One activation map.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<F> {
    /// Name, as in the ONNX file; may be empty or hostile when the file is someone else's.
    pub name: String,
    /// `[h, w, c]`, batch 1.
    pub shape: Shape,
    /// Number format: `()` or [`Quantization`].
    pub format: F,
}

/// `real = scale * (code - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantization {
    /// Positive and finite.
    pub scale: f32,
    /// Code of real 0.
    pub zero_point: i8,
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Node<W> {
    /// Name, as in the ONNX file.
    pub name: String,
    /// What it computes.
    pub op: Op<W>,
    /// One tensor; two for [`Op::Add`], several where maps are joined.
    pub inputs: Vec<TensorId>,
    /// The tensor it makes.
    pub output: TensorId,
}

/// What a model says about itself; kept in the ONNX file's metadata.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// Name of the model.
    pub name: String,
    /// Class names in the order of the logits; empty if unknown.
    pub labels: Vec<String>,
    /// How a picture becomes the input; `None` if unknown.
    pub preprocessing: Option<Preprocessing>,
    /// Tool and version that wrote the model, e.g. `thumbnet 0.1.0`.
    pub producer: String,
    /// What logits are divided by before a softmax, so that its confidence can be believed; `None` for 1.
    pub temperature: Option<f32>,
}

impl<W, F> Graph<W, F> {
    /// The tensor with this id.
    pub fn tensor(&self, id: TensorId) -> &Tensor<F> {
        &self.tensors[id.0]
    }

    /// Adds a tensor and returns its id.
    pub fn add_tensor(&mut self, tensor: Tensor<F>) -> TensorId {
        self.tensors.push(tensor);
        TensorId(self.tensors.len() - 1)
    }
}
