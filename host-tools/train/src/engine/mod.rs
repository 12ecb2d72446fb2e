//! The training engine: explicit forward and backward passes, one batch at a time.
//!
//! A batch is cut into chunks of eight pictures, which run side by side with buffers of their own. Where a layer needs
//! sums over the whole batch (batch normalization), the chunks wait for each other. Then each block of parameters adds up
//! its gradient, chunk after chunk in order; when all have, they take their step. Every sum has one order, which
//! depends on the batch alone: the result is the same for any number of threads and any instruction set.

mod chunk;
mod elementwise;
#[cfg(test)]
mod gradients;
mod layer;
mod layers;
mod lesson;
mod loss;
mod optimizer;
mod parameters;
mod product;
mod real;
mod rounding;
mod schedule;
mod update;
mod wiring;

pub(crate) use chunk::{CHUNK, Chunk, Model};
pub(crate) use layer::{Layer, Noise, Sizes};
pub use layers::batch_norm::EPSILON;
pub(crate) use lesson::{Changes, Lesson};
pub(crate) use loss::{Criterion, Target};
pub(crate) use optimizer::{Step, moments};
pub use parameters::Parameters;
pub(crate) use parameters::{averaged, start};
pub(crate) use product::{AStrides, BStrides, Product};
pub(crate) use real::Real;
pub(crate) use rounding::Levels;
pub(crate) use schedule::learning_rate;
pub(crate) use wiring::Wiring;

use crate::plan::Plan;
use rayon::prelude::*;
use update::Memory;

/// Most chunks in flight: larger batches take several rounds, so that a batch of the whole set needs no more
/// memory than one of 128. Batches that are normalized as a whole are in flight as a whole.
const MAX_CHUNKS: usize = 16;

/// A network being trained.
pub(crate) struct Engine<T> {
    layers: Vec<Box<dyn Layer<T>>>,
    wiring: Wiring,
    pub parameters: Vec<Parameters<T>>,
    /// The parameters as the int8 network has them; empty where quantization is of no account.
    rounded: Vec<Parameters<T>>,
    /// What stages' outputs are rounded to.
    levels: Vec<Option<Levels<T>>>,
    transposed: Vec<Vec<T>>,
    /// What comes of sums over the batch, a stage.
    batch: Vec<Vec<T>>,
    memories: Vec<Memory<T>>,
    chunks: Vec<Chunk<T>>,
    /// So many stages, from the first, are as they are: see [`Engine::freeze`].
    frozen: usize,
}

/// What one batch gave.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct BatchResult {
    /// Sum of the pictures' losses.
    pub loss: f64,
    /// Pictures classified rightly before the step.
    pub correct: usize,
}

/// The layers of a plan.
pub(crate) fn layers<T: Real>(plan: &Plan) -> Vec<Box<dyn Layer<T>>> {
    plan.stages.iter().map(layers::layer).collect()
}

/// The same with every normalization part of the convolution before it.
pub(crate) fn folded_layers<T: Real>(plan: &Plan) -> Vec<Box<dyn Layer<T>>> {
    plan.stages.iter().map(layers::folded_layer).collect()
}

/// What layers over whole batches are given where nothing is learned: their running averages.
pub(crate) fn fixed_batch<T: Real>(
    layers: &[Box<dyn Layer<T>>],
    parameters: &[Parameters<T>],
) -> Vec<Vec<T>> {
    let mut fixed = Vec::with_capacity(layers.len());
    for (layer, parameters) in layers.iter().zip(parameters) {
        let mut batch = vec![T::ZERO; layer.sizes().batch];
        if let Some(layer) = layer.over_batch() {
            layer.fixed(&parameters.running, &mut batch);
        }
        fixed.push(batch);
    }
    fixed
}

impl<T: Real> Engine<T> {
    /// An engine for batches of up to `batch` pictures.
    pub fn new(plan: &Plan, parameters: Vec<Parameters<T>>, batch: usize) -> Self {
        Self::of_layers(plan, layers(plan), parameters, batch)
    }

    /// The same with parameters whose normalizations are folded, to be trained as the int8 network has them.
    pub fn folded(plan: &Plan, parameters: Vec<Parameters<T>>, batch: usize) -> Self {
        Self::of_layers(plan, folded_layers(plan), parameters, batch)
    }

    fn of_layers(
        plan: &Plan,
        layers: Vec<Box<dyn Layer<T>>>,
        parameters: Vec<Parameters<T>>,
        batch: usize,
    ) -> Self {
        let sizes: Vec<Sizes> = layers.iter().map(|layer| layer.sizes()).collect();
        let wiring = Wiring::new(plan, &layers);
        let most = if wiring.segments.len() > 1 { usize::MAX } else { MAX_CHUNKS };
        let chunks = batch.div_ceil(CHUNK).clamp(1, most);
        let mut engine = Self {
            layers,
            wiring,
            parameters,
            rounded: Vec::new(),
            levels: Vec::new(),
            transposed: sizes.iter().map(|sizes| vec![T::ZERO; sizes.transposed]).collect(),
            batch: sizes.iter().map(|sizes| vec![T::ZERO; sizes.batch]).collect(),
            memories: sizes.iter().map(|sizes| Memory::new(sizes, chunks * CHUNK)).collect(),
            chunks: (0..chunks).map(|_| Chunk::new(&sizes, plan, true)).collect(),
            frozen: 0,
        };
        engine.prepare();
        engine
    }

