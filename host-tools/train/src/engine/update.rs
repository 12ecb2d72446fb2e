//! After the chunks: each block of parameters adds its gradient up and takes its step.

use super::chunk::Chunk;
use super::elementwise;
use super::layer::Sizes;
use super::layers::dense;
use super::optimizer::{Block, Step};
use super::parameters::Parameters;
use super::real::Real;
use rayon::prelude::*;

/// Weights in a block: enough to be worth a task, few enough to stay in the nearest cache.
const BLOCK: usize = 4096;

/// What is remembered of a stage's parameters from step to step, and room for their gradient.
pub(crate) struct Memory<T> {
    gradient: Parameters<T>,
    first: Parameters<T>,
    second: Parameters<T>,
    /// All chunks' inputs and output gradients, side by side, for layers whose weight gradient is one
    /// product over the batch.
    inputs: Vec<T>,
    output_gradients: Vec<T>,
}

/// One round of chunks, as a stage sees it.
pub(crate) struct Round<'a, T> {
    pub stage: usize,
    pub sizes: Sizes,
    pub chunks: &'a [Chunk<T>],
    /// Whether this is the batch's first round, which replaces the last batch's gradient.
    pub first: bool,
    /// The step to take, if this is the batch's last round.
    pub step: Option<&'a Step>,
}

impl<T: Real> Memory<T> {
    /// Room for rounds of up to `pictures` pictures.
    pub fn new(sizes: &Sizes, pictures: usize) -> Self {
        let pictures = if sizes.gradient_by_batch { pictures } else { 0 };
        Self {
            gradient: Parameters::zeros(sizes),
            first: Parameters::zeros(sizes),
            second: Parameters::zeros(sizes),
            inputs: Vec::with_capacity(pictures * sizes.input),
            output_gradients: Vec::with_capacity(pictures * sizes.output),
        }
    }

    pub fn moments(&self) -> [&Parameters<T>; 2] {
        [&self.first, &self.second]
    }

    pub fn moments_mut(&mut self) -> [&mut Parameters<T>; 2] {
        [&mut self.first, &mut self.second]
    }

    /// Adds a round's gradients, and takes the step if there is one.
    pub fn update(&mut self, round: &Round<'_, T>, parameters: &mut Parameters<T>) {
        if round.sizes.gradient_by_batch {
            self.gather(round);
        }
        let (inputs, output_gradients) = (&self.inputs, &self.output_gradients);
        let weights = Blocks {
            size: block_size(&round.sizes),
            values: &mut parameters.weights,
            gradient: &mut self.gradient.weights,
            first: &mut self.first.weights,
            second: &mut self.second.weights,
        };
        weights.update(round.step, true, |start, gradient| {
            if round.sizes.gradient_by_batch {
                let units = round.sizes.output;
                let inputs = (&inputs[..], round.sizes.input, start / units);
                dense::weight_gradient(inputs, output_gradients, units, gradient, !round.first);
            } else {
                round.add_up(start, gradient, |parameters| &parameters.weights);
            }
        });
        let bias = Blocks {
            size: BLOCK,
            values: &mut parameters.bias,
            gradient: &mut self.gradient.bias,
            first: &mut self.first.bias,
            second: &mut self.second.bias,
        };
        bias.update(round.step, false, |start, gradient| {
            round.add_up(start, gradient, |parameters| &parameters.bias);
        });
    }

    fn gather(&mut self, round: &Round<'_, T>) {
        self.inputs.clear();
        self.output_gradients.clear();
        for chunk in round.chunks {
            self.inputs.extend_from_slice(chunk.stage_input(round.stage));
            self.output_gradients.extend_from_slice(chunk.stage_gradient(round.stage));
        }
    }
}

impl<T: Real> Round<'_, T> {
    /// Sums the chunks' parts of a block that begins at `start`, in order.
    fn add_up(&self, start: usize, gradient: &mut [T], part: impl Fn(&Parameters<T>) -> &Vec<T>) {
        for (index, chunk) in self.chunks.iter().enumerate() {
            let part = &part(chunk.parameter_gradients(self.stage))[start..][..gradient.len()];
            elementwise::add(gradient, part, self.first && index == 0);
        }
    }
}

/// Whole rows where the gradient is a product.
fn block_size(sizes: &Sizes) -> usize {
    if sizes.gradient_by_batch { sizes.output * (BLOCK / sizes.output).max(1) } else { BLOCK }
}

struct Blocks<'a, T> {
    size: usize,
    values: &'a mut [T],
    gradient: &'a mut [T],
    first: &'a mut [T],
    second: &'a mut [T],
}

impl<T: Real> Blocks<'_, T> {
    /// Runs `add_up(start, gradient)` and then the step on each block.
    fn update(self, step: Option<&Step>, decays: bool, add_up: impl Fn(usize, &mut [T]) + Sync) {
        let size = self.size;
        let moments = self.first.par_chunks_mut(size).zip(self.second.par_chunks_mut(size));
        let gradients = self.values.par_chunks_mut(size).zip(self.gradient.par_chunks_mut(size));
        gradients.zip(moments).enumerate().for_each(|(index, ((values, gradient), moments))| {
            add_up(index * size, gradient);
            if let Some(step) = step {
                let (first, second) = moments;
                step.apply(Block { values, gradient, first, second }, decays);
            }
        });
    }
}
