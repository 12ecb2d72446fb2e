//! Trainings that begin with the weights of another network.

mod small;
mod stripes;
mod written;

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;
use stripes::dataset;
use thumbnet_data::Dataset;
use thumbnet_graph::{FloatWeights, Op};
use thumbnet_train::{
    EpochResult, Layer, Network, Observer, Recipe, Start, TrainError, load, resume, train,
};
use written::files;

/// The small network with batch normalization in every convolution.
fn recipe() -> Recipe {
    let mut recipe = small::recipe();
    for layer in &mut recipe.layers {
        if let Layer::Conv2d { batch_norm, .. } = layer {
            *batch_norm = true;
        }
    }
    recipe
}

/// The stripes, of which only the first two kinds have names.
fn two_classes() -> Dataset {
    let all = dataset(120);
    let kept = |pictures: &thumbnet_data::Pictures| {
        let indices: Vec<usize> = (0..pictures.len()).filter(|index| index % 3 < 2).collect();
        pictures.select(&indices)
    };
    Dataset {
        classes: all.classes[..2].to_vec(),
        train: kept(&all.train),
        test: kept(&all.test),
        name: all.name,
    }
}

fn start(folder: &Path, freeze: bool) -> Start {
    Start { folder: folder.to_owned(), freeze, weights: None }
}

/// Weights of every layer, normalizations folded in; those of the last dense layer apart.
fn weights(network: &Network) -> (Vec<FloatWeights>, FloatWeights) {
    let nodes = network.to_graph().nodes;
    let mut weights: Vec<FloatWeights> = nodes
        .into_iter()
        .filter_map(|node| match node.op {
            Op::Conv2d(conv) => Some(conv.weights),
            _ => None,
        })
        .collect();
    let head = weights.pop().expect("there is a head");
    (weights, head)
}

/// Stops after the second epoch.
struct Stop;

impl Observer for Stop {
    fn epoch(&mut self, result: &EpochResult, _: Duration) -> ControlFlow<()> {
        if result.epoch == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn frozen_layers_stay_to_the_last_bit_while_the_head_learns() {
    let source = tempfile::tempdir().expect("a folder for the test");
    let before = train(&recipe(), &dataset(120), source.path(), &mut ()).expect("it trains");
    for average in [None, Some(0.9)] {
        let mut recipe = before.network.recipe().clone().for_other_classes();
        recipe.training.average = average;
        recipe.training.clip_norm = Some(1.0);
        recipe.start = Some(start(source.path(), true));
        let whole = tempfile::tempdir().expect("a folder for the test");
        let after = train(&recipe, &two_classes(), whole.path(), &mut ()).expect("it trains");
        let ((taken, _), (kept, head)) = (weights(&before.network), weights(&after.network));
        assert_eq!(kept, taken);
        assert_eq!(head.bias.len(), 2);
        let [first, last] = [&after.history[0], &after.history[3]];
        assert!(last.loss < first.loss, "{first:?} {last:?}");

        let parts = tempfile::tempdir().expect("a folder for the test");
        train(&recipe, &two_classes(), parts.path(), &mut Stop).expect("two epochs");
        resume(parts.path(), &two_classes(), &mut ()).expect("the rest");
        assert_eq!(files(parts.path()), files(whole.path()));
        assert_eq!(load(parts.path()).expect("it was written").network, after.network);
    }
}

#[test]
fn layers_that_are_not_frozen_go_on_from_where_they_were() {
    let source = tempfile::tempdir().expect("a folder for the test");
    let before = train(&small::recipe(), &dataset(120), source.path(), &mut ()).expect("trains");
    let mut recipe = before.network.recipe().clone().for_other_classes();
    recipe.start = Some(start(source.path(), false));
    recipe.training.epochs = 1;
    let folder = tempfile::tempdir().expect("a folder for the test");
    let mut after = |rate: f64| {
        recipe.training.learning_rate = rate;
        let trained = train(&recipe, &two_classes(), folder.path(), &mut ()).expect("it trains");
        weights(&trained.network).0
    };
    let taken = weights(&before.network).0;
    let distance = |now: &[FloatWeights]| {
        let pairs =
            now.iter().zip(&taken).flat_map(|(now, then)| now.values.iter().zip(&then.values));
        pairs.map(|(now, then)| (now - then).abs()).fold(0.0, f32::max)
    };
    // Four steps of Adam, each no longer than the rate.
    let near = distance(&after(1e-6));
    assert!(near > 0.0 && near < 1e-5, "{near}");
    assert!(distance(&after(1e-2)) > 1e-3);
}

#[test]
fn the_recipe_says_which_weights_they_were_and_means_them() {
    let source = tempfile::tempdir().expect("a folder for the test");
    let before = train(&recipe(), &dataset(60), source.path(), &mut ()).expect("it trains");
    let mut recipe = before.network.recipe().clone().for_other_classes();
    recipe.start = Some(start(source.path(), true));
    let folder = tempfile::tempdir().expect("a folder for the test");
    let after = train(&recipe, &two_classes(), folder.path(), &mut ()).expect("it trains");
    let written = after.network.recipe().clone();
    let digest = written.start.as_ref().and_then(|start| start.weights.clone());
    assert_eq!(digest.expect("it is written").len(), 64);
    assert_eq!(Recipe::read(&folder.path().join("model.toml")).expect("a recipe"), written);

    let mut other = before.network.recipe().clone();
    other.training.seed = 9;
    train(&other, &dataset(60), source.path(), &mut ()).expect("it trains");
    let error = train(&written, &two_classes(), folder.path(), &mut ()).expect_err("others");
    assert!(error.to_string().contains("leave start.weights out"), "{error}");
}

#[test]
fn the_first_layer_that_does_not_match_is_named() {
    let source = tempfile::tempdir().expect("a folder for the test");
    train(&small::recipe(), &dataset(60), source.path(), &mut ()).expect("it trains");
    let folder = tempfile::tempdir().expect("a folder for the test");
    let problem = |recipe: &Recipe| {
        let recipe = Recipe { start: Some(start(source.path(), false)), ..recipe.clone() };
        let error = train(&recipe, &two_classes(), folder.path(), &mut ()).expect_err("no match");
        assert!(matches!(error, TrainError::Transfer { .. }), "{error}");
        error.to_string()
    };
    let wide = {
        let mut recipe = small::recipe();
        if let Layer::Conv2d { filters, .. } = &mut recipe.layers[2] {
            *filters = 6;
        }
        recipe
    };
    let text = problem(&wide);
    let expected = "its conv2 of 4x2x2x5 weights does not match conv2 of 6x2x2x5 weights here";
    assert!(text.contains(expected), "{text}");
    let text = problem(&recipe());
    let expected =
        "its conv1 of 5x3x3x1 weights does not match conv1 of 5x3x3x1 weights without bias";
    assert!(text.contains(expected), "{text}");
    let mut short = small::recipe();
    short.layers.remove(4);
    let text = problem(&short);
    assert!(text.contains("there is no layer here to match its dense1 of 20x36 weights"), "{text}");
}
