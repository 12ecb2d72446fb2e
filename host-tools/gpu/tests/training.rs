//! Trainings on burn, on this machine's cores, beside those of the engine: the same batches in the same order give the
//! same history but for the rounding of sums.

#[path = "../../train/tests/stripes/mod.rs"]
mod stripes;

use burn_core::tensor::Device;
use std::ops::ControlFlow;
use std::time::Duration;
use stripes::dataset;
use thumbnet_gpu::Gpu;
use thumbnet_train::doubt::{cross_validate, cross_validate_on};
use thumbnet_train::{
    ClassWeights, EpochResult, Loss, Observer, Optimizer, Recipe, TrainError, Trained, Training,
    resume, resume_on, train, train_on,
};

/// Sums in another order, in single precision, over two epochs of small steps.
const TOLERANCE: f64 = 1e-3;

const LAYERS: &str = "
name = 'small'
input.shape = [8, 8, 1]
layers = [
    { type = 'conv2d', filters = 5, kernel = [3, 3], batch_norm = true, activation = 'relu' },
    { type = 'max_pool2d', window = [2, 2] },
    { type = 'residual', body = [{ type = 'depthwise_conv2d', kernel = [3, 3], padding = 'same', batch_norm = true }] },
    { type = 'flatten' },
    { type = 'dense', units = 20, activation = 'relu' },
    { type = 'dense' },
]
[training]
epochs = 2
batch = 20
learning_rate = 0.003
";

fn recipe(change: impl Fn(&mut Training)) -> Recipe {
    let mut recipe: Recipe = toml::from_str(LAYERS).expect("the test's recipe is one");
    change(&mut recipe.training);
    recipe
}

fn flex() -> Gpu {
    Gpu::new("flex", Device::flex()).expect("this machine's cores are there")
}

