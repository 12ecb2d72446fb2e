//! Tests: what every layer and loss gives back agrees with finite differences, in f64.

mod network;

use super::layer::{Backward, Forward, Layer, Noise};
use super::layers::dense;
use super::{Criterion, Target, layers};
use crate::plan::Plan;
use crate::recipe::{Loss, Recipe};
use thumbnet_data::Random;

/// Distance of the two points of a central difference.
const STEP: f64 = 1e-4;

/// A layer is piecewise linear in each single value, so its central difference is exact but for the rounding of
/// sums of up to a few hundred products near 1, some 1e-13, divided by the step.
const LAYER_TOLERANCE: f64 = 1e-8;

/// A loss is smooth: the difference is off by the step's square times a third derivative below 1.
const LOSS_TOLERANCE: f64 = 1e-8;

/// One stage with random values, and a random direction in which its output is measured.
struct Case {
    layer: Box<dyn Layer<f64>>,
    pictures: usize,
    input: Vec<f64>,
    weights: Vec<f64>,
    bias: Vec<f64>,
    direction: Vec<f64>,
}

impl Case {
    fn new(layer: Box<dyn Layer<f64>>, pictures: usize) -> Self {
        let mut random = Random::new(7, 0);
        let mut values =
            |count: usize| -> Vec<f64> { (0..count).map(|_| random.between(-1.0, 1.0)).collect() };
        let sizes = layer.sizes();
        Self {
            pictures,
            input: values(pictures * sizes.input),
            weights: values(sizes.weights),
            bias: values(sizes.bias),
            direction: values(pictures * sizes.output),
            layer,
        }
    }

    /// Output and choices.
    fn forward(&self) -> (Vec<f64>, Vec<u8>) {
        let sizes = self.layer.sizes();
        // What is not written shows.
        let mut output = vec![f64::NAN; self.pictures * sizes.output];
        let mut choices = vec![255; self.pictures * sizes.choices];
        self.layer.forward(Forward {
            pictures: self.pictures,
            weights: &self.weights,
            bias: &self.bias,
            batch: &[],
            inputs: &[&self.input],
            output: &mut output,
            choices: &mut choices,
            scratch: &mut vec![f64::NAN; sizes.scratch],
            noise: Some(Noise { seed: 3, stream: 0 }),
        });
        (output, choices)
    }

    /// The output along the direction.
    fn value(&self) -> f64 {
        let (output, _) = self.forward();
        output.iter().zip(&self.direction).map(|(value, weight)| value * weight).sum()
    }

    /// Gradients by input, weights and bias.
    fn backward(&self) -> [Vec<f64>; 3] {
        let sizes = self.layer.sizes();
        let (output, choices) = self.forward();
        let mut output_gradient = self.direction.clone();
        let mut input_gradient = vec![f64::NAN; self.input.len()];
        let by_batch = sizes.gradient_by_batch;
        let mut weight_gradient = vec![0.0; if by_batch { 0 } else { sizes.weights }];
        let mut bias_gradient = vec![0.0; sizes.bias];
        let mut transposed = vec![f64::NAN; sizes.transposed];
        self.layer.transpose(&self.weights, &mut transposed);
        self.layer.backward(Backward {
            pictures: self.pictures,
            weights: &self.weights,
            transposed: &transposed,
            batch: &[],
            inputs: &[&self.input],
            output: &output,
            choices: &choices,
            output_gradient: &mut output_gradient,
            input_gradients: &mut [Some(&mut input_gradient)],
            weight_gradient: &mut weight_gradient,
            bias_gradient: &mut bias_gradient,
            scratch: &mut vec![f64::NAN; sizes.scratch],
        });
        if by_batch {
            weight_gradient = vec![0.0; sizes.weights];
            let (size, units) = (sizes.input, sizes.output);
            let matrix = (&self.input[..], size, 0);
            dense::weight_gradient(matrix, &output_gradient, units, &mut weight_gradient, false);
        }
        [input_gradient, weight_gradient, bias_gradient]
    }

    fn check(mut self) {
        let [input, weights, bias] = self.backward();
        self.check_part("input", &input, |case| &mut case.input);
        self.check_part("weights", &weights, |case| &mut case.weights);
        self.check_part("bias", &bias, |case| &mut case.bias);
    }

    fn check_part(
        &mut self,
        what: &str,
        gradient: &[f64],
        part: impl Fn(&mut Self) -> &mut Vec<f64>,
    ) {
        for (index, &gradient) in gradient.iter().enumerate() {
            let value = part(self)[index];
            part(self)[index] = value + STEP;
            let above = self.value();
            part(self)[index] = value - STEP;
            let below = self.value();
            part(self)[index] = value;
            let difference = (above - below) / (2.0 * STEP);
            let error = (difference - gradient).abs();
            assert!(error < LAYER_TOLERANCE, "{what} {index}: {gradient} is not {difference}");
        }
    }
}

/// The first stage of a network of this text over a map of this shape.
fn check_stage(shape: [usize; 3], layers_text: &str) {
    let recipe = recipe(shape, layers_text);
    let plan = Plan::new(&recipe, 3).expect("the test's layers fit");
    let layer = layers::<f64>(&plan).remove(0);
    Case::new(layer, 3).check();
}

fn recipe(shape: [usize; 3], layers_text: &str) -> Recipe {
    let end = "[[layers]]\ntype = 'flatten'\n[[layers]]\ntype = 'dense'";
    let text = format!("name = 'test'\ninput.shape = {shape:?}\n{layers_text}\n{end}");
    toml::from_str(&text).expect("the test's recipe is one")
}

#[test]
fn conv2d() {
    check_stage([5, 6, 1], "[[layers]]\ntype = 'conv2d'\nfilters = 3\nkernel = [3, 2]");
}

