//! The network as a graph, for the quantizer.

use crate::engine::Parameters;
use crate::network::Network;
use crate::plan::{Stage, StageKind};
use crate::recipe::Levels;
use crate::rounded::norm_factor;
use thumbnet_graph::{
    Axis, Conv2d, FloatGraph, FloatWeights, Metadata, Node, Op, RealOp, Shape, Tensor, TensorId,
    Window,
};

/// Who wrote a recipe or a model.
pub(crate) const PRODUCER: &str = concat!("thumbnet ", env!("CARGO_PKG_VERSION"));

impl Network {
    /// The network as a graph of nodes `conv1`, `conv1_relu`, `pool1`, …, `dense1`, …; the output is the logits.
    ///
    /// A dense layer is a convolution whose window covers the whole map, so that a flatten layer is
    /// nothing at all.
    pub fn to_graph(&self) -> FloatGraph {
        let mut builder = Builder { graph: self.empty_graph(), values: vec![TensorId(0)] };
        builder.add_normalization(self.plan.levels);
        for (stage, parameters) in self.plan.stages.iter().zip(&self.parameters) {
            let made = builder.add_stage(stage, parameters);
            builder.values.push(made);
        }
        builder.graph.output = *builder.values.last().expect("the plan has stages");
        builder.graph
    }

    fn empty_graph(&self) -> FloatGraph {
        FloatGraph {
            tensors: vec![Tensor { name: "input".to_owned(), shape: self.plan.input, format: () }],
            nodes: Vec::new(),
            input: TensorId(0),
            output: TensorId(0),
            metadata: Metadata {
                name: self.recipe.name.clone(),
                labels: self.labels.clone(),
                preprocessing: Some(self.recipe.input_spec().how),
                producer: PRODUCER.to_owned(),
                temperature: None,
            },
        }
    }
}

struct Builder {
    graph: FloatGraph,
    /// The tensor of each value of the plan.
    values: Vec<TensorId>,
}

impl Builder {
    /// Values are `byte / 255` in a graph; what the network takes instead is a node of its own, which `prepare` of the
    /// quantizer folds into the layers behind it.
    fn add_normalization(&mut self, levels: Levels) {
        if levels == Levels::PLAIN {
            return;
        }
        let groups = self.graph.tensor(TensorId(0)).shape.c;
        let mean = f64::from(levels.zero_byte) / 255.0;
        let weights = FloatWeights {
            values: vec![(1.0 / levels.std) as f32; groups],
            bias: vec![(-mean / levels.std) as f32; groups],
        };
        let conv = Op::Conv2d(Conv2d { window: Window::UNIT, groups, weights });
        self.values[0] = self.add("normalize", conv, TensorId(0));
    }

    /// Adds the nodes of a stage; returns what they make.
    fn add_stage(&mut self, stage: &Stage, parameters: &Parameters<f32>) -> TensorId {
        let from = self.values[stage.inputs[0]];
        match &stage.kind {
            StageKind::Conv2d { name, window, groups, relu, pool, .. } => {
                let conv = conv2d(*window, *groups, stage.input, stage.output.c, parameters);
                let made = self.add(name, conv, from);
                let made = self.add_relu(name, *relu, made);
                match pool {
                    Some(pool) => self.add(&pool.name, Op::MaxPool2d(pool.window), made),
                    None => made,
                }
            }
            StageKind::DepthwiseConv2d { name, window, relu, .. } => {
                let channels = stage.input.c;
                let conv = conv2d(*window, channels, stage.input, channels, parameters);
                let made = self.add(name, conv, from);
                self.add_relu(name, *relu, made)
            }
            StageKind::BatchNorm { name, relu } => {
                self.fold_into(from, parameters);
                self.add_relu(name, *relu, from)
            }
            StageKind::Dense { name, units, relu } => {
                let window = Window { kernel: [stage.input.h, stage.input.w], ..Window::UNIT };
                let made = self.add(name, conv2d(window, 1, stage.input, *units, parameters), from);
                self.add_relu(name, *relu, made)
            }
            StageKind::MaxPool2d(pool) => self.add(&pool.name, Op::MaxPool2d(pool.window), from),
            StageKind::AveragePool2d(pool) => {
                self.add(&pool.name, Op::AveragePool2d(pool.window), from)
            }
            StageKind::Relu { name } => self.add(name, Op::Relu, from),
            StageKind::Dropout { .. } => from,
            StageKind::Add { name, relu } => {
                let inputs = vec![from, self.values[stage.inputs[1]]];
                let made = self.push(name, Op::Add, inputs, stage.output);
                self.add_relu(name, *relu, made)
            }
            StageKind::Concat { name, .. } => {
                let inputs = stage.inputs.iter().map(|&input| self.values[input]).collect();
                let op = Op::Real(RealOp::Concat(Axis::Channels));
                self.push(name, op, inputs, stage.output)
            }
        }
    }

