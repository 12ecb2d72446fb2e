//! From the nodes of a float network to the layers an int8 network has: ReLU and Clip become the
//! saturation of the layer before them, an average becomes a convolution.

use thumbnet_graph::{FloatGraph, FloatWeights, Node, Op, TensorId, Window};

/// What an int8 layer computes.
#[derive(Clone, Debug)]
pub(crate) enum Kind<'a> {
    /// Convolution with trained weights.
    Conv2d { window: Window, groups: usize, weights: &'a FloatWeights },
    /// Depthwise convolution, each weight the same value: an average has `1 / taps`, a copy 1.
    Sum { window: Window, weight: f64 },
    /// Max pool.
    MaxPool2d(Window),
    /// Sum of two maps.
    Add,
}

/// No limits.
pub(crate) const UNLIMITED: [f64; 2] = [f64::NEG_INFINITY, f64::INFINITY];

/// One int8 layer over the tensors of the float graph.
#[derive(Clone, Debug)]
pub(crate) struct Layer<'a> {
    /// Name of the float node.
    pub name: &'a str,
    /// What it computes.
    pub kind: Kind<'a>,
    /// One tensor, two for an add.
    pub inputs: Vec<TensorId>,
    /// The tensor it makes; that of the activation function if one was taken in.
    pub output: TensorId,
    /// Between which values results are clamped; infinite for no limit.
    pub limits: [f64; 2],
}

impl Layer<'_> {
    /// The operation's name in the ONNX file.
    pub fn op_name(&self) -> &'static str {
        match self.kind {
            Kind::Conv2d { .. } | Kind::Sum { .. } => "Conv",
            Kind::MaxPool2d(_) => "MaxPool",
            Kind::Add => "Add",
        }
    }

    /// Clamps the results, after what clamps them already.
    fn limit(&mut self, [low, high]: [f64; 2]) {
        self.limits = self.limits.map(|limit| limit.min(high).max(low));
    }
}

/// The layers of a checked graph, in execution order.
pub(crate) fn lower(graph: &FloatGraph) -> Vec<Layer<'_>> {
    let readers = Readers::of(graph);
    let mut layers: Vec<Layer> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        match &node.op {
            Op::Conv2d(conv) => layers.push(layer(
                node,
                Kind::Conv2d { window: conv.window, groups: conv.groups, weights: &conv.weights },
            )),
            Op::AveragePool2d(window) => {
                let weight = 1.0 / window.taps() as f64;
                layers.push(layer(node, Kind::Sum { window: *window, weight }));
            }
            Op::MaxPool2d(window) => layers.push(layer(node, Kind::MaxPool2d(*window))),
            Op::Add => layers.push(layer(node, Kind::Add)),
            Op::Relu => clamp(&mut layers, node, [0.0, f64::INFINITY], &readers),
            Op::Clip(limits) => clamp(&mut layers, node, limits.map(f64::from), &readers),
            Op::Codes(_) => unreachable!("a valid float graph has none of these"),
        }
    }
    layers
}

fn layer<'a>(node: &'a Node<FloatWeights>, kind: Kind<'a>) -> Layer<'a> {
    Layer {
        name: &node.name,
        kind,
        inputs: node.inputs.clone(),
        output: node.output,
        limits: UNLIMITED,
    }
}

/// Who reads the tensors of a graph.
struct Readers {
    /// How many nodes read each tensor; the graph's output counts as read.
    count: Vec<usize>,
    /// Whether an add is among them.
    by_add: Vec<bool>,
}

impl Readers {
    fn of(graph: &FloatGraph) -> Self {
        let mut count = vec![0; graph.tensors.len()];
        let mut by_add = vec![false; graph.tensors.len()];
        count[graph.output.0] += 1;
        for node in &graph.nodes {
            for input in &node.inputs {
                count[input.0] += 1;
                by_add[input.0] |= matches!(node.op, Op::Add);
            }
        }
        Self { count, by_add }
    }
}

