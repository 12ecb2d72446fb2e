//! Which nodes run as one kernel call.
//!
//! A convolution takes the ReLU and the max pool behind it into its own loop: the ReLU is the lower clamp of
//! the requantization, and because requantization is monotone, the largest accumulator of a pool window
//! requantizes to the largest output. The map between the two never exists in memory.

use crate::lower::{self, Kernel};
use thumbnet_graph::{CodesOp, Int8Graph, Op, Padding, Window};

/// Nodes that become one step: a head, and what is fused behind it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    /// Index of the node that computes.
    pub head: usize,
    /// Smallest and largest code: activation functions clamp its result.
    pub limits: [i8; 2],
    /// A max pool over its result, or [`Window::UNIT`].
    pub pool: Window,
    /// Index of the node whose output the group makes.
    pub tail: usize,
    /// Indices of all its nodes.
    pub nodes: Vec<usize>,
}

/// Groups the nodes of a valid graph, in execution order. Without `fuse`, each node is its own group.
pub(crate) fn group(graph: &Int8Graph, fuse: bool) -> Vec<Group> {
    let consumers = consumers(graph);
    let mut taken = vec![false; graph.nodes.len()];
    let mut groups = Vec::new();
    for head in 0..graph.nodes.len() {
        if taken[head] {
            continue;
        }
        let mut group = Group {
            head,
            limits: [i8::MIN, i8::MAX],
            pool: Window::UNIT,
            tail: head,
            nodes: vec![head],
        };
        while fuse && let Some(next) = fusible(graph, &consumers, &group) {
            taken[next] = true;
            extend(graph, &mut group, next);
        }
        groups.push(group);
    }
    groups
}

/// The nodes that read each tensor; a node that reads it twice is listed twice.
fn consumers(graph: &Int8Graph) -> Vec<Vec<usize>> {
    let mut consumers = vec![Vec::new(); graph.tensors.len()];
    for (index, node) in graph.nodes.iter().enumerate() {
        for input in &node.inputs {
            consumers[input.0].push(index);
        }
    }
    consumers
}

/// The node that can join `group`, if its result goes there and nowhere else and keeps its number format.
fn fusible(graph: &Int8Graph, consumers: &[Vec<usize>], group: &Group) -> Option<usize> {
    let result = graph.nodes[group.tail].output;
    let &[next] = consumers[result.0].as_slice() else { return None };
    let node = &graph.nodes[next];
    let same_format = graph.tensor(result).format == graph.tensor(node.output).format;
    if result == graph.output || !same_format {
        return None;
    }
    let joins = match &node.op {
        Op::Relu | Op::Codes(CodesOp::Clip(_)) => takes_clamp(&graph.nodes[group.head].op),
        Op::MaxPool2d(window) => {
            group.pool == Window::UNIT && separate(window) && takes_pool(graph, group.head)
        }
        Op::Conv2d(_)
        | Op::AveragePool2d(_)
        | Op::Add
        | Op::Clip(_)
        | Op::Codes(_)
        | Op::Real(_) => false,
    };
    joins.then_some(next)
}

fn extend(graph: &Int8Graph, group: &mut Group, next: usize) {
    match &graph.nodes[next].op {
        Op::MaxPool2d(window) => group.pool = *window,
        Op::Codes(CodesOp::Clip([min, max])) => {
            group.limits = group.limits.map(|limit| limit.max(*min).min(*max));
        }
        _ => {
            let zero_point = graph.tensor(graph.nodes[next].output).format.zero_point;
            group.limits = group.limits.map(|limit| limit.max(zero_point));
        }
    }
    group.tail = next;
    group.nodes.push(next);
}

/// Whether the kernel of `op` clamps its output.
fn takes_clamp<W>(op: &Op<W>) -> bool {
    match op {
        Op::Codes(op) => {
            matches!(op, CodesOp::Mean(_) | CodesOp::Combine(_) | CodesOp::Lookup(_))
        }
        Op::MaxPool2d(_) | Op::Clip(_) | Op::Real(_) => false,
        Op::Conv2d(_) | Op::AveragePool2d(_) | Op::Add | Op::Relu => true,
    }
}

/// Whether the kernel of node `head` can pool its output.
fn takes_pool(graph: &Int8Graph, head: usize) -> bool {
    let node = &graph.nodes[head];
    match &node.op {
        Op::Conv2d(conv) => {
            lower::kernel_of(conv, graph.tensor(node.inputs[0]).shape) == Kernel::Conv2d
        }
        _ => false,
    }
}

/// Windows that share no input, so that no accumulator is computed twice.
fn separate(window: &Window) -> bool {
    let along = |axis: usize| window.stride[axis] >= window.kernel[axis];
    window.padding == Padding::NONE && window.dilation == [1, 1] && along(0) && along(1)
}
