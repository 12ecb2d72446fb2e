//! Eight pictures on their way through the network and back, in memory of their own.

use super::elementwise;
use super::layer::{Backward, Forward, Layer, Noise, Sizes};
use super::lesson::Lesson;
use super::loss::{Criterion, Target};
use super::parameters::Parameters;
use super::real::Real;
use super::rounding::Levels;
use super::wiring::Wiring;
use crate::plan::Plan;
use std::ops::Range;

/// Pictures in a chunk. Sums over a batch are taken chunk by chunk, so this is part of the result: it
/// must not follow the number of threads.
pub(crate) const CHUNK: usize = 8;

/// Buffers for [`CHUNK`] pictures, made once.
pub(crate) struct Chunk<T> {
    pub pictures: usize,
    /// What each byte of a picture is worth.
    levels: [T; 256],
    targets: Vec<Target>,
    /// The picture being read.
    bytes: Vec<u8>,
    /// The network's input, then each stage's output.
    maps: Vec<Vec<T>>,
    choices: Vec<Vec<u8>>,
    /// This chunk's part of sums over the batch.
    batch_sums: Vec<Vec<f64>>,
    /// Gradient by each stage's output.
    gradients: Vec<Vec<T>>,
    /// Room for gradients that are added to others.
    spare: Vec<Vec<T>>,
    /// This chunk's part of each stage's parameter gradients.
    parameter_gradients: Vec<Parameters<T>>,
    scratch: Vec<T>,
    noise: Option<Noise>,
    /// Sum of the pictures' losses.
    pub loss: f64,
    /// Pictures whose largest logit is the right one.
    pub correct: usize,
}

/// What a chunk needs of the network.
pub(crate) struct Model<'a, T> {
    pub layers: &'a [Box<dyn Layer<T>>],
    pub wiring: &'a Wiring,
    pub parameters: &'a [Parameters<T>],
    /// What comes of sums over the batch, or of their running averages.
    pub batch: &'a [Vec<T>],
    /// Empty where nothing is learned.
    pub transposed: &'a [Vec<T>],
    /// What stages' outputs are rounded to; empty for no stage's.
    pub levels: &'a [Option<Levels<T>>],
}

impl<T: Real> Model<'_, T> {
    fn levels(&self, stage: usize) -> Option<Levels<T>> {
        self.levels.get(stage).copied().flatten()
    }
}

impl<T: Real> Chunk<T> {
    /// Buffers for evaluation only, or for training too.
    pub fn new(sizes: &[Sizes], plan: &Plan, trains: bool) -> Self {
        let zeros = |len: usize| vec![T::ZERO; len];
        let map = |len: usize| zeros(CHUNK * len);
        let mut maps = vec![map(plan.input.len())];
        maps.extend(sizes.iter().map(|sizes| map(sizes.output)));
        let trained = if trains { sizes } else { &[] };
        Self {
            pictures: 0,
            levels: std::array::from_fn(|byte| T::from_f64(plan.levels.value(byte as u8))),
            targets: Vec::with_capacity(CHUNK),
            bytes: Vec::new(),
            maps,
            choices: sizes.iter().map(|sizes| vec![0; CHUNK * sizes.choices]).collect(),
            batch_sums: trained.iter().map(|sizes| vec![0.0; sizes.batch_sums]).collect(),
            gradients: trained.iter().map(|sizes| map(sizes.output)).collect(),
            spare: Vec::new(),
            parameter_gradients: trained.iter().map(chunk_gradients).collect(),
            scratch: zeros(sizes.iter().map(|sizes| sizes.scratch).max().unwrap_or(0)),
            noise: None,
            loss: 0.0,
            correct: 0,
        }
    }