/// Adds the activation function `node`: to the layer before it where that is possible, or through
/// max pools to the layer before them (the largest of clamped values is the clamped largest). It is
/// not where something else reads the unclamped values.
///
/// A map with an upper limit has a scale that ends there, one that is added or a sum has a power of
/// two: what is both gets a layer between the two.
fn clamp<'a>(
    layers: &mut Vec<Layer<'a>>,
    node: &'a Node<FloatWeights>,
    limits: [f64; 2],
    readers: &Readers,
) {
    let copy = layer(node, Kind::Sum { window: Window::UNIT, weight: 1.0 });
    let is_bounded = limits[1].is_finite();
    match before_pools(layers, node.inputs[0], readers) {
        None => layers.push(Layer { limits, ..copy }),
        Some([_, clamped]) if is_bounded && matches!(layers[clamped].kind, Kind::Add) => {
            layers.push(Layer { limits, ..copy });
        }
        Some([_, clamped]) if is_bounded && readers.by_add[node.output.0] => {
            layers[clamped].limit(limits);
            layers.push(copy);
        }
        Some([last, clamped]) => {
            layers[clamped].limit(limits);
            layers[last].output = node.output;
        }
    }
}

/// The layer that makes `tensor`, and the one before the max pools that it ends, if nothing else
/// reads what they make.
fn before_pools(layers: &[Layer], tensor: TensorId, readers: &Readers) -> Option<[usize; 2]> {
    let last = sole_maker(layers, tensor, readers)?;
    let mut clamped = last;
    while matches!(layers[clamped].kind, Kind::MaxPool2d(_)) {
        clamped = sole_maker(layers, layers[clamped].inputs[0], readers)?;
    }
    Some([last, clamped])
}

/// The layer that makes `tensor`, if exactly one node reads it.
fn sole_maker(layers: &[Layer], tensor: TensorId, readers: &Readers) -> Option<usize> {
    let maker = layers.iter().rposition(|layer| layer.output == tensor)?;
    (readers.count[tensor.0] == 1).then_some(maker)
}

#[cfg(test)]
mod tests {
    use super::{Kind, UNLIMITED, lower};
    use crate::sample::Builder;
    use thumbnet_graph::{Shape, Window};

    #[test]
    fn relu_moves_into_the_convolution_before_a_pool() {
        let mut builder = Builder::new(Shape::new(6, 6, 1), 1);
        builder.conv2d("c", 4, 3).max_pool2d("p", 2).relu("r");
        let graph = builder.finish();
        let layers = lower(&graph);
        assert_eq!(layers.len(), 2);
        assert_eq!(layers[0].limits, [0.0, f64::INFINITY]);
        assert_eq!(layers[1].limits, UNLIMITED);
        assert_eq!(layers[1].output, graph.output);
    }

    #[test]
    fn a_clip_between_a_convolution_and_an_add_is_a_layer() {
        let mut builder = Builder::new(Shape::new(6, 6, 2), 1);
        let skip = builder.conv2d("c", 2, 1).clip("clip", [0.0, 6.0]).here();
        builder.conv2d("d", 2, 1).add("add", skip).clip("clip2", [0.0, 6.0]);
        let graph = builder.finish();
        let layers = lower(&graph);
        let names: Vec<&str> = layers.iter().map(|layer| layer.name).collect();
        assert_eq!(names, ["c", "clip", "d", "add", "clip2"]);
        let limits: Vec<[f64; 2]> = layers.iter().map(|layer| layer.limits).collect();
        let clip = [0.0, 6.0];
        assert_eq!(limits, [clip, UNLIMITED, UNLIMITED, UNLIMITED, clip]);
    }

    #[test]
    fn relu_stays_where_others_read_its_input() {
        let mut builder = Builder::new(Shape::new(6, 6, 2), 1);
        let plain = builder.conv2d("c", 2, 1).here();
        builder.relu("r").add("a", plain);
        let graph = builder.finish();
        let layers = lower(&graph);
        assert_eq!(layers.len(), 3);
        assert_eq!(layers[0].limits, UNLIMITED);
        assert_eq!(layers[1].limits, [0.0, f64::INFINITY]);
        assert!(matches!(layers[1].kind, Kind::Sum { window: Window::UNIT, weight: 1.0 }));
    }
}