type Variant = (&'static str, fn(&mut Training));

/// The recipe's changes that an optimizer must get right.
fn variants() -> [Variant; 4] {
    [
        ("adam", |training| training.weight_decay = 0.01),
        ("adamw", |training| {
            (training.optimizer, training.weight_decay) = (Optimizer::AdamW, 0.1);
            (training.average, training.label_smoothing) = (Some(0.9), 0.1);
            training.class_weights = Some(ClassWeights::List(vec![1.0, 2.0, 0.5]));
        }),
        ("sgd", |training| {
            (training.optimizer, training.weight_decay) = (Optimizer::Sgd, 0.01);
            (training.learning_rate, training.clip_norm) = (0.02, Some(0.5));
        }),
        ("error", |training| {
            training.loss = Loss::MeanAbsoluteError;
            training.augment.shift = 0.1;
            training.augment.mixup = 0.3;
            training.hold_out = 0.2;
        }),
    ]
}

fn assert_alike(name: &str, ours: &Trained, burns: &Trained) {
    assert_eq!(ours.history.len(), burns.history.len());
    for (ours, burns) in ours.history.iter().zip(&burns.history) {
        let losses = [ours.loss - burns.loss, ours.accuracy - burns.accuracy];
        assert!(losses.iter().all(|apart| apart.abs() < TOLERANCE), "{name}: {ours:?} {burns:?}");
    }
    let logits = [ours, burns].map(|trained| trained.network.predict(&dataset(9).test.pixels()));
    let [ours, burns] = logits;
    let apart = ours.iter().zip(&burns).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
    assert!(apart < 10.0 * TOLERANCE, "{name}: logits {apart} apart");
}

#[test]
fn a_training_on_burn_goes_as_one_on_the_engine() {
    let (dataset, device) = (dataset(203), flex());
    for (name, change) in variants() {
        let recipe = recipe(change);
        let [ours, burns] = [(); 2].map(|()| tempfile::tempdir().expect("a folder for the test"));
        let ours = train(&recipe, &dataset, ours.path(), &mut ()).expect("it trains");
        let burns = train_on(Some(&device), &recipe, &dataset, burns.path(), &mut ());
        assert_alike(name, &ours, &burns.expect("it trains"));
    }
}

/// Stops after the first epoch.
struct Stop;

impl Observer for Stop {
    fn epoch(&mut self, _: &EpochResult, _: Duration) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}

#[test]
fn what_began_on_the_engine_goes_on_on_burn_and_the_other_way() {
    let (dataset, device) = (dataset(203), flex());
    for (name, change) in variants() {
        let recipe = recipe(change);
        let folder = || tempfile::tempdir().expect("a folder for the test");
        let whole = train(&recipe, &dataset, folder().path(), &mut ()).expect("it trains");
        let first = folder();
        train(&recipe, &dataset, first.path(), &mut Stop).expect("one epoch");
        let rest = resume_on(Some(&device), first.path(), &dataset, &mut ()).expect("the rest");
        assert_alike(name, &whole, &rest);
        let first = folder();
        train_on(Some(&device), &recipe, &dataset, first.path(), &mut Stop).expect("one epoch");
        let rest = resume(first.path(), &dataset, &mut ()).expect("the rest");
        assert_alike(name, &whole, &rest);
    }
}

#[test]
fn parts_that_are_judged_by_the_others_are_judged_alike() {
    let (dataset, device, recipe) = (dataset(120), flex(), recipe(|_| ()));
    let (pictures, classes) = (&dataset.train, &dataset.classes);
    let ours = cross_validate(&recipe, pictures, classes, 2, &mut ()).expect("it trains");
    let burns = cross_validate_on(Some(&device), &recipe, pictures, classes, 2, &mut ());
    let burns = burns.expect("it trains");
    assert_eq!(ours.len(), burns.len());
    let apart = ours.iter().zip(&burns).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
    // Not the engine's bytes: the device has learned.
    assert!(apart > 0.0 && apart < 10.0 * TOLERANCE, "probabilities {apart} apart");
}

#[test]
fn what_burn_cannot_do_is_refused_before_the_first_epoch() {
    let (dataset, device) = (dataset(30), flex());
    let problem = |change: fn(&mut Training)| {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let result = train_on(Some(&device), &recipe(change), &dataset, folder.path(), &mut ());
        result.expect_err("it is refused")
    };
    let error = problem(|training| training.quantized_epochs = 1);
    assert!(matches!(error, TrainError::Field { field: "training.quantized_epochs", .. }));
    assert!(error.to_string().contains("flex cannot do that: leave it out"), "{error}");
    let error = problem(|training| training.optimizer = Optimizer::Gd);
    assert!(error.to_string().contains("use adam, adamw or sgd"), "{error}");
}

#[cfg(feature = "several")]
#[test]
fn two_devices_learn_what_one_does() {
    let dataset = dataset(203);
    let devices = Gpu::several("two", vec![Device::flex(), Device::flex()]).expect("both there");
    // Without normalization over the batch, parts of it are no other than the whole.
    let mut recipe = recipe(variants()[1].1);
    for layer in &mut recipe.layers {
        if let thumbnet_train::Layer::Conv2d { batch_norm, .. } = layer {
            *batch_norm = false;
        }
    }
    recipe.layers.retain(|layer| layer.kind() != "residual");
    let [one, two] = [(); 2].map(|()| tempfile::tempdir().expect("a folder for the test"));
    let one = train(&recipe, &dataset, one.path(), &mut ()).expect("it trains");
    let two = train_on(Some(&devices), &recipe, &dataset, two.path(), &mut ());
    assert_alike("two devices", &one, &two.expect("it trains"));
}

#[cfg(feature = "several")]
#[test]
fn two_devices_learn_with_normalization_over_their_parts() {
    let dataset = dataset(203);
    let devices = Gpu::several("two", vec![Device::flex(), Device::flex()]).expect("both there");
    let mut recipe = recipe(|_| ());
    recipe.training.epochs = 6;
    let folder = tempfile::tempdir().expect("a folder for the test");
    let trained = train_on(Some(&devices), &recipe, &dataset, folder.path(), &mut ());
    let accuracy = trained.expect("it trains").history[5].test_accuracy;
    assert!(accuracy > Some(0.9), "{accuracy:?}");
}
