//! Execution order without recursion, and what the output depends on.

use super::RawNode;
use crate::onnx::error::OnnxError;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// Indices of `nodes` so that each comes after the makers of its inputs; the file's own order
/// wherever that is one already. `makers` says which node makes a value.
pub(crate) fn execution_order(
    nodes: &[RawNode],
    makers: &HashMap<&str, usize>,
    file: &str,
) -> Result<Vec<usize>, OnnxError> {
    let needs = |node: &RawNode| -> Vec<usize> { inputs_of(node, makers).collect() };
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut missing: Vec<usize> = Vec::with_capacity(nodes.len());
    for (index, node) in nodes.iter().enumerate() {
        let needs = needs(node);
        missing.push(needs.len());
        needs.into_iter().for_each(|maker| readers[maker].push(index));
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..nodes.len()).filter(|&index| missing[index] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse(index)) = ready.pop() {
        order.push(index);
        for &reader in &readers[index] {
            missing[reader] -= 1;
            if missing[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    if order.len() == nodes.len() {
        return Ok(order);
    }
    let place = nodes[node_on_cycle(nodes, makers, &missing)].place(file);
    Err(OnnxError::Cycle { place })
}

/// Follows nodes that wait for inputs from maker to maker until it comes back to one: that one is
/// on a cycle.
fn node_on_cycle(nodes: &[RawNode], makers: &HashMap<&str, usize>, missing: &[usize]) -> usize {
    let mut visited = vec![false; nodes.len()];
    let mut node = missing.iter().position(|&missing| missing > 0).unwrap_or(0);
    while !std::mem::replace(&mut visited[node], true) {
        let waits_for = inputs_of(&nodes[node], makers).find(|&maker| missing[maker] > 0);
        node = waits_for.unwrap_or(node);
    }
    node
}

/// For each node, whether value `output` depends on it.
pub(crate) fn live(nodes: &[RawNode], makers: &HashMap<&str, usize>, output: &str) -> Vec<bool> {
    let mut live = vec![false; nodes.len()];
    let mut pending: Vec<usize> = makers.get(output).copied().into_iter().collect();
    while let Some(index) = pending.pop() {
        if !std::mem::replace(&mut live[index], true) {
            pending.extend(inputs_of(&nodes[index], makers));
        }
    }
    live
}

/// The makers of a node's inputs; constants and the graph's input have none.
fn inputs_of<'a>(
    node: &'a RawNode,
    makers: &'a HashMap<&str, usize>,
) -> impl Iterator<Item = usize> + 'a {
    node.inputs.iter().flatten().filter_map(|input| makers.get(input.as_str()).copied())
}