    /// From now on weights are rounded as the int8 network's, and every stage's outputs to these levels.
    pub fn round_to(&mut self, levels: Vec<Option<Levels<T>>>) {
        self.levels = levels;
        self.rounded.clone_from(&self.parameters);
        self.prepare();
    }

    /// Keeps the first `stages` stages as they are from now on: they take no step, and what normalizes over batches uses
    /// its running averages, as on the device. Nothing runs back through them.
    pub fn freeze(&mut self, stages: usize) {
        self.frozen = stages;
    }

    /// What the optimizer remembers: first and second moments of each stage.
    pub fn moments(&self) -> impl Iterator<Item = [&Parameters<T>; 2]> {
        self.memories.iter().map(Memory::moments)
    }

    /// The same, to be restored.
    pub fn moments_mut(&mut self) -> impl Iterator<Item = [&mut Parameters<T>; 2]> {
        self.memories.iter_mut().map(Memory::moments_mut)
    }

    /// The moving average of the parameters, if the steps asked for one.
    pub fn average(&self) -> Option<Vec<&Parameters<T>>> {
        self.memories.iter().map(Memory::average).collect()
    }

    /// The parameters of the network to be evaluated and kept: the averages, if there are any.
    pub fn network_parameters(&self) -> Vec<Parameters<T>> {
        averaged(&self.parameters, self.average())
    }

    /// Restores the average.
    pub fn set_average(&mut self, average: Vec<Parameters<T>>) {
        for (memory, average) in self.memories.iter_mut().zip(average) {
            memory.set_average(average);
        }
    }

    /// A value of the batch of up to [`Engine::pictures_at_once`] pictures that was learned from last; see [`Plan`].
    pub fn value(&self, value: usize, pictures: usize) -> Vec<T> {
        let chunks = &self.chunks[..pictures.div_ceil(CHUNK)];
        chunks.iter().flat_map(|chunk| chunk.value(value)).copied().collect()
    }

    /// Pictures in flight at once.
    pub fn pictures_at_once(&self) -> usize {
        self.chunks.len() * CHUNK
    }

    /// Learns from the pictures of these indices: one step.
    pub fn learn(&mut self, lesson: &Lesson<'_>, indices: &[u32], step: &Step) -> BatchResult {
        let weight = T::from_f64(1.0 / indices.len() as f64);
        let mut result = BatchResult::default();
        let rounds = indices.chunks(self.chunks.len() * CHUNK);
        for (round, indices) in rounds.enumerate() {
            let used = indices.len().div_ceil(CHUNK);
            self.forward(lesson, indices);
            self.turn(lesson, used, weight);
            self.backward(used);
            for chunk in &self.chunks[..used] {
                result.loss += chunk.loss;
                result.correct += chunk.correct;
            }
            self.add_up(used, round == 0);
        }
        self.step(*step);
        self.prepare();
        result
    }

    /// All segments but the last, forward, with the sums for the next.
    fn forward(&mut self, lesson: &Lesson<'_>, indices: &[u32]) {
        let used = indices.len().div_ceil(CHUNK);
        self.each_chunk(used, |number, chunk, _| {
            let first = number * CHUNK;
            chunk.read(lesson, &indices[first..(first + CHUNK).min(indices.len())]);
        });
        for segment in 1..self.wiring.segments.len() {
            let (stages, next) = self.between(segment);
            if next < self.frozen {
                let layer =
                    self.layers[next].over_batch().expect("segments begin with such a layer");
                layer.fixed(&self.parameters[next].running, &mut self.batch[next]);
                self.each_chunk(used, |_, chunk, model| chunk.forward(model, stages.clone()));
                continue;
            }
            self.each_chunk(used, |_, chunk, model| {
                chunk.forward(model, stages.clone());
                chunk.sum_forward(model, next);
            });
            let (pictures, sums) = self.add_batch_sums(used, next);
            let layer = self.layers[next].over_batch().expect("segments begin with such a layer");
            let running = &mut self.parameters[next].running;
            layer.finish_forward(pictures, &sums, &mut self.batch[next], running);
        }
    }

    /// The last segment, forward and back.
    fn turn(&mut self, lesson: &Lesson<'_>, used: usize, weight: T) {
        let last = self.wiring.segments.len() - 1;
        let (stages, frozen) = (self.wiring.segments[last].clone(), self.frozen);
        self.each_chunk(used, |_, chunk, model| {
            chunk.forward(model, stages.clone());
            chunk.start_gradient(lesson.criterion, weight);
            run_back(chunk, model, last, frozen);
        });
    }

