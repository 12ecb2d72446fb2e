//! From the nodes of a float network to the layers an int8 network has: ReLU becomes the saturation
//! of the layer before it, an average becomes a convolution.

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

/// One int8 layer over the tensors of the float graph.
#[derive(Clone, Debug)]
pub(crate) struct Layer<'a> {
    /// Name of the float node.
    pub name: &'a str,
    /// What it computes.
    pub kind: Kind<'a>,
    /// One tensor, two for an add.
    pub inputs: Vec<TensorId>,
    /// The tensor it makes; that of the ReLU if one was taken in.
    pub output: TensorId,
    /// Whether negative results become 0.
    pub relu: bool,
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
}

/// The layers of a checked graph, in execution order.
pub(crate) fn lower(graph: &FloatGraph) -> Vec<Layer<'_>> {
    let readers = count_readers(graph);
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
            Op::Relu => {
                if !take_in_relu(&mut layers, node, &readers) {
                    let kind = Kind::Sum { window: Window::UNIT, weight: 1.0 };
                    layers.push(Layer { relu: true, ..layer(node, kind) });
                }
            }
        }
    }
    layers
}

fn layer<'a>(node: &'a Node<FloatWeights>, kind: Kind<'a>) -> Layer<'a> {
    Layer { name: &node.name, kind, inputs: node.inputs.clone(), output: node.output, relu: false }
}

/// How many nodes read each tensor; the graph's output counts as read.
fn count_readers(graph: &FloatGraph) -> Vec<usize> {
    let mut readers = vec![0; graph.tensors.len()];
    readers[graph.output.0] += 1;
    for input in graph.nodes.iter().flat_map(|node| &node.inputs) {
        readers[input.0] += 1;
    }
    readers
}

/// Gives the ReLU `node` to the layer that makes its input, or through max pools to the layer
/// before them (the largest of clamped values is the clamped largest). Not possible where something
/// else reads the unclamped values.
fn take_in_relu(layers: &mut [Layer], node: &Node<FloatWeights>, readers: &[usize]) -> bool {
    let Some(last) = sole_maker(layers, node.inputs[0], readers) else { return false };
    let mut clamped = last;
    while matches!(layers[clamped].kind, Kind::MaxPool2d(_)) {
        let Some(before) = sole_maker(layers, layers[clamped].inputs[0], readers) else {
            return false;
        };
        clamped = before;
    }
    layers[clamped].relu = true;
    layers[last].output = node.output;
    true
}

/// The layer that makes `tensor`, if exactly one node reads it.
fn sole_maker(layers: &[Layer], tensor: TensorId, readers: &[usize]) -> Option<usize> {
    let maker = layers.iter().rposition(|layer| layer.output == tensor)?;
    (readers[tensor.0] == 1).then_some(maker)
}

#[cfg(test)]
mod tests {
    use super::{Kind, lower};
    use crate::sample::Builder;
    use thumbnet_graph::{Shape, Window};

    #[test]
    fn relu_moves_into_the_convolution_before_a_pool() {
        let mut builder = Builder::new(Shape::new(6, 6, 1), 1);
        builder.conv2d("c", 4, 3).max_pool2d("p", 2).relu("r");
        let graph = builder.finish();
        let layers = lower(&graph);
        assert_eq!(layers.len(), 2);
        assert!(layers[0].relu && !layers[1].relu);
        assert_eq!(layers[1].output, graph.output);
    }

    #[test]
    fn relu_stays_where_others_read_its_input() {
        let mut builder = Builder::new(Shape::new(6, 6, 2), 1);
        let plain = builder.conv2d("c", 2, 1).here();
        builder.relu("r").add("a", plain);
        let graph = builder.finish();
        let layers = lower(&graph);
        assert_eq!(layers.len(), 3);
        assert!(!layers[0].relu);
        assert!(layers[1].relu);
        assert!(matches!(layers[1].kind, Kind::Sum { window: Window::UNIT, weight: 1.0 }));
    }
}
