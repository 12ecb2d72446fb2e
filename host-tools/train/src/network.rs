//! A network with its weights: predicting, and what it is made of.

use crate::engine::{
    CHUNK, Chunk, Levels, Model, Parameters, Sizes, Wiring, fixed_batch, layers, start,
};
use crate::error::TrainError;
use crate::plan::Plan;
use crate::recipe::{Layer, Recipe};
use rayon::prelude::*;
use thumbnet_data::Pictures;
use thumbnet_graph::Shape;

/// Pictures of [`Network::predict_pictures`] in memory: enough for any number of threads.
const BLOCK: usize = 256 * CHUNK;

/// A network with f32 weights, ready to predict and to be exported.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub(crate) recipe: Recipe,
    pub(crate) plan: Plan,
    pub(crate) labels: Vec<String>,
    pub(crate) parameters: Vec<Parameters<f32>>,
}

impl Network {
    /// A network that has learned nothing: the recipe's layers with their random start, one logit for each
    /// label.
    ///
    /// # Errors
    /// If a layer does not fit where it is or a training option is out of range.
    pub fn new(recipe: &Recipe, labels: &[String]) -> Result<Self, TrainError> {
        recipe.training.check()?;
        let plan = Plan::new(recipe, labels.len())?;
        plan.check_rounding(recipe)?;
        let sizes: Vec<Sizes> = layers::<f32>(&plan).iter().map(|layer| layer.sizes()).collect();
        let parameters = start(&plan, &sizes, recipe.training.seed);
        Ok(Self { recipe: recipe.clone(), plan, labels: labels.to_vec(), parameters })
    }

    /// The recipe it was made from.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The pictures' shape, `[h, w, c]`.
    pub fn input(&self) -> Shape {
        self.plan.input
    }

    /// Class names in the order of the logits.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Weights and biases, in all.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(|stage| stage.weights.len() + stage.bias.len()).sum()
    }

    /// The logits of each picture, `[n, classes]`, from pixels `[n, h, w, c]`; the same whatever the number of
    /// threads.
    ///
    /// # Panics
    /// If `pixels` is no whole number of pictures.
    pub fn predict(&self, pixels: &[u8]) -> Vec<f32> {
        self.predict_rounded(pixels, &[])
    }

    /// The same with every stage's outputs rounded to these levels; none for none.
    pub(crate) fn predict_rounded(
        &self,
        pixels: &[u8],
        levels: &[Option<Levels<f32>>],
    ) -> Vec<f32> {
        let picture = self.plan.input.len();
        assert_eq!(pixels.len() % picture, 0, "pixels of whole pictures");
        let layers = layers::<f32>(&self.plan);
        let sizes: Vec<Sizes> = layers.iter().map(|layer| layer.sizes()).collect();
        let model = Model {
            layers: &layers,
            wiring: &Wiring::new(&self.plan, &layers),
            parameters: &self.parameters,
            batch: &fixed_batch(&layers, &self.parameters),
            transposed: &[],
            levels,
        };
        let mut logits = vec![0.0; pixels.len() / picture * self.plan.classes];
        pixels
            .par_chunks(CHUNK * picture)
            .zip(logits.par_chunks_mut(CHUNK * self.plan.classes))
            .for_each_init(
                || Chunk::new(&sizes, &self.plan, false),
                |chunk, (pixels, logits)| {
                    chunk.set_pixels(pixels.chunks_exact(picture));
                    chunk.predict(&model);
                    logits.copy_from_slice(chunk.logits());
                },
            );
        logits
    }

    /// The logits of each picture, `[n, classes]`, a few pictures in memory at a time; as [`Network::predict`].
    pub fn predict_pictures(&self, pictures: &Pictures) -> Vec<f32> {
        self.predict_pictures_rounded(pictures, &[])
    }

    pub(crate) fn predict_pictures_rounded(
        &self,
        pictures: &Pictures,
        levels: &[Option<Levels<f32>>],
    ) -> Vec<f32> {
        let blocks = pictures.blocks(BLOCK);
        blocks.flat_map(|block| self.predict_rounded(&block, levels)).collect()
    }
}

impl Recipe {
    /// Checks all that can be checked before there are pictures: every layer and every option.
    ///
    /// # Errors
    /// As [`Network::new`], but for what depends on the classes.
    pub fn check(&self) -> Result<(), TrainError> {
        self.training.check()?;
        let classes = match self.layers.last() {
            Some(Layer::Dense { units: Some(units), .. }) => *units,
            _ => 2, // any number: the data's will take its place
        };
        Plan::new(self, classes)?.check_rounding(self)
    }
}