    /// All other segments, back.
    fn backward(&mut self, used: usize) {
        for segment in (1..self.wiring.segments.len()).rev() {
            let (_, waiting) = self.between(segment);
            if waiting < self.frozen {
                return;
            }
            let frozen = self.frozen;
            let (pictures, sums) = self.add_batch_sums(used, waiting);
            let layer =
                self.layers[waiting].over_batch().expect("segments begin with such a layer");
            layer.finish_backward(pictures, &sums, &mut self.batch[waiting]);
            self.each_chunk(used, |_, chunk, model| {
                chunk.backward(model, waiting..waiting + 1);
                run_back(chunk, model, segment - 1, frozen);
            });
        }
    }

    /// The stages before a segment, and the one it begins with.
    fn between(&self, segment: usize) -> (std::ops::Range<usize>, usize) {
        (self.wiring.segments[segment - 1].clone(), self.wiring.segments[segment].start)
    }

    /// Runs `work` on the first chunks, side by side.
    fn each_chunk(
        &mut self,
        used: usize,
        work: impl Fn(usize, &mut Chunk<T>, &Model<'_, T>) + Sync,
    ) {
        let model = Model {
            layers: &self.layers,
            wiring: &self.wiring,
            parameters: if self.rounded.is_empty() { &self.parameters } else { &self.rounded },
            batch: &self.batch,
            transposed: &self.transposed,
            levels: &self.levels,
        };
        let chunks = self.chunks[..used].par_iter_mut();
        chunks.enumerate().for_each(|(number, chunk)| work(number, chunk, &model));
    }

    /// The number of pictures, and the sums over all chunks, in order.
    fn add_batch_sums(&self, used: usize, stage: usize) -> (usize, Vec<f64>) {
        let mut pictures = 0;
        let mut sums = vec![0.0; self.chunks[0].batch_sums(stage).len()];
        for chunk in &self.chunks[..used] {
            pictures += chunk.pictures;
            for (sum, part) in sums.iter_mut().zip(chunk.batch_sums(stage)) {
                *sum += part;
            }
        }
        (pictures, sums)
    }

    /// Adds this round's gradients up.
    fn add_up(&mut self, used: usize, first: bool) {
        let (chunks, wiring) = (&self.chunks[..used], &self.wiring);
        let stages = self.memories.par_iter_mut().zip(&self.layers);
        stages.enumerate().skip(self.frozen).for_each(|(stage, (memory, layer))| {
            let sizes = layer.sizes();
            memory.add_up(&update::Round { stage, sizes, wiring, chunks, first });
        });
    }

    /// Moves all parameters, when the whole gradient is known.
    fn step(&mut self, mut step: Step) {
        if step.clips() {
            let learning = &self.memories[self.frozen..];
            let squares: Vec<f64> = learning.par_iter().map(Memory::squared_norm).collect();
            step = step.clipped(squares.iter().sum::<f64>().sqrt());
        }
        for (memory, parameters) in self.memories.iter_mut().zip(&self.parameters).take(self.frozen)
        {
            memory.stay(&step, parameters);
        }
        let stages = self.parameters.par_iter_mut().zip(&mut self.memories).zip(&self.layers);
        stages.skip(self.frozen).for_each(|((parameters, memory), layer)| {
            memory.step(&step, layer.sizes().kernels > 0, parameters);
        });
    }

    /// Makes what the next batch needs of the parameters.
    fn prepare(&mut self) {
        let rounded = self.rounded.par_iter_mut().zip(&self.parameters).zip(&self.layers);
        rounded.for_each(|((rounded, parameters), layer)| {
            let kernels = layer.sizes().kernels;
            if kernels > 0 {
                rounding::round_channels(&parameters.weights, kernels, &mut rounded.weights);
            }
            rounded.bias.clone_from(&parameters.bias);
        });
        let parameters = if self.rounded.is_empty() { &self.parameters } else { &self.rounded };
        let stages = self.layers.par_iter().zip(parameters).zip(&mut self.transposed);
        stages.skip(1).for_each(|((layer, parameters), transposed)| {
            layer.transpose(&parameters.weights, transposed);
        });
    }
}

/// Runs a segment back, up to the sums that the stage it begins with waits for, or to the frozen stages.
fn run_back<T: Real>(chunk: &mut Chunk<T>, model: &Model<'_, T>, segment: usize, frozen: usize) {
    let stages = model.wiring.segments[segment].clone();
    if segment == 0 || stages.start < frozen {
        chunk.backward(model, stages.start.max(frozen)..stages.end);
    } else {
        chunk.backward(model, stages.start + 1..stages.end);
        chunk.sum_backward(model, stages.start);
    }
}
