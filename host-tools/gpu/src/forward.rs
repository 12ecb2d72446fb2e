//! A batch's way through a network. Maps are `[n, c, h, w]`; features after a dense layer `[n, c, 1, 1]`.

use crate::network::{Network, StageParameters};
use burn_core::tensor::activation::relu;
use burn_core::tensor::module::{avg_pool2d, batch_norm, batch_norm_train, conv2d, max_pool2d};
use burn_core::tensor::ops::{AvgPoolOptions, ConvOptions, MaxPoolOptions};
use burn_core::tensor::{Distribution, Tensor};
use thumbnet_graph::Window;
use thumbnet_train::{NORM_EPSILON, Stage, StageKind};

/// Where dropout comes from.
#[derive(Clone, Copy, Debug)]
pub enum Dropouts<'a> {
    /// The device's own chance.
    Drawn,
    /// What each stage's values are multiplied by; read for dropout stages alone.
    Given(&'a [Option<Tensor<4>>]),
}

/// What came of a batch.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Value 0 is the input, value `n + 1` what stage `n` made.
    pub values: Vec<Tensor<4>>,
    /// Mean and variance over the batch, `[c]` each, of every stage that normalizes by them.
    pub statistics: Vec<Option<[Tensor<1>; 2]>>,
}

impl Outcome {
    /// `[n, classes]`.
    pub fn logits(&self) -> Tensor<2> {
        self.values.last().expect("there is at least the input").clone().flatten(1, 3)
    }
}

impl Network {
    /// Runs a batch of pictures, `[n, c, h, w]`, as it is run to learn from it.
    pub fn forward(&self, pictures: Tensor<4>, dropouts: Dropouts<'_>) -> Outcome {
        let mut values = vec![pictures];
        let mut statistics = Vec::with_capacity(self.stages.len());
        for (index, (stage, own)) in self.plan.stages.iter().zip(&self.stages).enumerate() {
            let inputs: Vec<Tensor<4>> =
                stage.inputs.iter().map(|&input| values[input].clone()).collect();
            let dropout = match dropouts {
                Dropouts::Given(given) => given[index].clone(),
                Dropouts::Drawn => None,
            };
            let mut of_batch = None;
            values.push(own.forward(stage, inputs, dropout, &mut of_batch));
            statistics.push(of_batch);
        }
        Outcome { values, statistics }
    }
}

impl StageParameters {
    fn forward(
        &self,
        stage: &Stage,
        inputs: Vec<Tensor<4>>,
        dropout: Option<Tensor<4>>,
        statistics: &mut Option<[Tensor<1>; 2]>,
    ) -> Tensor<4> {
        let input = inputs[0].clone();
        match &stage.kind {
            StageKind::Conv2d { window, groups, relu, pool, .. } => {
                let map = activated(self.convolve(input, window, *groups), *relu);
                pool.as_ref().map_or(map.clone(), |pool| largest(map, &pool.window))
            }
            StageKind::DepthwiseConv2d { window, relu, .. } => {
                activated(self.convolve(input, window, stage.input.c), *relu)
            }
            StageKind::BatchNorm { relu, .. } => {
                activated(self.normalize(input, statistics), *relu)
            }
            StageKind::Dense { units, relu, .. } => activated(self.multiply(input, *units), *relu),
            StageKind::MaxPool2d(pool) => largest(input, &pool.window),
            StageKind::AveragePool2d(pool) => {
                let options = AvgPoolOptions::new(pool.window.kernel);
                avg_pool2d(input, options.with_stride(pool.window.stride))
            }
            StageKind::Relu { .. } => relu(input),
            StageKind::Dropout { .. } if self.frozen => input,
            StageKind::Dropout { rate } => {
                let keep = 1.0 - rate;
                let drawn = || input.random_like(Distribution::Bernoulli(keep)) / keep;
                let factors = dropout.unwrap_or_else(drawn);
                input * factors
            }
            StageKind::Add { relu, .. } => activated(input + inputs[1].clone(), *relu),
            StageKind::Concat { .. } => Tensor::cat(inputs, 1),
        }
    }

    fn weights(&self) -> Tensor<4> {
        self.weights.as_ref().expect("a stage of this kind has weights").val()
    }

    fn bias(&self) -> Option<Tensor<1>> {
        self.bias.as_ref().map(|bias| bias.val())
    }

    fn convolve(&self, input: Tensor<4>, window: &Window, groups: usize) -> Tensor<4> {
        let border = window.padding;
        let padding = [(border.top, border.bottom), (border.left, border.right)];
        let options =
            ConvOptions::new_with_padding(window.stride, padding, window.dilation, groups);
        conv2d(input, self.weights(), self.bias(), options)
    }

    /// By the batch's own mean and variance, or by the running averages if it is frozen.
    fn normalize(&self, input: Tensor<4>, statistics: &mut Option<[Tensor<1>; 2]>) -> Tensor<4> {
        let scales = self.weights().flatten(0, 3);
        let offsets = self.bias().expect("a normalization has offsets");
        if self.frozen {
            let [mean, variance] = [0, 1].map(|half: usize| self.running[half].val());
            return batch_norm(input, scales, offsets, mean, variance, NORM_EPSILON);
        }
        let normalized = batch_norm_train(input, scales, offsets, NORM_EPSILON);
        *statistics = Some([normalized.mean, normalized.variance]);
        normalized.output
    }

    /// The trainer's features lie in the order `[h, w, c]`.
    fn multiply(&self, input: Tensor<4>, units: usize) -> Tensor<4> {
        let pictures = input.dims()[0];
        let features: Tensor<2> = input.permute([0, 2, 3, 1]).flatten(1, 3);
        let weights: Tensor<2> = self.weights().flatten(0, 2);
        let sums = features.matmul(weights);
        let bias = self.bias().expect("a dense layer has a bias");
        (sums + bias.unsqueeze()).reshape([pictures, units, 1, 1])
    }
}

fn activated(map: Tensor<4>, is_activated: bool) -> Tensor<4> {
    if is_activated { relu(map) } else { map }
}

fn largest(map: Tensor<4>, window: &Window) -> Tensor<4> {
    max_pool2d(map, MaxPoolOptions::new(window.kernel).with_stride(window.stride))
}
