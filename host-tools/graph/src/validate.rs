//! Whether a graph is what its documentation promises: the one check between any producer and any
//! consumer.

use crate::graph::{FloatGraph, Graph, Int8Graph, Node, Quantization, TensorId};
use crate::op::{Int8Weights, Op, Weights};
use crate::shape::{checked_len, show};

/// Why a graph is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// An id without a tensor.
    #[error("{user} refers to tensor {tensor}, but there are only {tensors}; add the tensor first")]
    NoSuchTensor {
        /// Who refers to it.
        user: String,
        /// The id.
        tensor: usize,
        /// How many tensors there are.
        tensors: usize,
    },
    /// A tensor that nothing has made yet where it is read.
    #[error("{user} reads tensor '{tensor}' before anything has made it; reorder the nodes")]
    Undefined {
        /// Who reads it.
        user: String,
        /// Its name.
        tensor: String,
    },
    /// A tensor that is made twice, or made though it is the input.
    #[error("node '{node}' makes tensor '{tensor}', which exists already; make another")]
    Redefined {
        /// The second maker.
        node: String,
        /// The tensor's name.
        tensor: String,
    },
    /// A tensor that nothing makes.
    #[error("nothing makes tensor '{tensor}'; remove it")]
    Orphan {
        /// Its name.
        tensor: String,
    },
    /// A shape without elements or with too many.
    #[error(
        "tensor '{tensor}' has shape {shape}; make every side at least 1, but no larger than needed"
    )]
    EmptyShape {
        /// The tensor's name.
        tensor: String,
        /// Its shape.
        shape: String,
    },
    /// An operation that does not accept its inputs.
    #[error("node '{node}' ({op}) does not work: {reason}")]
    Operation {
        /// The node's name.
        node: String,
        /// Its operation.
        op: &'static str,
        /// In words.
        reason: String,
    },
    /// An output tensor of another shape than the operation makes.
    #[error(
        "node '{node}' makes shape {made}, but its output tensor says {declared}; correct the tensor"
    )]
    WrongShape {
        /// The node's name.
        node: String,
        /// What the operation makes.
        made: String,
        /// What the tensor says.
        declared: String,
    },
    /// A scale that is not a positive normal number.
    #[error("{of} has scale {scale}; a scale must be positive, finite and not denormal")]
    BadScale {
        /// Whose scale.
        of: String,
        /// As printed, so that NaN compares.
        scale: String,
    },
    /// A bias whose length is not the number of output channels.
    #[error("node '{node}' has {bias} biases for {channels} output channels; give one a channel")]
    BiasLength {
        /// The node's name.
        node: String,
        /// Number of bias values.
        bias: usize,
        /// Number of output channels.
        channels: usize,
    },
    /// An operation on codes whose output has another number format than its input.
    #[error(
        "node '{node}' ({op}) copies codes, but its output has another scale or zero point than its \
         input; give both the same"
    )]
    FormatChanged {
        /// The node's name.
        node: String,
        /// Its operation.
        op: &'static str,
    },
}

impl FloatGraph {
    /// Checks ids, order, shapes and numbers of weights.
    ///
    /// # Errors
    /// Names the first node or tensor that breaks a rule.
    pub fn validate(&self) -> Result<(), GraphError> {
        structure(self)?;
        match self.nodes.iter().find(|node| matches!(node.op, Op::Codes(_))) {
            None => Ok(()),
            Some(node) => Err(GraphError::Operation {
                node: node.name.clone(),
                op: node.op.name(),
                reason: "it works on codes, of which a float graph has none".to_owned(),
            }),
        }
    }
}

impl Int8Graph {
    /// Checks ids, order, shapes, numbers of weights, and scales.
    ///
    /// # Errors
    /// Names the first node or tensor that breaks a rule.
    pub fn validate(&self) -> Result<(), GraphError> {
        structure(self)?;
        for tensor in &self.tensors {
            check_scale(tensor.format.scale, || format!("tensor '{}'", tensor.name))?;
        }
        self.nodes.iter().try_for_each(|node| numbers(self, node))
    }
}

/// Whether `scale` can be divided by and leaves no surprise: positive, finite, not denormal.
pub(crate) fn is_scale(scale: f32) -> bool {
    scale.is_normal() && scale > 0.0
}

