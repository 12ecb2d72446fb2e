//! Tests: one step of plain gradient descent at rate 1 moves every parameter by its gradient, in f64. Whole networks, with
//! layers that see several paths or the whole batch.

use super::super::{Criterion, Engine, Lesson, Noise, Parameters, Step, layers, start};
use super::{LOSS_TOLERANCE, STEP, recipe};
use crate::plan::Plan;
use crate::recipe::{Loss, Optimizer, Training};
use thumbnet_data::{Pictures, Random};

/// More pictures than fill the chunks in flight, and not a whole number of chunks.
const PICTURES: usize = 131;

/// Checks every seventh parameter of each stage.
fn check_network(layers_text: &str) {
    let plan = Plan::new(&recipe([8, 8, 1], layers_text), 3).expect("the test's layers fit");
    let pictures = random_pictures(8 * 8, 3, PICTURES);
    let indices: Vec<u32> = (0..PICTURES as u32).rev().collect();
    let sizes: Vec<_> = layers::<f64>(&plan).iter().map(|layer| layer.sizes()).collect();
    let start = start::<f64>(&plan, &sizes, 5);
    let training = Training { optimizer: Optimizer::Gd, ..Training::default() };
    let criterion = Criterion { loss: Loss::CrossEntropy, label_smoothing: 0.0 };
    let noise = Noise::of_epoch(1, 1);
    let lesson = Lesson {
        pictures: &pictures,
        learned: &indices,
        criterion,
        class_weights: &[],
        changes: None,
        noise,
    };
    let learn = |parameters: Vec<Parameters<f64>>, rate: f64| {
        let mut engine = Engine::new(&plan, parameters, PICTURES);
        let step = Step::new(&training, rate, 0);
        let result = engine.learn(&lesson, &indices, &step);
        (engine.parameters, result.loss / PICTURES as f64)
    };
    let (moved, _) = learn(start.clone(), 1.0);
    type Part = fn(&mut Parameters<f64>) -> &mut Vec<f64>;
    let parts: [Part; 2] = [|stage| &mut stage.weights, |stage| &mut stage.bias];
    for (stage, part) in (0..start.len()).flat_map(|stage| parts.map(|part| (stage, part))) {
        let at = |parameters: &[Parameters<f64>]| part(&mut parameters[stage].clone()).clone();
        let (before, after) = (at(&start), at(&moved));
        for index in (0..before.len()).step_by(7) {
            let gradient = before[index] - after[index];
            let loss_at = |offset: f64| {
                let mut shifted = start.clone();
                part(&mut shifted[stage])[index] += offset;
                learn(shifted, 0.0).1
            };
            let step = STEP / 100.0; // small enough that no ReLU or maximum changes sides
            let difference = (loss_at(step) - loss_at(-step)) / (2.0 * step);
            let error = (difference - gradient).abs();
            assert!(error < LOSS_TOLERANCE, "stage {stage}, {index}: {gradient}, {difference}");
        }
    }
}

#[test]
fn a_chain_over_several_rounds_of_chunks() {
    check_network(
        "[[layers]]\ntype = 'conv2d'\nfilters = 3\nkernel = [3, 3]\nactivation = 'relu'
         [[layers]]\ntype = 'max_pool2d'\nwindow = [2, 2]
         [[layers]]\ntype = 'conv2d'\nfilters = 4\nkernel = [2, 2]\npadding = 'same'
         [[layers]]\ntype = 'average_pool2d'\nwindow = [2, 2]\nstride = [1, 1]
         [[layers]]\ntype = 'flatten'
         [[layers]]\ntype = 'dense'\nunits = 5\nactivation = 'relu'",
    );
}

#[test]
fn batch_norms_over_the_whole_batch() {
    check_network(
        "[[layers]]\ntype = 'conv2d'\nfilters = 3\nkernel = [3, 3]\nbatch_norm = true\nactivation = 'relu'
         [[layers]]\ntype = 'depthwise_conv2d'\nkernel = [3, 3]\nstride = [2, 2]\nbatch_norm = true
         [[layers]]\ntype = 'conv2d'\nfilters = 4\nkernel = [1, 1]\nbatch_norm = true\nactivation = 'relu'
         [[layers]]\ntype = 'max_pool2d'\nwindow = [2, 2]\nstride = [1, 1]
         [[layers]]\ntype = 'average_pool2d'",
    );
}

#[test]
fn residual_paths_with_and_without_a_shortcut() {
    check_network(
        "[[layers]]\ntype = 'conv2d'\nfilters = 3\nkernel = [3, 3]\nactivation = 'relu'
         [[layers]]\ntype = 'residual'\nactivation = 'relu'
         body = [{ type = 'relu' }, { type = 'conv2d', filters = 3, kernel = [3, 3], padding = 'same', batch_norm = true }]
         [[layers]]\ntype = 'residual'
         body = [
             { type = 'conv2d', filters = 4, kernel = [3, 3], padding = 'same', stride = [2, 2], activation = 'relu' },
             { type = 'residual', body = [{ type = 'depthwise_conv2d', kernel = [1, 3], padding = 'same' }] },
         ]
         shortcut = [{ type = 'conv2d', filters = 4, kernel = [1, 1], stride = [2, 2], batch_norm = true }]
         [[layers]]\ntype = 'average_pool2d'",
    );
}

#[test]
fn concatenated_branches_and_dropout() {
    check_network(
        "[[layers]]\ntype = 'conv2d'\nfilters = 3\nkernel = [3, 3]
         [[layers]]\ntype = 'concat'
         branches = [
             [{ type = 'conv2d', filters = 2, kernel = [3, 3], padding = 'same', groups = 1, activation = 'relu' }],
             [],
             [{ type = 'dropout', rate = 0.3 }, { type = 'conv2d', filters = 4, kernel = [1, 1] }],
         ]
         [[layers]]\ntype = 'dropout'\nrate = 0.5
         [[layers]]\ntype = 'average_pool2d'",
    );
}

fn random_pictures(size: usize, classes: usize, count: usize) -> Pictures {
    let mut random = Random::new(11, 0);
    let pixels = (0..count * size).map(|_| random.below(256) as u8).collect();
    let labels = (0..count).map(|_| random.below(classes)).collect();
    Pictures::new(thumbnet_graph::Shape::new(8, size / 8, 1), pixels, labels)
}
