//! The training engine: explicit forward and backward passes, one batch at a time.
//!
//! A batch is cut into chunks of eight pictures, which run side by side with buffers of their own. Then each block of
//! parameters adds up its gradient, chunk after chunk in order; when all have, they take their step. Every sum has one order, which
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
mod schedule;
mod update;

pub(crate) use chunk::{CHUNK, Chunk, Model};
pub(crate) use layer::{Layer, Sizes};
pub(crate) use lesson::{Changes, Lesson};
pub(crate) use loss::{Criterion, Target};
pub(crate) use optimizer::{Step, moments};
pub(crate) use parameters::{Parameters, glorot_uniform};
pub(crate) use real::Real;
pub(crate) use schedule::learning_rate;

use crate::plan::Plan;
use rayon::prelude::*;
use update::Memory;

/// Most chunks in flight: larger batches take several rounds, so that a batch of the whole set needs no more
/// memory than one of 128.
const MAX_CHUNKS: usize = 16;

/// A network being trained.
pub(crate) struct Engine<T> {
    layers: Vec<Box<dyn Layer<T>>>,
    pub parameters: Vec<Parameters<T>>,
    transposed: Vec<Vec<T>>,
    memories: Vec<Memory<T>>,
    chunks: Vec<Chunk<T>>,
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

impl<T: Real> Engine<T> {
    /// An engine for batches of up to `batch` pictures.
    pub fn new(plan: &Plan, parameters: Vec<Parameters<T>>, batch: usize) -> Self {
        let layers = layers::<T>(plan);
        let sizes: Vec<Sizes> = layers.iter().map(|layer| layer.sizes()).collect();
        let chunks = batch.div_ceil(CHUNK).clamp(1, MAX_CHUNKS);
        let mut engine = Self {
            layers,
            parameters,
            transposed: sizes.iter().map(|sizes| vec![T::ZERO; sizes.transposed]).collect(),
            memories: sizes.iter().map(|sizes| Memory::new(sizes, chunks * CHUNK)).collect(),
            chunks: (0..chunks).map(|_| Chunk::new(&sizes, true)).collect(),
        };
        engine.transpose();
        engine
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
        match self.average() {
            Some(average) => average.into_iter().cloned().collect(),
            None => self.parameters.clone(),
        }
    }

    /// Restores the average.
    pub fn set_average(&mut self, average: Vec<Parameters<T>>) {
        for (memory, average) in self.memories.iter_mut().zip(average) {
            memory.set_average(average);
        }
    }

    /// Learns from the pictures of these indices: one step.
    pub fn learn(&mut self, lesson: &Lesson<'_>, indices: &[u32], step: &Step) -> BatchResult {
        let weight = T::from_f64(1.0 / indices.len() as f64);
        let mut result = BatchResult::default();
        let rounds = indices.chunks(MAX_CHUNKS * CHUNK);
        for (round, indices) in rounds.enumerate() {
            let used = self.run_chunks(lesson, indices, weight);
            for chunk in &self.chunks[..used] {
                result.loss += chunk.loss;
                result.correct += chunk.correct;
            }
            self.add_up(used, round == 0);
        }
        self.step(*step);
        self.transpose();
        result
    }

    /// Forward and back for one round; returns the chunks used.
    fn run_chunks(&mut self, lesson: &Lesson<'_>, indices: &[u32], weight: T) -> usize {
        let model = Model { layers: &self.layers, parameters: &self.parameters };
        let (model, transposed) = (&model, &self.transposed);
        self.chunks.par_iter_mut().zip(indices.par_chunks(CHUNK)).for_each(|(chunk, indices)| {
            chunk.learn(model, transposed, (lesson, indices), weight);
        });
        indices.len().div_ceil(CHUNK)
    }

    /// Adds this round's gradients up.
    fn add_up(&mut self, used: usize, first: bool) {
        let chunks = &self.chunks[..used];
        let stages = self.memories.par_iter_mut().zip(&self.layers);
        stages.enumerate().for_each(|(stage, (memory, layer))| {
            memory.add_up(&update::Round { stage, sizes: layer.sizes(), chunks, first });
        });
    }

    /// Moves all parameters, when the whole gradient is known.
    fn step(&mut self, mut step: Step) {
        if step.clips() {
            let squares: Vec<f64> = self.memories.par_iter().map(Memory::squared_norm).collect();
            step = step.clipped(squares.iter().sum::<f64>().sqrt());
        }
        let stages = self.parameters.par_iter_mut().zip(&mut self.memories);
        stages.for_each(|(parameters, memory)| memory.step(&step, parameters));
    }

    fn transpose(&mut self) {
        let stages = self.layers.par_iter().zip(&self.parameters).zip(&mut self.transposed);
        stages.skip(1).for_each(|((layer, parameters), transposed)| {
            layer.transpose(&parameters.weights, transposed);
        });
    }
}
