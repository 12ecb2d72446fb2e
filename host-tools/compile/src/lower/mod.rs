//! One rule an operation: from nodes of the graph to kernel calls.

mod add;
mod codes;
mod conv2d;
mod pool;
mod requantize;

use crate::call::Call;
use crate::error::CompileError;
use crate::fuse::Group;
use crate::names;
use crate::program::Choice;
use thumbnet_graph::{Int8Graph, Int8Weights, Node, Op, Quantization, Shape, TensorId};

pub(crate) use conv2d::{Kernel, kernel_of};

/// A step before its memory is planned.
#[derive(Clone, Debug)]
pub(crate) struct Lowered {
    /// Name of the last node in it.
    pub name: String,
    /// The kernel call.
    pub call: Call,
    /// Why it is this kernel's.
    pub choice: Choice,
    /// Whether the user has chosen it.
    pub fixed: bool,
    /// Tensors it reads.
    pub inputs: Vec<TensorId>,
    /// The tensor it makes.
    pub output: TensorId,
    /// Multiply-accumulates that the kernel executes.
    pub macs: u64,
    /// Bytes of working memory.
    pub scratch_bytes: usize,
}

/// What every lowering rule needs to know about a group of a valid graph.
struct Site<'a> {
    graph: &'a Int8Graph,
    group: &'a Group,
    head: &'a Node<Int8Weights>,
}

impl Site<'_> {
    fn shape(&self, id: TensorId) -> Shape {
        self.graph.tensor(id).shape
    }

    fn format(&self, id: TensorId) -> Quantization {
        self.graph.tensor(id).format
    }

    fn input(&self) -> TensorId {
        self.head.inputs[0]
    }

    fn output(&self) -> TensorId {
        self.graph.nodes[self.group.tail].output
    }

    /// The head as messages name it.
    fn place(&self) -> String {
        names::node(self.group.head, &self.head.name, self.head.op.name())
    }

    /// The smallest output code: that of real 0 where a ReLU clamps, unless a later clip is below it.
    fn min(&self) -> i8 {
        let [min, max] = self.group.limits;
        match self.head.op {
            Op::Relu => min.max(self.format(self.output()).zero_point).min(max),
            _ => min,
        }
    }

    /// The largest output code.
    fn max(&self) -> i8 {
        self.group.limits[1]
    }

    fn unsupported<T>(&self, problem: &str, remedy: &str) -> Result<T, CompileError> {
        let (node, problem, remedy) = (self.place(), problem.into(), remedy.into());
        Err(CompileError::Unsupported { node, problem, remedy })
    }
}

/// Chooses the kernel of a group and computes its constants.
///
/// # Errors
/// If no kernel computes it exactly, or an accumulator may overflow.
pub(crate) fn lower(graph: &Int8Graph, group: &Group) -> Result<Lowered, CompileError> {
    let head = &graph.nodes[group.head];
    let site = Site { graph, group, head };
    let (call, macs) = match &head.op {
        Op::Conv2d(conv) => conv2d::lower(&site, conv)?,
        Op::MaxPool2d(window) => (pool::lower_max(&site, window), 0),
        Op::AveragePool2d(window) => pool::lower_average(&site, window)?,
        Op::Relu => pool::lower_relu(&site)?,
        Op::Add => (add::lower(&site)?, 0),
        Op::Clip(_) | Op::Real(_) => unreachable!("a valid int8 graph has none of these"),
        Op::Codes(op) => codes::lower(&site, op)?,
    };
    Ok(Lowered {
        name: graph.nodes[group.tail].name.clone(),
        call,
        choice: Choice::default(),
        fixed: false,
        inputs: head.inputs.clone(),
        output: site.output(),
        macs,
        scratch_bytes: 0,
    })
}

/// `a * b * ...`, saturating: a count for people to read.
fn product(factors: &[usize]) -> u64 {
    factors.iter().fold(1, |product: u64, factor| product.saturating_mul(*factor as u64))
}