#[test]
fn conv2d_of_three_channels_with_relu() {
    check_stage(
        [6, 5, 3],
        "[[layers]]\ntype = 'conv2d'\nfilters = 4\nkernel = [2, 3]\nactivation = 'relu'",
    );
}

#[test]
fn conv2d_with_padding_and_stride() {
    check_stage(
        [7, 6, 3],
        "[[layers]]\ntype = 'conv2d'\nfilters = 5\nkernel = [3, 4]\nstride = [2, 3]\npadding = 'same'",
    );
}

#[test]
fn conv2d_of_one_tap_that_skips_values() {
    check_stage(
        [5, 5, 3],
        "[[layers]]\ntype = 'conv2d'\nfilters = 2\nkernel = [1, 1]\nstride = [2, 2]",
    );
}

#[test]
fn conv2d_with_relu_and_max_pool_that_leaves_a_row_and_a_column() {
    check_stage(
        [7, 7, 1],
        "[[layers]]\ntype = 'conv2d'\nfilters = 4\nkernel = [3, 3]\nactivation = 'relu'
         [[layers]]\ntype = 'max_pool2d'\nwindow = [2, 2]",
    );
}

#[test]
fn conv2d_with_padding_and_overlapping_max_pool() {
    check_stage(
        [6, 6, 3],
        "[[layers]]\ntype = 'conv2d'\nfilters = 3\nkernel = [3, 3]\npadding = 'same'
         [[layers]]\ntype = 'max_pool2d'\nwindow = [3, 2]\nstride = [2, 1]",
    );
}

#[test]
fn max_pool2d_alone() {
    check_stage([5, 6, 3], "[[layers]]\ntype = 'max_pool2d'\nwindow = [2, 3]");
}

#[test]
fn max_pool2d_with_overlap_and_with_gaps() {
    check_stage([6, 6, 3], "[[layers]]\ntype = 'max_pool2d'\nwindow = [3, 3]\nstride = [1, 2]");
    check_stage([7, 7, 1], "[[layers]]\ntype = 'max_pool2d'\nwindow = [1, 2]\nstride = [3, 3]");
}

#[test]
fn average_pool2d() {
    check_stage([5, 6, 3], "[[layers]]\ntype = 'average_pool2d'\nwindow = [2, 3]");
    check_stage([5, 6, 3], "[[layers]]\ntype = 'average_pool2d'\nwindow = [3, 2]\nstride = [1, 1]");
}

#[test]
fn average_pool2d_of_the_whole_map() {
    check_stage([4, 3, 3], "[[layers]]\ntype = 'average_pool2d'");
}

#[test]
fn conv2d_that_keeps_the_map() {
    check_stage(
        [5, 6, 3],
        "[[layers]]\ntype = 'conv2d'\nfilters = 5\nkernel = [3, 4]\npadding = 'same'",
    );
}

#[test]
fn conv2d_of_one_tap() {
    check_stage([3, 4, 3], "[[layers]]\ntype = 'conv2d'\nfilters = 5\nkernel = [1, 1]");
}

#[test]
fn conv2d_in_groups() {
    for padding in ["valid", "same"] {
        for stride in [1, 2] {
            check_stage(
                [5, 6, 3],
                &format!(
                    "[[layers]]\ntype = 'conv2d'\nfilters = 6\nkernel = [2, 3]\ngroups = 3
                     padding = '{padding}'\nstride = [{stride}, 1]\nactivation = 'relu'"
                ),
            );
        }
    }
}

#[test]
fn depthwise_conv2d() {
    for padding in ["valid", "same"] {
        for stride in ["[1, 1]", "[2, 1]", "[1, 2]", "[2, 3]"] {
            check_stage(
                [6, 7, 3],
                &format!(
                    "[[layers]]\ntype = 'depthwise_conv2d'\nkernel = [3, 2]
                     padding = '{padding}'\nstride = {stride}\nactivation = 'relu'"
                ),
            );
        }
    }
}

#[test]
fn dropout() {
    check_stage([3, 4, 3], "[[layers]]\ntype = 'dropout'\nrate = 0.4");
}

#[test]
fn relu_alone() {
    check_stage([3, 3, 1], "[[layers]]\ntype = 'relu'");
}

#[test]
fn dense_with_and_without_relu() {
    check_stage([3, 2, 3], "[[layers]]\ntype = 'flatten'");
    check_stage(
        [3, 2, 3],
        "[[layers]]\ntype = 'flatten'\n[[layers]]\ntype = 'dense'\nunits = 20\nactivation = 'relu'",
    );
}

#[test]
fn losses() {
    let logits = [0.3, -1.2, 2.5, 0.0];
    for loss in [Loss::CrossEntropy, Loss::MeanAbsoluteError] {
        let mixed = Target { label: 2, other: 1, share: 0.7, weight: 1.5 };
        for (label_smoothing, shown) in
            [(0.0, Target::only(2)), (0.2, Target::only(2)), (0.0, mixed), (0.2, mixed)]
        {
            let criterion = Criterion { loss, label_smoothing };
            let at = |logits: [f64; 4]| criterion.gradient(&mut logits.clone(), shown, 1.0);
            let mut gradient = logits;
            criterion.gradient(&mut gradient, shown, 0.5);
            for index in 0..4 {
                let (mut above, mut below) = (logits, logits);
                above[index] += STEP;
                below[index] -= STEP;
                let difference = (at(above) - at(below)) / (2.0 * STEP) * 0.5;
                let error = (difference - gradient[index]).abs();
                assert!(error < LOSS_TOLERANCE, "{criterion:?}: {gradient:?}, {difference}");
            }
        }
    }
}
