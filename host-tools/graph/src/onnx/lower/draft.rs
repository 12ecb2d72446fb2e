//! The graph while it grows: formats and the input's shape become known on the way.

use super::input_order::channels_last;
use super::precision::Precision;
use super::view::{Piece, View};
use crate::graph::{Graph, Node, Tensor, TensorId};
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawGraph;
use crate::op::Op;
use std::collections::HashMap;
use std::rc::Rc;
use thumbnet_kernels::geometry::Shape;

/// Nodes and tensors so far.
#[derive(Debug)]
pub(crate) struct Draft<P: Precision> {
    tensors: Vec<DraftTensor<P::Format>>,
    nodes: Vec<Node<P>>,
    /// How the input's memory relates to how the file writes it; `None` until a layer says which of
    /// the axes are rows, columns and channels.
    input_layout: Option<Vec<(Piece, usize)>>,
    /// The scales of maps that have one for each channel.
    channel_scales: HashMap<TensorId, Rc<[f32]>>,
    /// What layers make whose file sums in float, in execution order.
    float_sums: Vec<TensorId>,
}

#[derive(Debug)]
struct DraftTensor<F> {
    name: String,
    shape: Option<Shape>,
    format: Option<F>,
    /// Whether views of it are in the strides of the file, as those of the input are.
    like_input: bool,
}

/// The graph's input is always its first tensor.
const INPUT: TensorId = TensorId(0);

impl<P: Precision> Draft<P> {
    /// A graph with nothing but an input of unknown shape and of this format, if that is known.
    pub(crate) fn new(input: &str, format: Option<P::Format>) -> (Self, TensorId) {
        let input = DraftTensor { name: input.to_owned(), shape: None, format, like_input: true };
        (
            Self {
                tensors: vec![input],
                nodes: Vec::new(),
                input_layout: None,
                channel_scales: HashMap::new(),
                float_sums: Vec::new(),
            },
            INPUT,
        )
    }

    /// The input's id.
    pub(crate) fn input(&self) -> TensorId {
        INPUT
    }

    /// Adds a node and the tensor it makes.
    pub(crate) fn emit(
        &mut self,
        node: (String, Op<P>, Vec<TensorId>),
        tensor: (String, Shape, P::Format),
    ) -> TensorId {
        let (name, shape, format) = tensor;
        self.tensors.push(DraftTensor {
            name,
            shape: Some(shape),
            format: Some(format),
            like_input: false,
        });
        let output = TensorId(self.tensors.len() - 1);
        let (name, op, inputs) = node;
        self.nodes.push(Node { name, op, inputs, output });
        output
    }

    /// The node that makes `tensor`; `None` for the input.
    pub(crate) fn maker(&self, tensor: TensorId) -> Option<&Node<P>> {
        // Every node makes one tensor, and the input comes before them all.
        self.nodes.get(tensor.0.checked_sub(1)?)
    }

    /// Says that the file sums in float what `tensor` holds.
    pub(crate) fn set_float_sums(&mut self, tensor: TensorId) {
        self.float_sums.push(tensor);
    }

    /// What layers make whose file sums in float, in execution order.
    pub(crate) fn float_sums(&self) -> &[TensorId] {
        &self.float_sums
    }

    /// Notes that `tensor` has a scale for each channel.
    pub(crate) fn set_channel_scales(&mut self, tensor: TensorId, scales: Rc<[f32]>) {
        self.channel_scales.insert(tensor, scales);
    }

    /// The scales of `tensor`, if it has one for each channel.
    pub(crate) fn channel_scales(&self, tensor: TensorId) -> Option<&Rc<[f32]>> {
        self.channel_scales.get(&tensor)
    }

    /// The shape of `tensor`; `None` while the input's is open.
    pub(crate) fn shape(&self, tensor: TensorId) -> Option<Shape> {
        self.tensors[tensor.0].shape
    }

    /// The format of `tensor`; `None` while the input's is open.
    pub(crate) fn format(&self, tensor: TensorId) -> Option<P::Format> {
        self.tensors[tensor.0].format
    }

