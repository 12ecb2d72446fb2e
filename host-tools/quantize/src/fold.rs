//! Folds scales and shifts of channels into the convolutions around them.
//!
//! A batch normalization, and a sum or product with one number a channel, is a depthwise
//! convolution of one tap: `y = scale * x + shift`. Behind a convolution that nobody else reads it
//! scales that one's filters. Before convolutions it scales their weights by input channel, and the
//! shift becomes a part of their bias; but not where padding adds zeros that have not been shifted.
//! What can be folded nowhere stays a layer of its own.

use thumbnet_graph::{Conv2d, FloatGraph, FloatWeights, Op, RealOp, TensorId, Window};

/// `graph` with every scale and shift folded away that can be.
///
/// The graph must be valid ([`thumbnet_graph::Graph::validate`]).
pub fn fold_affine(graph: FloatGraph) -> FloatGraph {
    let mut folding = Folding::new(graph);
    for node in 0..folding.graph.nodes.len() {
        folding.fold_into_maker(node);
    }
    for node in (0..folding.graph.nodes.len()).rev() {
        if folding.is_live_affine(node) && folding.readers_allow(node) {
            folding.fold_into_readers(node);
        }
    }
    folding.finish()
}

/// The scales and shifts of a convolution that is nothing else.
pub(crate) fn as_affine(op: &Op<FloatWeights>) -> Option<&FloatWeights> {
    let Op::Conv2d(Conv2d { window, groups, weights }) = op else { return None };
    let channels = weights.bias.len();
    let plain = *window == Window::UNIT && *groups == channels;
    (plain && weights.values.len() == channels).then_some(weights)
}

/// A graph while nodes are taken out of it.
pub(crate) struct Folding {
    pub graph: FloatGraph,
    /// Nodes that are no more.
    removed: Vec<bool>,
    /// Node that makes each tensor.
    makers: Vec<Option<usize>>,
    /// Nodes that read each tensor, once for each time.
    readers: Vec<Vec<usize>>,
}

impl Folding {
    pub fn new(graph: FloatGraph) -> Self {
        let mut makers = vec![None; graph.tensors.len()];
        let mut readers = vec![Vec::new(); graph.tensors.len()];
        for (index, node) in graph.nodes.iter().enumerate() {
            makers[node.output.0] = Some(index);
            node.inputs.iter().for_each(|input| readers[input.0].push(index));
        }
        Self { removed: vec![false; graph.nodes.len()], makers, readers, graph }
    }

    fn is_live_affine(&self, node: usize) -> bool {
        !self.removed[node] && as_affine(&self.graph.nodes[node].op).is_some()
    }

    /// Folds `node` into the convolution that makes its input, if there is one and it may.
    fn fold_into_maker(&mut self, node: usize) {
        let (input, output) = (self.graph.nodes[node].inputs[0], self.graph.nodes[node].output);
        let (Some(affine), Some(maker)) =
            (as_affine(&self.graph.nodes[node].op).cloned(), self.makers[input.0])
        else {
            return;
        };
        let shared = self.readers[input.0].len() != 1 || input == self.graph.output;
        if shared || !scale_outputs(&mut self.graph.nodes[maker].op, &affine) {
            return;
        }
        self.graph.nodes[maker].output = output;
        self.makers[output.0] = Some(maker);
        self.removed[node] = true;
    }

    /// Whether all that read the result of `node` are convolutions that its shift does not change
    /// at their borders.
    fn readers_allow(&self, node: usize) -> bool {
        let Some(affine) = as_affine(&self.graph.nodes[node].op) else { return false };
        let shifts = affine.bias.iter().any(|&shift| shift != 0.0);
        self.reads_by_convolutions(node, |window| {
            !shifts || window.padding == thumbnet_graph::Padding::NONE
        })
    }

    /// Whether all that read the result of `node` are convolutions whose window is `fit`.
    pub fn reads_by_convolutions(&self, node: usize, fit: impl Fn(&Window) -> bool) -> bool {
        let output = self.graph.nodes[node].output;
        let readers = &self.readers[output.0];
        let fits = |&reader: &usize| match &self.graph.nodes[reader].op {
            Op::Conv2d(conv) => fit(&conv.window),
            _ => false,
        };
        output != self.graph.output && !readers.is_empty() && readers.iter().all(fits)
    }

    /// Folds the scales and shifts of `node` into the convolutions that read it.
    pub fn fold_into_readers(&mut self, node: usize) {
        let Some(affine) = as_affine(&self.graph.nodes[node].op).cloned() else { return };
        let (input, output) = (self.graph.nodes[node].inputs[0], self.graph.nodes[node].output);
        let readers = std::mem::take(&mut self.readers[output.0]);
        for &reader in &readers {
            let channels = self.graph.tensor(input).shape.c;
            let node = &mut self.graph.nodes[reader];
            if let Op::Conv2d(conv) = &mut node.op {
                scale_inputs(conv, channels, &affine);
            }
            node.inputs = vec![input];
        }
        self.readers[input.0].retain(|&reader| reader != node);
        self.readers[input.0].extend(readers);
        self.makers[output.0] = None;
        self.removed[node] = true;
    }

    /// The graph without removed nodes and the tensors that only they knew.
    pub fn finish(self) -> FloatGraph {
        let Self { mut graph, removed, .. } = self;
        let mut live = removed.iter().map(|removed| !removed);
        graph.nodes.retain(|_| live.next().unwrap_or(true));
        let mut used = vec![false; graph.tensors.len()];
        used[graph.input.0] = true;
        graph.nodes.iter().for_each(|node| used[node.output.0] = true);
        let mut next = 0;
        let ids: Vec<TensorId> = used
            .iter()
            .map(|&used| {
                let id = TensorId(next);
                next += usize::from(used);
                id
            })
            .collect();
        let mut kept = used.iter();
        graph.tensors.retain(|_| kept.next().copied().unwrap_or(true));
        for node in &mut graph.nodes {
            node.inputs.iter_mut().for_each(|input| *input = ids[input.0]);
            node.output = ids[node.output.0];
        }
        graph.input = ids[graph.input.0];
        graph.output = ids[graph.output.0];
        graph
    }
}

