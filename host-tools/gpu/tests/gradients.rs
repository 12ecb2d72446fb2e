//! The engine against burn: loss, every stage's values and every parameter's gradient, layer by layer and for whole
//! networks. Both compute in double precision, so that what is compared is the mathematics, not the rounding.

mod batch;
mod compare;

use batch::{Batch, recipe};
use burn_core::tensor::Device;
use compare::{TOLERANCE, distance, distance_from};
use thumbnet_train::{BUILT_IN, Loss, Plan, Recipe};

/// Checks a network of these layers, then `flatten` and `dense`.
fn check_layers(shape: [usize; 3], layers: &str) {
    check(&recipe(shape, layers), 13, Loss::CrossEntropy);
}

fn check(recipe: &Recipe, pictures: usize, loss: Loss) {
    let plan = Plan::new(recipe, 5).expect("the test's layers fit");
    let batch = Batch::new(&plan, pictures);
    let distance = distance(plan, &batch, loss);
    assert!(distance < TOLERANCE, "{}: {distance:e}", recipe.name);
}

/// Each of these strides with both paddings.
fn with_windows(layer: &str, strides: &[&str]) {
    for padding in ["valid", "same"] {
        for stride in strides {
            check_layers(
                [7, 8, 3],
                &format!("{layer}\npadding = '{padding}'\nstride = {stride}\nactivation = 'relu'"),
            );
        }
    }
}

#[test]
fn conv2d() {
    with_windows(
        "[[layers]]\ntype = 'conv2d'\nfilters = 4\nkernel = [3, 2]",
        &["[1, 1]", "[2, 1]", "[2, 3]"],
    );
    check_layers([5, 6, 1], "[[layers]]\ntype = 'conv2d'\nfilters = 3\nkernel = [1, 1]");
}

#[test]
fn conv2d_in_groups() {
    with_windows(
        "[[layers]]\ntype = 'conv2d'\nfilters = 6\nkernel = [2, 3]\ngroups = 3",
        &["[1, 1]", "[2, 2]"],
    );
}

#[test]
fn depthwise_conv2d() {
    with_windows(
        "[[layers]]\ntype = 'depthwise_conv2d'\nkernel = [3, 4]",
        &["[1, 1]", "[2, 2]", "[1, 3]"],
    );
}

#[test]
fn batch_norm() {
    check_layers(
        [6, 6, 3],
        "[[layers]]\ntype = 'conv2d'\nfilters = 4\nkernel = [3, 3]\nbatch_norm = true\nactivation = 'relu'
         [[layers]]\ntype = 'depthwise_conv2d'\nkernel = [3, 3]\npadding = 'same'\nbatch_norm = true",
    );
}

#[test]
fn max_pool2d_alone_and_after_a_convolution() {
    let conv = "[[layers]]\ntype = 'conv2d'\nfilters = 4\nkernel = [2, 2]\nactivation = 'relu'";
    check_layers([7, 7, 1], &format!("{conv}\n[[layers]]\ntype = 'max_pool2d'\nwindow = [2, 3]"));
    check_layers(
        [7, 7, 3],
        &format!(
            "{conv}\nbatch_norm = true\n[[layers]]\ntype = 'max_pool2d'\nwindow = [3, 2]\nstride = [1, 2]"
        ),
    );
}

#[test]
fn average_pool2d_of_windows_and_of_the_whole_map() {
    let conv = "[[layers]]\ntype = 'conv2d'\nfilters = 4\nkernel = [2, 2]";
    for pool in ["window = [2, 3]", "window = [3, 2]\nstride = [1, 1]", ""] {
        check_layers([6, 7, 1], &format!("{conv}\n[[layers]]\ntype = 'average_pool2d'\n{pool}"));
    }
}

#[test]
fn dense_after_dense_and_a_relu_of_its_own() {
    check_layers(
        [3, 4, 3],
        "[[layers]]\ntype = 'relu'\n[[layers]]\ntype = 'flatten'
         [[layers]]\ntype = 'dense'\nunits = 9\nactivation = 'relu'",
    );
}

#[test]
fn dropout_in_the_middle() {
    check_layers(
        [5, 5, 1],
        "[[layers]]\ntype = 'conv2d'\nfilters = 4\nkernel = [2, 2]\nactivation = 'relu'
         [[layers]]\ntype = 'dropout'\nrate = 0.4",
    );
}

#[test]
fn residual_with_and_without_a_shortcut() {
    check_layers(
        [8, 8, 1],
        "[[layers]]\ntype = 'conv2d'\nfilters = 3\nkernel = [3, 3]\nactivation = 'relu'
         [[layers]]\ntype = 'residual'\nactivation = 'relu'
         body = [{ type = 'relu' }, { type = 'conv2d', filters = 3, kernel = [3, 3], padding = 'same', batch_norm = true }]
         [[layers]]\ntype = 'residual'
         body = [{ type = 'conv2d', filters = 4, kernel = [3, 3], padding = 'same', stride = [2, 2] }]
         shortcut = [{ type = 'conv2d', filters = 4, kernel = [1, 1], stride = [2, 2], batch_norm = true }]",
    );
}

#[test]
fn concat() {
    check_layers(
        [6, 6, 1],
        "[[layers]]\ntype = 'conv2d'\nfilters = 3\nkernel = [3, 3]
         [[layers]]\ntype = 'concat'
         branches = [
             [{ type = 'conv2d', filters = 2, kernel = [3, 3], padding = 'same', activation = 'relu' }],
             [],
             [{ type = 'dropout', rate = 0.3 }, { type = 'conv2d', filters = 4, kernel = [1, 1] }],
         ]
         [[layers]]\ntype = 'average_pool2d'\nwindow = [2, 2]",
    );
}

#[test]
fn both_losses() {
    for loss in [Loss::CrossEntropy, Loss::MeanAbsoluteError] {
        check(&recipe([4, 4, 3], ""), 16, loss);
    }
}

#[test]
fn pictures_that_are_normalized() {
    let mut recipe = recipe([5, 5, 3], "[[layers]]\ntype = 'conv2d'\nfilters = 2\nkernel = [3, 3]");
    (recipe.input.mean, recipe.input.std) = (0.4, 0.25);
    check(&recipe, 9, Loss::CrossEntropy);
}

#[test]
fn every_built_in_network() {
    for name in BUILT_IN {
        let recipe = Recipe::built_in(name).expect("it is built in");
        check(&recipe, 6, Loss::CrossEntropy);
    }
}

#[test]
fn a_small_mistake_would_be_noticed() {
    let recipe = Recipe::built_in("lenet5").expect("it is built in");
    let plan = Plan::new(&recipe, 5).expect("it fits");
    let batch = Batch::new(&plan, 6);
    let mut other = batch.parameters.clone();
    other[0].weights[7] += 1e-3;
    let device = Device::flex().autodiff();
    let distance = distance_from(plan, &batch, &other, Loss::CrossEntropy, &device);
    assert!(distance > 10.0 * TOLERANCE, "{distance:e}");
}
