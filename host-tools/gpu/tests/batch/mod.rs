//! Random networks and pictures to compare on.

use thumbnet_data::{Pictures, Random};
use thumbnet_train::{Parameters, Plan, Recipe};

/// Pictures, and a network in the middle of its training.
pub struct Batch {
    pub pictures: Pictures,
    pub parameters: Vec<Parameters<f64>>,
}

impl Batch {
    pub fn new(plan: &Plan, count: usize) -> Self {
        let mut random = Random::new(11, 0);
        let pixels = (0..count * plan.input.len()).map(|_| random.below(256) as u8).collect();
        let labels = (0..count).map(|_| random.below(plan.classes)).collect();
        let mut parameters = plan.start(5);
        // Biases, scales and averages would all be 0 or 1 at the start, which hides mistakes.
        for stage in &mut parameters {
            if !stage.running.is_empty() {
                stage.weights.iter_mut().for_each(|scale| *scale += random.between(-0.4, 0.4));
            }
            stage.bias.iter_mut().for_each(|bias| *bias += random.between(-0.2, 0.2));
            stage.running.iter_mut().for_each(|average| *average += random.between(0.1, 0.5));
        }
        Self { pictures: Pictures::new(plan.input, pixels, labels), parameters }
    }
}

/// These layers, then `flatten` and `dense`.
pub fn recipe(shape: [usize; 3], layers: &str) -> Recipe {
    let end = "[[layers]]\ntype = 'flatten'\n[[layers]]\ntype = 'dense'";
    let text = format!("name = 'test'\ninput.shape = {shape:?}\n{layers}\n{end}");
    toml::from_str(&text).expect("the test's recipe is one")
}
