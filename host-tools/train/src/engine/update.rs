//! After the chunks: all gradients are added up, then the parameters take their step.

use super::chunk::Chunk;
use super::elementwise;
use super::layer::Sizes;
use super::layers::dense;
use super::optimizer::{Block, Step};
use super::parameters::Parameters;
use super::real::Real;
use super::wiring::Wiring;
use rayon::prelude::*;

/// Weights in a block: enough to be worth a task, few enough to stay in the nearest cache.
const BLOCK: usize = 4096;

/// What is remembered of a stage's parameters from step to step, and room for their gradient.
pub(crate) struct Memory<T> {
    gradient: Parameters<T>,
    first: Parameters<T>,
    second: Parameters<T>,
    /// The moving average of the parameters, from the first step that wants one.
    average: Option<Parameters<T>>,
    /// All chunks' inputs and output gradients, side by side, for layers whose weight gradient is one
    /// product over the batch.
    inputs: Vec<T>,
    output_gradients: Vec<T>,
}

/// One round of chunks, as a stage sees it.
pub(crate) struct Round<'a, T> {
    pub stage: usize,
    pub sizes: Sizes,
    pub wiring: &'a Wiring,
    pub chunks: &'a [Chunk<T>],
    /// Whether this is the batch's first round, which replaces the last batch's gradient.
    pub first: bool,
}

