//! Trainings from start to folder: every option learns, and the same bytes come again and again.

mod changes;
mod small;
mod stripes;
mod written;

use changes::changes;
use small::recipe;
use stripes::dataset;
use thumbnet_data::Dataset;
use thumbnet_data::Pictures;
use thumbnet_graph::Shape;
use thumbnet_train::metrics::predictions;
use thumbnet_train::{ClassWeightRule, ClassWeights, Optimizer, Trained, load, train};
use written::files;

fn on_threads<R: Send>(threads: usize, run: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.expect("threads for the test").install(run)
}

#[test]
fn a_small_network_learns_and_is_read_back() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let mut recipe = recipe();
    recipe.training.epochs = 8;
    let trained = train(&recipe, &dataset(203), folder.path(), &mut ()).expect("it trains");
    assert!(trained.is_finished());
    let last = trained.history.last().expect("eight epochs");
    assert!(last.test_accuracy > Some(0.9), "{last:?}");
    assert!(last.loss < trained.history[0].loss);
    let names: Vec<String> = files(folder.path()).into_keys().collect();
    assert_eq!(names, ["history.jsonl", "model.toml", "weights.safetensors"]);
    assert_eq!(load(folder.path()).expect("it was written"), trained);
}

#[test]
fn every_optimizer_learns() {
    for (optimizer, learning_rate, epochs) in [
        (Optimizer::Adam, 0.01, 4),
        (Optimizer::AdamW, 0.01, 4),
        (Optimizer::Sgd, 0.05, 6),
        (Optimizer::Gd, 0.5, 60),
    ] {
        let mut recipe = recipe();
        recipe.training.optimizer = optimizer;
        recipe.training.weight_decay = if optimizer == Optimizer::AdamW { 0.001 } else { 0.0 };
        recipe.training.learning_rate = learning_rate;
        recipe.training.epochs = epochs;
        let folder = tempfile::tempdir().expect("a folder for the test");
        let trained = train(&recipe, &dataset(203), folder.path(), &mut ()).expect("it trains");
        let last = trained.history.last().expect("it has epochs");
        assert!(last.test_accuracy > Some(0.8), "{optimizer:?}: {last:?}");
    }
}

#[test]
fn threads_and_folders_do_not_show_in_the_bytes() {
    let run = |threads: usize, optimizer: Optimizer| {
        let mut recipe = recipe();
        recipe.training.optimizer = optimizer;
        recipe.training.augment = changes();
        recipe.training.batch = 45;
        recipe.training.clip_norm = Some(0.5);
        recipe.training.average = Some(0.9);
        let folder = tempfile::tempdir().expect("a folder for the test");
        let dataset = dataset(203);
        on_threads(threads, || train(&recipe, &dataset, folder.path(), &mut ()))
            .expect("it trains");
        files(folder.path())
    };
    for optimizer in [Optimizer::Adam, Optimizer::Gd] {
        let one = run(1, optimizer);
        assert_eq!(one, run(2, optimizer));
        assert_eq!(one, run(5, optimizer));
    }
}

#[test]
fn changed_pictures_are_learned_too_and_the_recipe_says_so() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let mut recipe = recipe();
    recipe.training.epochs = 12;
    recipe.training.augment = changes();
    let trained = train(&recipe, &dataset(203), folder.path(), &mut ()).expect("it trains");
    let last = trained.history.last().expect("it has epochs");
    assert!(last.test_accuracy > Some(0.8), "{last:?}");
    let read = load(folder.path()).expect("it was written");
    assert_eq!(read.network.recipe().training.augment, changes());
}

#[test]
fn the_bytes_are_the_same_on_every_machine() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    train(&recipe(), &dataset(203), folder.path(), &mut ()).expect("it trains");
    let weights = &files(folder.path())["weights.safetensors"];
    let digest = thumbnet_data::Digest::of(weights).to_string();
    assert_eq!(digest, "896e35fa970957549fd2368a42accb9e1914524da0c6f9decdc59de1fc5db73f");
}