fn check_scale(scale: f32, of: impl Fn() -> String) -> Result<(), GraphError> {
    if is_scale(scale) {
        return Ok(());
    }
    Err(GraphError::BadScale { of: of(), scale: scale.to_string() })
}

fn structure<W: Weights, F>(graph: &Graph<W, F>) -> Result<(), GraphError> {
    let mut defined = vec![false; graph.tensors.len()];
    let exists = |id: TensorId, user: &dyn Fn() -> String| {
        let tensors = graph.tensors.len();
        if id.0 < tensors {
            return Ok(());
        }
        Err(GraphError::NoSuchTensor { user: user(), tensor: id.0, tensors })
    };
    for tensor in &graph.tensors {
        if checked_len(tensor.shape).is_none() {
            let shape = show(tensor.shape);
            return Err(GraphError::EmptyShape { tensor: tensor.name.clone(), shape });
        }
    }
    exists(graph.input, &|| "the graph's input".to_owned())?;
    exists(graph.output, &|| "the graph's output".to_owned())?;
    defined[graph.input.0] = true;
    for node in &graph.nodes {
        let user = || format!("node '{}'", node.name);
        for &id in &node.inputs {
            exists(id, &user)?;
            if !defined[id.0] {
                let tensor = graph.tensor(id).name.clone();
                return Err(GraphError::Undefined { user: user(), tensor });
            }
        }
        exists(node.output, &user)?;
        if std::mem::replace(&mut defined[node.output.0], true) {
            let tensor = graph.tensor(node.output).name.clone();
            return Err(GraphError::Redefined { node: node.name.clone(), tensor });
        }
        operation(graph, node)?;
    }
    match defined.iter().position(|defined| !defined) {
        Some(index) => Err(GraphError::Orphan { tensor: graph.tensors[index].name.clone() }),
        None => Ok(()),
    }
}

fn operation<W: Weights, F>(graph: &Graph<W, F>, node: &Node<W>) -> Result<(), GraphError> {
    let shapes: Vec<_> = node.inputs.iter().map(|&id| graph.tensor(id).shape).collect();
    let made = node.op.output_shape(&shapes).map_err(|reason| GraphError::Operation {
        node: node.name.clone(),
        op: node.op.name(),
        reason,
    })?;
    let declared = graph.tensor(node.output).shape;
    if made == declared {
        return Ok(());
    }
    Err(GraphError::WrongShape {
        node: node.name.clone(),
        made: show(made),
        declared: show(declared),
    })
}

fn numbers(graph: &Int8Graph, node: &Node<Int8Weights>) -> Result<(), GraphError> {
    let input: Quantization = graph.tensor(node.inputs[0]).format;
    match &node.op {
        Op::Conv2d(conv) => {
            let (bias, channels) = (conv.weights.bias.len(), conv.weights.channels());
            if bias != channels {
                return Err(GraphError::BiasLength { node: node.name.clone(), bias, channels });
            }
            for (channel, &scale) in conv.weights.scales.iter().enumerate() {
                let of =
                    |what: &str| format!("{what} of channel {channel} of node '{}'", node.name);
                check_scale(scale, || of("the weights"))?;
                check_scale(scale * input.scale, || of("the bias"))?;
            }
            Ok(())
        }
        Op::Codes(op) if op.copies_codes() => {
            let output = graph.tensor(node.output).format;
            if node.inputs.iter().all(|&id| graph.tensor(id).format == output) {
                return Ok(());
            }
            Err(GraphError::FormatChanged { node: node.name.clone(), op: node.op.name() })
        }
        Op::MaxPool2d(_) | Op::Relu if graph.tensor(node.output).format != input => {
            Err(GraphError::FormatChanged { node: node.name.clone(), op: node.op.name() })
        }
        Op::MaxPool2d(_) | Op::Relu | Op::AveragePool2d(_) | Op::Add | Op::Codes(_) => Ok(()),
        Op::Clip(_) | Op::Real(_) => Err(GraphError::Operation {
            node: node.name.clone(),
            op: node.op.name(),
            reason: "it works on real numbers, of which an int8 graph has none".to_owned(),
        }),
    }
}
