//! The network as a graph, for the quantizer.

use crate::network::Network;
use crate::plan::{Pool, Stage, StageKind};
use thumbnet_graph::{
    Conv2d, FloatGraph, FloatWeights, Metadata, Node, Op, Shape, Tensor, TensorId, Window,
};

/// Who wrote a recipe or a model.
pub(crate) const PRODUCER: &str = concat!("thumbnet ", env!("CARGO_PKG_VERSION"));

impl Network {
    /// The network as a graph of nodes `conv1`, `conv1_relu`, `pool1`, …, `dense1`, …; the output is the logits.
    ///
    /// A dense layer is a convolution whose window covers the whole map, so that a flatten layer is
    /// nothing at all.
    pub fn to_graph(&self) -> FloatGraph {
        let mut builder = Builder { graph: self.empty_graph(), tip: TensorId(0) };
        for (stage, parameters) in self.plan.stages.iter().zip(&self.parameters) {
            builder.add_stage(stage, &parameters.weights, &parameters.bias);
        }
        builder.graph.output = builder.tip;
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
                preprocessing: Some(self.recipe.input_spec().preprocessing()),
                producer: PRODUCER.to_owned(),
                temperature: None,
            },
        }
    }
}

struct Builder {
    graph: FloatGraph,
    /// What the next node starts from.
    tip: TensorId,
}

impl Builder {
    fn add_stage(&mut self, stage: &Stage, weights: &[f32], bias: &[f32]) {
        match &stage.kind {
            StageKind::Conv2d { name, window, filters, relu, pool } => {
                self.add_conv2d(name, *window, stage.input, weights, bias);
                self.add_relu(name, *relu);
                if let Some(pool) = pool {
                    debug_assert_eq!(*filters, stage.output.c);
                    self.add_max_pool2d(pool);
                }
            }
            StageKind::Dense { name, relu, .. } => {
                let window = Window { kernel: [stage.input.h, stage.input.w], ..Window::UNIT };
                self.add_conv2d(name, window, stage.input, weights, bias);
                self.add_relu(name, *relu);
            }
            StageKind::MaxPool2d(pool) => self.add_max_pool2d(pool),
            StageKind::AveragePool2d(pool) => {
                self.add(&pool.name, Op::AveragePool2d(pool.window), self.channels());
            }
            StageKind::Relu { name } => self.add(name, Op::Relu, self.channels()),
        }
    }

    fn add_conv2d(
        &mut self,
        name: &str,
        window: Window,
        input: Shape,
        weights: &[f32],
        bias: &[f32],
    ) {
        let values = output_channels_first(weights, bias.len());
        debug_assert_eq!(values.len(), bias.len() * window.taps() * input.c);
        let weights = FloatWeights { values, bias: bias.to_vec() };
        self.add(name, Op::Conv2d(Conv2d { window, groups: 1, weights }), bias.len());
    }

    fn add_relu(&mut self, name: &str, relu: bool) {
        if relu {
            self.add(&format!("{name}_relu"), Op::Relu, self.channels());
        }
    }

    fn add_max_pool2d(&mut self, pool: &Pool) {
        self.add(&pool.name, Op::MaxPool2d(pool.window), self.channels());
    }

    fn channels(&self) -> usize {
        self.graph.tensor(self.tip).shape.c
    }

    fn add(&mut self, name: &str, op: Op<FloatWeights>, channels: usize) {
        let from = self.graph.tensor(self.tip).shape;
        let shape = match &op {
            Op::Conv2d(Conv2d { window, .. })
            | Op::MaxPool2d(window)
            | Op::AveragePool2d(window) => {
                let [h, w] = window.positions(from.h, from.w).expect("the plan checked the window");
                Shape::new(h, w, channels)
            }
            Op::Add | Op::Relu | Op::Clip(_) | Op::Codes(_) => from,
        };
        let output = self.graph.add_tensor(Tensor { name: name.to_owned(), shape, format: () });
        let inputs = vec![self.tip];
        self.graph.nodes.push(Node { name: name.to_owned(), op, inputs, output });
        self.tip = output;
    }
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
