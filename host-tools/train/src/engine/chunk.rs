//! Eight pictures on their way through the network and back, in memory of their own.

use super::layer::{Backward, Forward, Layer, Sizes};
use super::lesson::Lesson;
use super::loss::{Criterion, Target};
use super::parameters::Parameters;
use super::real::Real;

/// Pictures in a chunk. Sums over a batch are taken chunk by chunk, so this is part of the result: it
/// must not follow the number of threads.
pub(crate) const CHUNK: usize = 8;

/// Buffers for [`CHUNK`] pictures, made once.
pub(crate) struct Chunk<T> {
    pub pictures: usize,
    targets: Vec<Target>,
    /// The picture being read.
    bytes: Vec<u8>,
    /// The network's input, then each stage's output.
    maps: Vec<Vec<T>>,
    choices: Vec<Vec<u8>>,
    /// Gradient by each stage's output.
    gradients: Vec<Vec<T>>,
    /// This chunk's part of each stage's parameter gradients.
    parameter_gradients: Vec<Parameters<T>>,
    scratch: Vec<T>,
    /// Sum of the pictures' losses.
    pub loss: f64,
    /// Pictures whose largest logit is the right one.
    pub correct: usize,
}

/// What a chunk needs of the network.
pub(crate) struct Model<'a, T> {
    pub layers: &'a [Box<dyn Layer<T>>],
    pub parameters: &'a [Parameters<T>],
}

impl<T: Real> Chunk<T> {
    /// Buffers for evaluation only, or for training too.
    pub fn new(sizes: &[Sizes], trains: bool) -> Self {
        let zeros = |len: usize| vec![T::ZERO; len];
        let map = |len: usize| zeros(CHUNK * len);
        let mut maps = vec![map(sizes.first().map_or(0, |sizes| sizes.input))];
        maps.extend(sizes.iter().map(|sizes| map(sizes.output)));
        let trained = if trains { sizes } else { &[] };
        Self {
            pictures: 0,
            targets: Vec::with_capacity(CHUNK),
            bytes: Vec::new(),
            maps,
            choices: sizes.iter().map(|sizes| vec![0; CHUNK * sizes.choices]).collect(),
            gradients: trained.iter().map(|sizes| map(sizes.output)).collect(),
            parameter_gradients: trained.iter().map(chunk_gradients).collect(),
            scratch: zeros(sizes.iter().map(|sizes| sizes.scratch).max().unwrap_or(0)),
            loss: 0.0,
            correct: 0,
        }
    }

    /// Fills the input with bytes, as `byte / 255`.
    pub fn set_pixels<'a>(&mut self, pictures: impl Iterator<Item = &'a [u8]>) {
        self.pictures = 0;
        for picture in pictures {
            self.push_pixels(picture);
        }
    }

    fn push_pixels(&mut self, picture: &[u8]) {
        let input = &mut self.maps[0][self.pictures * picture.len()..][..picture.len()];
        for (value, &byte) in input.iter_mut().zip(picture) {
            *value = T::from_f64(f64::from(byte) / 255.0);
        }
        self.pictures += 1;
    }

    /// Forward, loss and back for the pictures of these indices; `weight` is one picture's share of the batch.
    pub fn learn(
        &mut self,
        model: &Model<'_, T>,
        transposed: &[Vec<T>],
        data: (&Lesson<'_>, &[u32]),
        weight: T,
    ) {
        let (lesson, indices) = data;
        self.read(lesson, indices);
        self.forward(model);
        self.start_gradient(lesson.criterion, weight);
        self.backward(model, transposed);
    }

    fn read(&mut self, lesson: &Lesson<'_>, indices: &[u32]) {
        self.pictures = 0;
        self.targets.clear();
        let mut bytes = std::mem::take(&mut self.bytes);
        for &index in indices {
            self.targets.push(lesson.picture(index, &mut bytes));
            self.push_pixels(&bytes);
        }
        self.bytes = bytes;
    }

    /// Runs every layer; the logits are then in [`Self::logits`].
    pub fn forward(&mut self, model: &Model<'_, T>) {
        for (stage, layer) in model.layers.iter().enumerate() {
            let sizes = layer.sizes();
            let (before, after) = self.maps.split_at_mut(stage + 1);
            layer.forward(Forward {
                pictures: self.pictures,
                weights: &model.parameters[stage].weights,
                bias: &model.parameters[stage].bias,
                input: &before[stage][..self.pictures * sizes.input],
                output: &mut after[0][..self.pictures * sizes.output],
                choices: &mut self.choices[stage][..self.pictures * sizes.choices],
                scratch: &mut self.scratch[..sizes.scratch],
            });
        }
    }

    /// One row of logits a picture.
    pub fn logits(&self) -> &[T] {
        let logits = self.maps.last().expect("there is at least the input");
        &logits[..self.pictures * (logits.len() / CHUNK)]
    }

    /// The input of a stage, over the chunk's pictures.
    pub fn stage_input(&self, stage: usize) -> &[T] {
        let map = &self.maps[stage];
        &map[..self.pictures * (map.len() / CHUNK)]
    }

    /// The gradient by a stage's sums (before its activation), over the chunk's pictures.
    pub fn stage_gradient(&self, stage: usize) -> &[T] {
        let map = &self.gradients[stage];
        &map[..self.pictures * (map.len() / CHUNK)]
    }

    /// The chunk's part of a stage's parameter gradients.
    pub fn parameter_gradients(&self, stage: usize) -> &Parameters<T> {
        &self.parameter_gradients[stage]
    }

    fn start_gradient(&mut self, criterion: Criterion, weight: T) {
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
    }

    fn backward(&mut self, model: &Model<'_, T>, transposed: &[Vec<T>]) {
        for (stage, layer) in model.layers.iter().enumerate().rev() {
            let sizes = layer.sizes();
            let (before, after) = self.gradients.split_at_mut(stage);
            let target = &mut self.parameter_gradients[stage];
            target.fill_with_zeros();
            layer.backward(Backward {
                pictures: self.pictures,
                transposed: &transposed[stage],
                input: &self.maps[stage][..self.pictures * sizes.input],
                output: &self.maps[stage + 1][..self.pictures * sizes.output],
                choices: &self.choices[stage][..self.pictures * sizes.choices],
                output_gradient: &mut after[0][..self.pictures * sizes.output],
                input_gradient: before
                    .last_mut()
                    .map(|gradient| &mut gradient[..self.pictures * sizes.input]),
                weight_gradient: &mut target.weights,
                bias_gradient: &mut target.bias,
                scratch: &mut self.scratch[..sizes.scratch],
            });
        }
    }
}

fn chunk_gradients<T: Real>(sizes: &Sizes) -> Parameters<T> {
    let weights = if sizes.gradient_by_batch { 0 } else { sizes.weights };
    Parameters { weights: vec![T::ZERO; weights], bias: vec![T::ZERO; sizes.bias] }
}