/// Makes the scale and shift of an operation's results a part of it; says whether they can be one.
fn scale_outputs(op: &mut Op<FloatWeights>, affine: &FloatWeights) -> bool {
    match op {
        Op::Conv2d(conv) => scale_filters(&mut conv.weights, affine),
        Op::Real(RealOp::Function(formula)) => {
            let FloatWeights { values, bias } = affine.clone();
            let whole = formula.clone().affine(values, bias);
            // A table for each channel costs more than a layer.
            if whole.channels() != Ok(1) {
                return false;
            }
            *formula = whole;
        }
        _ => return false,
    }
    true
}

/// The weights of a convolution and a scale and shift of its results.
fn scale_filters(weights: &mut FloatWeights, affine: &FloatWeights) {
    let filter = weights.values.len() / weights.bias.len().max(1);
    let channels = weights.values.chunks_exact_mut(filter.max(1)).zip(&mut weights.bias);
    for ((values, bias), (&scale, &shift)) in channels.zip(affine.values.iter().zip(&affine.bias)) {
        values.iter_mut().for_each(|value| *value = product(*value, scale));
        *bias = (f64::from(*bias) * f64::from(scale) + f64::from(shift)) as f32;
    }
}

/// The weights of a convolution of `channels` input channels and a scale and shift of these.
fn scale_inputs(conv: &mut Conv2d<FloatWeights>, channels: usize, affine: &FloatWeights) {
    let (per_group, oc) = (channels / conv.groups, conv.weights.bias.len());
    let filter = per_group * conv.window.taps();
    let filters = conv.weights.values.chunks_exact_mut(filter).zip(&mut conv.weights.bias);
    for (index, (values, bias)) in filters.enumerate() {
        let first = index / (oc / conv.groups) * per_group;
        let mut shifted = 0.0;
        for (at, value) in values.iter_mut().enumerate() {
            let channel = first + at % per_group;
            shifted += f64::from(*value) * f64::from(affine.bias[channel]);
            *value = product(*value, affine.values[channel]);
        }
        *bias = (f64::from(*bias) + shifted) as f32;
    }
}

fn product(a: f32, b: f32) -> f32 {
    (f64::from(a) * f64::from(b)) as f32
}

#[cfg(test)]
mod tests {
    use super::fold_affine;
    use crate::float::Executor;
    use crate::sample::{Builder, pictures};
    use thumbnet_graph::{FloatGraph, Padding, Shape, Window};

    /// f32 sums of some hundred terms near 1.
    const ROUNDING: f32 = 1e-4;

    const SAME: Window = Window {
        padding: Padding { top: 1, left: 1, bottom: 1, right: 1 },
        kernel: [3, 3],
        ..Window::UNIT
    };

    /// Checks that folding leaves `nodes` and the function as it is.
    fn folds(builder: Builder, nodes: &[&str]) {
        let graph = builder.finish();
        let folded = fold_affine(graph.clone());
        folded.validate().unwrap();
        let names: Vec<&str> = folded.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, nodes);
        let picture = pictures(graph.tensor(graph.input).shape, 1, 3);
        let run = |graph: &FloatGraph| {
            let mut values = Executor::new(graph).unwrap().run_picture(&picture).unwrap();
            values.swap_remove(graph.output.0)
        };
        for (a, b) in run(&graph).iter().zip(run(&folded)) {
            assert!((a - b).abs() < ROUNDING, "{a} {b}");
        }
    }

    fn start(channels: usize) -> Builder {
        Builder::new(Shape::new(6, 6, channels), 4)
    }

    #[test]
    fn a_batch_normalization_disappears_in_the_convolution_before_it() {
        let mut builder = start(3);
        builder.window("conv", 4, SAME, 1).affine("bn").affine("more").relu("relu");
        builder.window("depthwise", 8, SAME, 4).affine("bn2").dense("logits", 3);
        folds(builder, &["conv", "relu", "depthwise", "logits"]);
    }

    #[test]
    fn it_disappears_in_the_convolution_behind_it_if_that_has_no_padding() {
        let mut builder = start(4);
        builder.affine("first").window("grouped", 6, Window::square(2, 1), 2).relu("relu");
        builder.affine("bn").window("padded", 4, SAME, 1).relu("relu2").affine("bn2");
        builder.dense("logits", 3);
        folds(builder, &["grouped", "relu", "bn", "padded", "relu2", "logits"]);
    }

    #[test]
    fn it_stays_where_others_read_what_it_reads_or_makes() {
        let mut builder = start(2);
        let skip = builder.window("conv", 2, SAME, 1).here();
        builder.affine("bn").relu("relu").add("add", skip).affine("behind").relu("relu2");
        builder.dense("logits", 3);
        folds(builder, &["conv", "bn", "relu", "add", "behind", "relu2", "logits"]);
    }

    #[test]
    fn one_before_two_convolutions_is_folded_into_both() {
        let mut builder = start(2);
        let normalized = builder.relu("relu").affine("bn").here();
        let left = builder.window("left", 3, Window::UNIT, 1).here();
        builder.goto(normalized).window("right", 3, Window::UNIT, 1).add("add", left);
        builder.affine("last");
        folds(builder, &["relu", "left", "right", "add", "last"]);
    }
}