    /// Fills the input with bytes, each as what it is worth.
    pub fn set_pixels<'a>(&mut self, pictures: impl Iterator<Item = &'a [u8]>) {
        self.pictures = 0;
        for picture in pictures {
            self.push_pixels(picture);
        }
    }

    fn push_pixels(&mut self, picture: &[u8]) {
        let input = &mut self.maps[0][self.pictures * picture.len()..][..picture.len()];
        for (value, &byte) in input.iter_mut().zip(picture) {
            *value = self.levels[usize::from(byte)];
        }
        self.pictures += 1;
    }

    /// Reads the pictures of these indices, to be learned from.
    pub fn read(&mut self, lesson: &Lesson<'_>, indices: &[u32]) {
        self.pictures = 0;
        self.targets.clear();
        let mut bytes = std::mem::take(&mut self.bytes);
        for &index in indices {
            self.targets.push(lesson.picture(index, &mut bytes));
            self.push_pixels(&bytes);
        }
        self.bytes = bytes;
        // A picture is read once an epoch, so the first one's number tells a chunk from all others.
        self.noise = indices.first().map(|&first| lesson.noise(first));
    }

    /// Runs all layers; the logits are then in [`Self::logits`].
    pub fn predict(&mut self, model: &Model<'_, T>) {
        self.forward(model, 0..model.layers.len());
    }

    /// Runs some layers.
    pub fn forward(&mut self, model: &Model<'_, T>, stages: Range<usize>) {
        for stage in stages {
            let sizes = model.layers[stage].sizes();
            let (before, after) = self.maps.split_at_mut(stage + 1);
            let inputs = inputs_of(model.wiring, stage, before, self.pictures);
            model.layers[stage].forward(Forward {
                pictures: self.pictures,
                weights: &model.parameters[stage].weights,
                bias: &model.parameters[stage].bias,
                batch: &model.batch[stage],
                inputs: &inputs,
                output: &mut after[0][..self.pictures * sizes.output],
                choices: &mut self.choices[stage][..self.pictures * sizes.choices],
                scratch: &mut self.scratch[..sizes.scratch],
                noise: self.noise.map(|noise| noise.of_stage(stage)),
            });
            if let Some(levels) = model.levels(stage) {
                levels.round(&mut after[0][..self.pictures * sizes.output]);
            }
        }
    }

    /// This chunk's part of the sums that a stage needs before its way forward.
    pub fn sum_forward(&mut self, model: &Model<'_, T>, stage: usize) {
        let layer = model.layers[stage].over_batch().expect("segments begin with such a layer");
        let inputs = inputs_of(model.wiring, stage, &self.maps, self.pictures);
        layer.sum_forward(inputs[0], &mut self.batch_sums[stage]);
    }

    /// This chunk's part of the sums that a stage needs.
    pub fn batch_sums(&self, stage: usize) -> &[f64] {
        &self.batch_sums[stage]
    }

    /// One row of logits a picture.
    pub fn logits(&self) -> &[T] {
        self.value(self.maps.len() - 1)
    }

    /// A value over the chunk's pictures: 0 is the input, `n + 1` what stage `n` makes.
    pub fn value(&self, value: usize) -> &[T] {
        used(&self.maps[value], self.pictures)
    }

    /// The first input of a stage, over the chunk's pictures.
    pub fn stage_input(&self, wiring: &Wiring, stage: usize) -> &[T] {
        used(&self.maps[wiring.inputs[stage][0].value], self.pictures)
    }

    /// The gradient by a stage's sums (before its activation), over the chunk's pictures.
    pub fn stage_gradient(&self, stage: usize) -> &[T] {
        used(&self.gradients[stage], self.pictures)
    }

    /// The chunk's part of a stage's parameter gradients.
    pub fn parameter_gradients(&self, stage: usize) -> &Parameters<T> {
        &self.parameter_gradients[stage]
    }

    /// The loss, and its gradient by the logits; `weight` is one picture's share of the batch.
    pub fn start_gradient(&mut self, criterion: Criterion, weight: T) {
        let logits = self.maps.last().expect("there is at least the input");
        let gradient = self.gradients.last_mut().expect("a network has stages");
        gradient.copy_from_slice(logits);
        let classes = logits.len() / CHUNK;
        self.loss = 0.0;
        self.correct = 0;
        for (logits, &target) in gradient.chunks_exact_mut(classes).zip(&self.targets) {
            self.correct += usize::from(crate::metrics::largest(logits) == target.label);
            self.loss += criterion.gradient(logits, target, weight);
        }
        self.parameter_gradients.iter_mut().for_each(Parameters::fill_with_zeros);
    }

    /// Runs some layers back, the last one first.
    pub fn backward(&mut self, model: &Model<'_, T>, stages: Range<usize>) {
        for stage in stages.rev() {
            if let Some(levels) = model.levels(stage) {
                let output = used(&self.maps[stage + 1], self.pictures);
                levels.mask(&mut self.gradients[stage][..output.len()], output);
            }
            let mut input_gradients = self.take_input_gradients(model.wiring, stage);
            let layer = &model.layers[stage];
            self.with_backward(model, stage, &mut input_gradients, |pass, _| layer.backward(pass));
            self.put_input_gradients(model.wiring, stage, input_gradients);
        }
    }

    /// This chunk's part of the sums that a stage needs before its way back.
    pub fn sum_backward(&mut self, model: &Model<'_, T>, stage: usize) {
        let layer = model.layers[stage].over_batch().expect("segments begin with such a layer");
        self.with_backward(model, stage, &mut [], |pass, sums| layer.sum_backward(pass, sums));
    }

    fn with_backward(
        &mut self,
        model: &Model<'_, T>,
        stage: usize,
        input_gradients: &mut [Option<Vec<T>>],
        run: impl FnOnce(Backward<'_, T>, &mut [f64]),
    ) {
        let sizes = model.layers[stage].sizes();
        let inputs = inputs_of(model.wiring, stage, &self.maps, self.pictures);
        let used_inputs = inputs.iter().map(|input| input.len());
        let mut input_gradients: Vec<Option<&mut [T]>> = input_gradients
            .iter_mut()
            .zip(used_inputs)
            .map(|(gradient, len)| gradient.as_mut().map(|gradient| &mut gradient[..len]))
            .collect();
        let target = &mut self.parameter_gradients[stage];
        let pass = Backward {
            pictures: self.pictures,
            weights: &model.parameters[stage].weights,
            transposed: &model.transposed[stage],
            batch: &model.batch[stage],
            inputs: &inputs,
            output: used(&self.maps[stage + 1], self.pictures),
            choices: &self.choices[stage][..self.pictures * sizes.choices],
            output_gradient: &mut self.gradients[stage][..self.pictures * sizes.output],
            input_gradients: &mut input_gradients,
            weight_gradient: &mut target.weights,
            bias_gradient: &mut target.bias,
            scratch: &mut self.scratch[..sizes.scratch],
        };
        run(pass, &mut self.batch_sums[stage]);
    }

    /// Where a stage writes its inputs' gradients: their own places, or aside if something is there already.
    fn take_input_gradients(&mut self, wiring: &Wiring, stage: usize) -> Vec<Option<Vec<T>>> {
        let mut take = |input: &super::wiring::Input| {
            let own = &mut self.gradients[input.value.checked_sub(1)?];
            if !input.adds {
                return Some(std::mem::take(own));
            }
            let mut spare = self.spare.pop().unwrap_or_default();
            spare.resize(own.len(), T::ZERO);
            Some(spare)
        };
        wiring.inputs[stage].iter().map(&mut take).collect()
    }

    fn put_input_gradients(
        &mut self,
        wiring: &Wiring,
        stage: usize,
        gradients: Vec<Option<Vec<T>>>,
    ) {
        for (input, gradient) in wiring.inputs[stage].iter().zip(gradients) {
            let Some(gradient) = gradient else { continue };
            let own = &mut self.gradients[input.value - 1];
            if input.adds {
                let used = self.pictures * (own.len() / CHUNK);
                elementwise::add(&mut own[..used], &gradient[..used], false);
                self.spare.push(gradient);
            } else {
                *own = gradient;
            }
        }
    }
}

/// The part of a map that the pictures fill.
fn used<T>(map: &[T], pictures: usize) -> &[T] {
    &map[..pictures * (map.len() / CHUNK)]
}

fn inputs_of<'a, T>(
    wiring: &Wiring,
    stage: usize,
    maps: &'a [Vec<T>],
    pictures: usize,
) -> Vec<&'a [T]> {
    wiring.inputs[stage].iter().map(|input| used(&maps[input.value], pictures)).collect()
}

fn chunk_gradients<T: Real>(sizes: &Sizes) -> Parameters<T> {
    let weights = if sizes.gradient_by_batch { 0 } else { sizes.weights };
    Parameters {
        weights: vec![T::ZERO; weights],
        bias: vec![T::ZERO; sizes.bias],
        running: Vec::new(),
    }
}
