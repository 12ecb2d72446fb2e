//! What one batch teaches, in double precision: to be compared with other implementations.

use crate::engine::{Criterion, Engine, Lesson, Noise, Parameters, Sizes, Step, layers, start};
use crate::plan::Plan;
use crate::recipe::{Loss, Optimizer, Training};
use thumbnet_data::Pictures;

/// What a batch gave on its way through a network and back.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradient {
    /// Mean over the pictures.
    pub loss: f64,
    /// Of each picture, `[h, w, c]`: value 0 is the input, value `n + 1` what stage `n` made, the last one the logits.
    pub values: Vec<Vec<f64>>,
    /// The loss's gradient by each parameter; in place of a normalization's running averages, what became of those.
    pub parameters: Vec<Parameters<f64>>,
}

impl Plan {
    /// The random start of a network that learns from this seed, in double precision.
    pub fn start(&self, seed: u64) -> Vec<Parameters<f64>> {
        let sizes: Vec<Sizes> = layers::<f64>(self).iter().map(|layer| layer.sizes()).collect();
        start(self, &sizes, seed)
    }
}

/// The gradient of the mean loss over all these pictures, as the engine computes it when it learns. Dropout is that of the
/// first epoch of seed 0.
///
/// # Panics
/// If there are no pictures, or more than 128: the engine would not have all their values at once.
pub fn gradient(
    plan: &Plan,
    parameters: &[Parameters<f64>],
    pictures: &Pictures,
    loss: Loss,
    label_smoothing: f64,
) -> Gradient {
    let indices: Vec<u32> = (0..pictures.len() as u32).collect();
    let lesson = Lesson {
        pictures,
        learned: &indices,
        criterion: Criterion { loss, label_smoothing },
        class_weights: &[],
        changes: None,
        noise: Noise::of_epoch(0, 1),
    };
    let mut engine = Engine::new(plan, parameters.to_vec(), indices.len());
    assert!((1..=engine.pictures_at_once()).contains(&indices.len()), "from 1 to 128 pictures");
    // A step of plain descent at rate 1 moves every parameter by its gradient.
    let training = Training { optimizer: Optimizer::Gd, ..Training::default() };
    let result = engine.learn(&lesson, &indices, &Step::new(&training, 1.0, 0));
    let values = (0..=plan.stages.len()).map(|value| engine.value(value, indices.len())).collect();
    let stages = parameters.iter().zip(&engine.parameters);
    let parameters = stages
        .map(|(before, after)| Parameters {
            weights: difference(&before.weights, &after.weights),
            bias: difference(&before.bias, &after.bias),
            running: after.running.clone(),
        })
        .collect();
    Gradient { loss: result.loss / indices.len() as f64, values, parameters }
}

fn difference(before: &[f64], after: &[f64]) -> Vec<f64> {
    before.iter().zip(after).map(|(before, after)| before - after).collect()
}