impl<T: Real> Memory<T> {
    /// Room for rounds of up to `pictures` pictures.
    pub fn new(sizes: &Sizes, pictures: usize) -> Self {
        let pictures = if sizes.gradient_by_batch { pictures } else { 0 };
        Self {
            gradient: Parameters::zeros(sizes),
            first: Parameters::zeros(sizes),
            second: Parameters::zeros(sizes),
            average: None,
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

    pub fn average(&self) -> Option<&Parameters<T>> {
        self.average.as_ref()
    }

    pub fn set_average(&mut self, average: Parameters<T>) {
        self.average = Some(average);
    }

    /// Adds a round's gradients.
    pub fn add_up(&mut self, round: &Round<'_, T>) {
        if round.sizes.gradient_by_batch {
            self.gather(round);
        }
        let (inputs, output_gradients) = (&self.inputs, &self.output_gradients);
        let size = block_size(&round.sizes);
        let blocks = self.gradient.weights.par_chunks_mut(size).enumerate();
        blocks.for_each(|(index, gradient)| {
            let start = index * size;
            if round.sizes.gradient_by_batch {
                let units = round.sizes.output;
                let inputs = (&inputs[..], round.sizes.input, start / units);
                dense::weight_gradient(inputs, output_gradients, units, gradient, !round.first);
            } else {
                round.add_up(start, gradient, |parameters| &parameters.weights);
            }
        });
        round.add_up(0, &mut self.gradient.bias, |parameters| &parameters.bias);
    }

    /// The gradient's sum of squares, in one order.
    pub fn squared_norm(&self) -> f64 {
        let values = self.gradient.weights.iter().chain(&self.gradient.bias);
        values.map(|value| value.to_f64() * value.to_f64()).sum()
    }

    /// Takes a step along the gradient, and the average one towards where it leads. `decays` says whether the weights
    /// shrink where the recipe lets them.
    pub fn step(&mut self, step: &Step, decays: bool, parameters: &mut Parameters<T>) {
        self.stay(step, parameters);
        let [weights, bias] = match &mut self.average {
            Some(average) => [&mut average.weights[..], &mut average.bias],
            None => [&mut [][..], &mut []],
        };
        let Self { gradient, first, second, .. } = self;
        let weights = Blocks {
            values: &mut parameters.weights,
            gradient: &gradient.weights,
            first: &mut first.weights,
            second: &mut second.weights,
            average: weights,
        };
        weights.step(step, decays);
        let bias = Blocks {
            values: &mut parameters.bias,
            gradient: &gradient.bias,
            first: &mut first.bias,
            second: &mut second.bias,
            average: bias,
        };
        bias.step(step, false);
    }

    /// What a frozen stage has in place of a step: its average is what it is.
    pub fn stay(&mut self, step: &Step, parameters: &Parameters<T>) {
        if step.average_share.is_some() && self.average.is_none() {
            self.average = Some(parameters.clone());
        }
    }

    fn gather(&mut self, round: &Round<'_, T>) {
        self.inputs.clear();
        self.output_gradients.clear();
        for chunk in round.chunks {
            self.inputs.extend_from_slice(chunk.stage_input(round.wiring, round.stage));
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
    values: &'a mut [T],
    gradient: &'a [T],
    first: &'a mut [T],
    second: &'a mut [T],
    /// Empty if there is none.
    average: &'a mut [T],
}

impl<T: Real> Blocks<'_, T> {
    /// Takes the step, block by block.
    fn step(self, step: &Step, decays: bool) {
        let Self { values, gradient, first, second, average } = self;
        let moments = first.par_chunks_mut(BLOCK).zip(second.par_chunks_mut(BLOCK));
        let gradients = values.par_chunks_mut(BLOCK).zip(gradient.par_chunks(BLOCK));
        gradients.zip(moments).for_each(|((values, gradient), (first, second))| {
            step.apply(Block { values, gradient, first, second }, decays);
        });
        if let Some(share) = step.average_share {
            elementwise::approach(average, values, T::from_f64(share));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::{Criterion, Engine, Lesson, Noise, Parameters, Step, layers, start};
    use crate::plan::Plan;
    use crate::recipe::{Loss, Optimizer, Recipe, Training};
    use thumbnet_data::Pictures;
    use thumbnet_graph::Shape;

    /// A few roundings of f64 lie between two ways to the same value.
    const TOLERANCE: f64 = 1e-14;

    /// The parameters of a small network after each of `count` steps at rate 1, and their averages.
    fn steps(training: &Training, count: u64) -> Vec<[Vec<Parameters<f64>>; 2]> {
        let text = "name = 'x'\ninput.shape = [2, 2, 1]\n[[layers]]\ntype = 'flatten'\n[[layers]]\n\
                    type = 'dense'\nunits = 3\nactivation = 'relu'\n[[layers]]\ntype = 'dense'";
        let recipe: Recipe = toml::from_str(text).expect("the test's recipe is one");
        let plan = Plan::new(&recipe, 2).expect("the test's layers fit");
        let sizes: Vec<_> = layers::<f64>(&plan).iter().map(|layer| layer.sizes()).collect();
        let pixels = (0..20).map(|index| (index * 67 % 256) as u8).collect();
        let pictures = Pictures::new(Shape::new(2, 2, 1), pixels, vec![0, 1, 1, 0, 1]);
        let criterion = Criterion { loss: Loss::CrossEntropy, label_smoothing: 0.0 };
        let lesson = Lesson {
            pictures: &pictures,
            learned: &[0, 1, 2, 3, 4],
            criterion,
            class_weights: &[],
            changes: None,
            noise: Noise::of_epoch(1, 1),
        };
        let mut engine = Engine::new(&plan, start(&plan, &sizes, 3), 5);
        let mut path = vec![[engine.parameters.clone(), engine.network_parameters()]];
        for done in 0..count {
            engine.learn(&lesson, &[0, 1, 2, 3, 4], &Step::new(training, 1.0, done));
            path.push([engine.parameters.clone(), engine.network_parameters()]);
        }
        path
    }

    fn values(parameters: &[Parameters<f64>]) -> Vec<f64> {
        parameters.iter().flat_map(|stage| [&stage.weights[..], &stage.bias].concat()).collect()
    }

    #[test]
    fn the_norm_is_that_of_all_parameters_together() {
        let plain = Training { optimizer: Optimizer::Gd, ..Training::default() };
        let moved = |training: &Training| {
            let path = steps(training, 1);
            let [before, after] = [values(&path[0][0]), values(&path[1][0])];
            before.iter().zip(after).map(|(before, after)| before - after).collect::<Vec<f64>>()
        };
        let gradient = moved(&plain);
        let norm = gradient.iter().map(|value| value * value).sum::<f64>().sqrt();
        let clipped = moved(&Training { clip_norm: Some(norm / 4.0), ..plain.clone() });
        for (clipped, value) in clipped.iter().zip(&gradient) {
            assert!((clipped - value / 4.0).abs() < TOLERANCE, "{clipped} {value}");
        }
        assert_eq!(moved(&Training { clip_norm: Some(norm * 1.01), ..plain }), gradient);
    }

    #[test]
    fn averages_follow_the_weights_and_leave_their_path_alone() {
        let plain = Training { optimizer: Optimizer::Adam, ..Training::default() };
        let averaged = Training { average: Some(0.15), ..plain.clone() };
        let [alone, path] = [steps(&plain, 3), steps(&averaged, 3)];
        let mut expected = values(&path[0][0]);
        // Kept: 1/10 and then, no more than 0.15, 2/11 and 3/12.
        for (step, keep) in [(1, 0.1), (2, 0.15), (3, 0.15)] {
            assert_eq!(path[step][0], alone[step][0]);
            let weights = values(&path[step][0]);
            for (average, weight) in expected.iter_mut().zip(weights) {
                *average = keep * *average + (1.0 - keep) * weight;
            }
            for (average, expected) in values(&path[step][1]).iter().zip(&expected) {
                assert!((average - expected).abs() < TOLERANCE, "{average} {expected}");
            }
        }
    }
}
