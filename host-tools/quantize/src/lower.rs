//! From the nodes of a float network to the layers an int8 network has: ReLU and Clip become the
//! saturation of the layer before them, an average becomes a convolution.

use crate::formats::Format;
use thumbnet_graph::{FloatGraph, FloatWeights, Node, Op, RealOp, TensorId, Window};

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
    /// Any other operation on real numbers.
    Real(&'a RealOp),
    /// The codes of its input clamped to a smallest and a largest one.
    Clamp([i8; 2]),
}

impl Kind<'_> {
    /// Whether every code of the output is one of an input's, so that both have one format.
    pub fn copies_codes(&self) -> bool {
        match self {
            Self::MaxPool2d(_) | Self::Clamp(_) => true,
            Self::Real(op) => op.copies_elements(),
            _ => false,
        }
    }

    /// Whether it adds maps, or subtracts them.
    pub fn sums_maps(&self) -> bool {
        use thumbnet_graph::Function::{Add, Subtract};
        matches!(self, Self::Add | Self::Real(RealOp::Combine(Add | Subtract)))
    }
}

/// No limits.
pub(crate) const UNLIMITED: [f64; 2] = [f64::NEG_INFINITY, f64::INFINITY];

/// One int8 layer over the tensors of the float graph.
#[derive(Clone, Debug)]
pub(crate) struct Layer<'a> {
    /// Name of the float node.
    pub name: String,
    /// What it computes.
    pub kind: Kind<'a>,
    /// One tensor, two for an add, several where maps are joined.
    pub inputs: Vec<TensorId>,
    /// The tensor it makes; that of the activation function if one was taken in.
    pub output: TensorId,
    /// Between which values results are clamped; infinite for no limit.
    pub limits: [f64; 2],
    /// The tensor of the float network that has the results before they are clamped.
    pub unclamped: TensorId,
}

impl Layer<'_> {
    /// The tensor of the float network, which has `tensors`, that has what the layer makes.
    pub fn compared(&self, tensors: usize) -> TensorId {
        if self.output.0 < tensors { self.output } else { self.unclamped }
    }

    /// The operation's name in the ONNX file.
    pub fn op_name(&self) -> &'static str {
        match &self.kind {
            Kind::Conv2d { .. } | Kind::Sum { .. } => "Conv",
            Kind::MaxPool2d(_) => "MaxPool",
            Kind::Add => "Add",
            Kind::Real(op) => op.name(),
            Kind::Clamp(_) => "Clip",
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
            Op::AveragePool2d(window) | Op::Real(RealOp::Mean { window, counts_padding: true }) => {
                let weight = 1.0 / window.taps() as f64;
                layers.push(layer(node, Kind::Sum { window: *window, weight }));
            }
            Op::MaxPool2d(window) => layers.push(layer(node, Kind::MaxPool2d(*window))),
            Op::Add => layers.push(layer(node, Kind::Add)),
            Op::Relu => clamp(&mut layers, node, [0.0, f64::INFINITY], &readers),
            Op::Clip(limits) => clamp(&mut layers, node, limits.map(f64::from), &readers),
            Op::Real(op) => layers.push(layer(node, Kind::Real(op))),
            Op::Codes(_) => unreachable!("a valid float graph has none of these"),
        }
    }
    layers
}

fn layer<'a>(node: &'a Node<FloatWeights>, kind: Kind<'a>) -> Layer<'a> {
    Layer {
        name: node.name.clone(),
        kind,
        inputs: node.inputs.clone(),
        output: node.output,
        limits: UNLIMITED,
        unclamped: node.output,
    }
}

/// `layers` with a layer behind each one whose limits the ends of its codes are not. `formats` gets the tensor
/// between the two.
pub(crate) fn with_clamps<'a>(layers: Vec<Layer<'a>>, formats: &mut Vec<Format>) -> Vec<Layer<'a>> {
    let mut all = Vec::with_capacity(layers.len());
    for layer in layers {
        let format = formats[layer.output.0];
        let Some(codes) = format.clamp(layer.limits) else {
            all.push(layer);
            continue;
        };
        let between = TensorId(formats.len());
        formats.push(Format { limits: UNLIMITED, ..format });
        let clamp = Layer {
            name: format!("{}_clamp", layer.name),
            kind: Kind::Clamp(codes),
            inputs: vec![between],
            output: layer.output,
            limits: UNLIMITED,
            unclamped: layer.unclamped,
        };
        all.push(Layer { output: between, limits: UNLIMITED, ..layer });
        all.push(clamp);
    }
    all
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
                by_add[input.0] |= adds(&node.op);
            }
        }
        Self { count, by_add }
    }
}

fn adds(op: &Op<FloatWeights>) -> bool {
    match op {
        Op::Add => true,
        Op::Real(op) => Kind::Real(op).sums_maps(),
        _ => false,
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
    let copy = Layer {
        unclamped: node.inputs[0],
        ..layer(node, Kind::Sum { window: Window::UNIT, weight: 1.0 })
    };
    let is_bounded = limits[1].is_finite();
    match before_pools(layers, node.inputs[0], readers) {
        None => layers.push(Layer { limits, ..copy }),
        Some([_, limited]) if is_bounded && layers[limited].kind.sums_maps() => {
            layers.push(Layer { limits, ..copy });
        }
        Some([_, limited]) if is_bounded && readers.by_add[node.output.0] => {
            layers[limited].limit(limits);
            layers.push(copy);
        }
        Some([last, limited]) => {
            layers[limited].limit(limits);
            layers[last].output = node.output;
        }
    }
}

/// The layer that makes `tensor`, and the one before the max pools and copies that it ends, if nothing else
/// reads what they make; joined maps have no one layer before them.
fn before_pools(layers: &[Layer], tensor: TensorId, readers: &Readers) -> Option<[usize; 2]> {
    let last = sole_maker(layers, tensor, readers)?;
    let mut clamped = last;
    while layers[clamped].kind.copies_codes() {
        let passes = match layers[clamped].kind {
            Kind::Real(RealOp::Pad(_, value)) => *value == 0.0,
            Kind::Real(RealOp::Concat(_)) => false,
            _ => true,
        };
        let input = Some(layers[clamped].inputs[0]).filter(|_| passes)?;
        clamped = sole_maker(layers, input, readers)?;
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
        let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
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