#[test]
fn the_average_of_the_weights_is_the_network() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let run = |average: Option<f64>| {
        let mut recipe = recipe();
        recipe.training.average = average;
        train(&recipe, &dataset(203), folder.path(), &mut ()).expect("it trains")
    };
    let [last, averaged] = [run(None), run(Some(0.9))];
    // Learning itself is the same, so that only what is evaluated differs.
    let losses = |trained: &Trained| trained.history.iter().map(|epoch| epoch.loss).collect();
    let (plain, averages): (Vec<f64>, Vec<f64>) = (losses(&last), losses(&averaged));
    assert_eq!(plain, averages);
    let test = dataset(203).test;
    assert_ne!(last.network.predict_pictures(&test), averaged.network.predict_pictures(&test));
    assert_eq!(load(folder.path()).expect("it was written"), averaged);
}

#[test]
fn a_scarce_class_is_found_more_often_where_it_counts_more() {
    let mut dataset = dataset(203);
    // One of the third class for every six of each other.
    let keep: Vec<usize> = (0..203).filter(|index| index % 3 != 2 || index % 18 == 2).collect();
    dataset.train = dataset.train.select(&keep);
    let found = |class_weights: Option<ClassWeights>| {
        let mut recipe = recipe();
        recipe.training.epochs = 3;
        recipe.training.class_weights = class_weights;
        let folder = tempfile::tempdir().expect("a folder for the test");
        let trained = train(&recipe, &dataset, folder.path(), &mut ()).expect("it trains");
        let predicted = predictions(&trained.network.predict_pictures(&dataset.test), 3);
        predicted.iter().filter(|&&class| class == 2).count()
    };
    let [plain, balanced] = [None, Some(ClassWeights::Rule(ClassWeightRule::Balanced))].map(found);
    assert!(plain < balanced, "{plain} {balanced}");
    let wrong = ClassWeights::List(vec![1.0]);
    let mut recipe = recipe();
    recipe.training.class_weights = Some(wrong);
    let folder = tempfile::tempdir().expect("a folder for the test");
    let message = train(&recipe, &dataset, folder.path(), &mut ()).expect_err("one").to_string();
    assert!(message.contains("1 numbers where there are 3 classes"), "{message}");
}

#[test]
fn a_loss_that_is_no_number_stops_with_advice() {
    let mut recipe = recipe();
    recipe.training.learning_rate = 1e30;
    let folder = tempfile::tempdir().expect("a folder for the test");
    let error = train(&recipe, &dataset(203), folder.path(), &mut ()).expect_err("it diverges");
    let message = error.to_string();
    assert!(message.starts_with("the training diverged in epoch 1, batch "), "{message}");
    assert!(message.contains("try a smaller learning rate"), "{message}");
    assert!(files(folder.path()).is_empty());
}

#[test]
fn data_that_do_not_fit_are_told() {
    let problem = |change: fn(&mut Dataset)| {
        let mut dataset = dataset(20);
        change(&mut dataset);
        let folder = tempfile::tempdir().expect("a folder for the test");
        train(&recipe(), &dataset, folder.path(), &mut ()).expect_err("unfit data").to_string()
    };
    let message = problem(|dataset| dataset.train = Pictures::empty(Shape::new(8, 8, 1)));
    assert_eq!(message, "the data set `stripes`: there are no training pictures");
    let message = problem(|dataset| dataset.test = Pictures::empty(Shape::new(28, 28, 3)));
    assert!(message.contains("its pictures are 28x28x3, but small takes 8x8x1"), "{message}");
    let message = problem(|dataset| dataset.classes.truncate(2));
    assert!(message.contains("a label of 2 where there are 2 classes"), "{message}");
    let message = problem(|dataset| dataset.classes.truncate(1));
    assert!(message.contains("1 classes"), "{message}");
}

#[test]
fn without_test_pictures_there_is_no_test_accuracy() {
    let mut dataset = dataset(60);
    dataset.test = Pictures::empty(dataset.test.shape);
    let folder = tempfile::tempdir().expect("a folder for the test");
    let trained = train(&recipe(), &dataset, folder.path(), &mut ()).expect("it trains");
    assert_eq!(trained.history[0].test_accuracy, None);
    let history = String::from_utf8(files(folder.path())["history.jsonl"].clone()).expect("text");
    assert!(!history.contains("test_accuracy"), "{history}");
}