    fn add_relu(&mut self, name: &str, relu: bool, from: TensorId) -> TensorId {
        if relu { self.add(&format!("{name}_relu"), Op::Relu, from) } else { from }
    }

    /// Adds a node over one map.
    fn add(&mut self, name: &str, op: Op<FloatWeights>, from: TensorId) -> TensorId {
        let map = self.graph.tensor(from).shape;
        let slide = |window: &Window, channels| {
            let [h, w] = window.positions(map.h, map.w).expect("the plan checked the window");
            Shape::new(h, w, channels)
        };
        let shape = match &op {
            Op::Conv2d(conv) => slide(&conv.window, conv.weights.bias.len()),
            Op::MaxPool2d(window) | Op::AveragePool2d(window) => slide(window, map.c),
            Op::Add | Op::Relu | Op::Clip(_) | Op::Codes(_) | Op::Real(_) => map,
        };
        self.push(name, op, vec![from], shape)
    }

    fn push(
        &mut self,
        name: &str,
        op: Op<FloatWeights>,
        inputs: Vec<TensorId>,
        shape: Shape,
    ) -> TensorId {
        let output = self.graph.add_tensor(Tensor { name: name.to_owned(), shape, format: () });
        self.graph.nodes.push(Node { name: name.to_owned(), op, inputs, output });
        output
    }

    /// Makes a normalization part of the convolution that makes `from`.
    fn fold_into(&mut self, from: TensorId, norm: &Parameters<f32>) {
        let maker = self.graph.nodes.iter_mut().find(|node| node.output == from);
        let Some(Op::Conv2d(Conv2d { weights, .. })) = maker.map(|node| &mut node.op) else {
            unreachable!("the plan puts a convolution before a normalization");
        };
        let channels = weights.bias.len();
        let (mean, variance) = norm.running.split_at(channels);
        let taps = weights.values.len() / channels;
        for (channel, values) in weights.values.chunks_exact_mut(taps).enumerate() {
            let factor = norm_factor((&norm.weights[channel], &variance[channel]));
            for value in values {
                *value = (f64::from(*value) * factor) as f32;
            }
            let offset = f64::from(norm.bias[channel]) - f64::from(mean[channel]) * factor;
            weights.bias[channel] = offset as f32;
        }
    }
}

/// A convolution without a bias has zeros for one.
fn conv2d(
    window: Window,
    groups: usize,
    input: Shape,
    filters: usize,
    parameters: &Parameters<f32>,
) -> Op<FloatWeights> {
    let values = output_channels_first(&parameters.weights, filters);
    debug_assert_eq!(values.len(), filters * window.taps() * input.c / groups);
    let mut bias = parameters.bias.clone();
    bias.resize(filters, 0.0);
    Op::Conv2d(Conv2d { window, groups, weights: FloatWeights { values, bias } })
}

/// `[kh, kw, ic, oc]`, as the engine keeps weights, to `[oc, kh, kw, ic]`, as graphs and files do.
pub(crate) fn output_channels_first(weights: &[f32], channels: usize) -> Vec<f32> {
    let taps = weights.len() / channels;
    let at = |index: usize| weights[index % taps * channels + index / taps];
    (0..weights.len()).map(at).collect()
}

/// The inverse of [`output_channels_first`].
pub(crate) fn output_channels_last(weights: &[f32], channels: usize) -> Vec<f32> {
    let taps = weights.len() / channels;
    let at = |index: usize| weights[index % channels * taps + index / channels];
    (0..weights.len()).map(at).collect()
}