    /// The name of `tensor`.
    pub(crate) fn name(&self, tensor: TensorId) -> &str {
        &self.tensors[tensor.0].name
    }

    /// Gives the input its format and the name of its codes, the first time.
    pub(crate) fn set_input_format(&mut self, format: P::Format, name: &str) {
        let input = &mut self.tensors[INPUT.0];
        if input.format.is_none() {
            input.format = Some(format);
            name.clone_into(&mut input.name);
        }
    }

    /// Gives the input its shape: `view`, of rank 4, is read as `[1, c, h, w]`.
    pub(crate) fn bind_input_channels_first(&mut self, view: &View) {
        let dims = view.dims();
        let pieces: Vec<Piece> =
            [2, 3, 1].iter().flat_map(|&axis| view.axis(axis)).copied().collect();
        self.bind_input(Shape::new(dims[2], dims[3], dims[1]), &pieces);
    }

    /// Gives the input its shape from how the file writes it, if no convolution or pool has: rank 4
    /// is a map, channels first unless an operator says otherwise or, if none does, only the last
    /// axis looks like channels; anything else is a vector.
    pub(crate) fn bind_input_by_dims(&mut self, raw: &RawGraph) {
        let dims = raw.input.dims.as_slice();
        let view = View::row_major(dims);
        let looks_last = match *dims {
            [1, c, h, 1 | 3] => c != 1 && c != 3 && h != 1,
            _ => false,
        };
        match *dims {
            [1, _, _, _] if channels_last(raw).unwrap_or(looks_last) => {
                let view = view.transposed(&[0, 3, 1, 2]).expect("a permutation of four axes");
                self.bind_input_channels_first(&view);
            }
            [1, _, _, _] => self.bind_input_channels_first(&view),
            _ => {
                let vector = Piece { size: view.len(), stride: 1 };
                self.bind_input(Shape::new(1, 1, view.len()), &[vector]);
            }
        }
    }

    /// `pieces` of the file's layout, from outer to inner in memory.
    fn bind_input(&mut self, shape: Shape, pieces: &[Piece]) {
        let mut stride = 1;
        let mut layout = Vec::new();
        for &piece in pieces.iter().rev() {
            layout.push((piece, stride));
            stride *= piece.size;
        }
        self.tensors[INPUT.0].shape = Some(shape);
        self.input_layout = Some(layout);
    }

    /// Notes that `tensor` was made of `from` element by element: what is a view of one is one of
    /// the other.
    pub(crate) fn lies_like(&mut self, tensor: TensorId, from: TensorId) {
        self.tensors[tensor.0].like_input = self.tensors[from.0].like_input;
    }

    /// `view` of `tensor`, whose shape is known, in strides of memory.
    pub(crate) fn memory_view(&self, tensor: TensorId, view: &View) -> Option<View> {
        match &self.input_layout {
            Some(layout) if self.tensors[tensor.0].like_input => view.relaid(layout),
            _ => Some(view.clone()),
        }
    }

    /// The graph, whose output is `output`, and how the file's input lies in its input's memory.
    pub(crate) fn finish(
        mut self,
        output: TensorId,
        raw: &RawGraph,
    ) -> Result<(Graph<P, P::Format>, View), OnnxError> {
        if self.tensors[INPUT.0].shape.is_none() {
            self.bind_input_by_dims(raw);
        }
        let input_view = self.memory_view(INPUT, &View::row_major(&raw.input.dims));
        let tensors = self.tensors.into_iter().map(|tensor| {
            let (shape, format) = tensor.shape.zip(tensor.format)?;
            Some(Tensor { name: tensor.name, shape, format })
        });
        let graph = tensors.collect::<Option<Vec<_>>>().map(|tensors| Graph {
            tensors,
            nodes: self.nodes,
            input: INPUT,
            output,
            metadata: raw.metadata.clone(),
        });
        graph.zip(input_view).ok_or_else(|| OnnxError::Interface {
            file: raw.file.clone(),
            reason: "no node says which scale and zero point the input has".to_owned(),
            rewrite: "quantize the first layer".to_owned(),
        })
    }
}
