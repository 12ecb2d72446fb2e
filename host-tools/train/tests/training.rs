//! Trainings from start to folder: same bytes again and again, stopping and going on, and what can go wrong.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;
use thumbnet_data::augment::Augmentation;
use thumbnet_data::{Dataset, Pictures};
use thumbnet_graph::Shape;
use thumbnet_train::metrics::predictions;
use thumbnet_train::{
    BatchProgress, ClassWeightRule, ClassWeights, EpochResult, Observer, Optimizer, Recipe,
    TrainError, Trained, Training, load, resume, train,
};

/// A convolution with a pool, a convolution with padding, an average, two dense layers.
const LAYERS: &str = "
name = 'small'
input.shape = [8, 8, 1]
[[layers]]
type = 'conv2d'
filters = 5
kernel = [3, 3]
activation = 'relu'
[[layers]]
type = 'max_pool2d'
window = [2, 2]
[[layers]]
type = 'conv2d'
filters = 4
kernel = [2, 2]
padding = 'same'
activation = 'relu'
[[layers]]
type = 'flatten'
[[layers]]
type = 'dense'
units = 20
activation = 'relu'
[[layers]]
type = 'dense'
[training]
epochs = 4
batch = 20
learning_rate = 0.01
";

fn recipe() -> Recipe {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("model.toml");
    std::fs::write(&path, LAYERS).expect("a file for the test");
    Recipe::read(&path).expect("the test's recipe")
}

/// Pictures of three kinds that a small network can tell apart: noise, brighter at the top, at the left or nowhere.
fn dataset(count: usize) -> Dataset {
    let mut state = 12345u32;
    let mut noise = move || {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        state >> 25
    };
    let mut pictures = |count: usize| {
        let mut pixels = Vec::new();
        for index in 0..count {
            for at in 0..64 {
                let bright = match index % 3 {
                    0 => at / 8 < 3,
                    1 => at % 8 < 3,
                    _ => false,
                };
                pixels.push((noise() + if bright { 90 } else { 0 }) as u8);
            }
        }
        let labels = (0..count).map(|index| index % 3).collect();
        Pictures { shape: Shape::new(8, 8, 1), pixels, labels }
    };
    let classes = ["top", "left", "none"].map(str::to_owned).to_vec();
    let (train, test) = (pictures(count), pictures(31));
    Dataset { name: "stripes".to_owned(), classes, train, test }
}

/// Every file's name and bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    entries
        .map(|entry| {
            let entry = entry.expect("an entry");
            let bytes = std::fs::read(entry.path()).expect("a file");
            (entry.file_name().into_string().expect("a plain name"), bytes)
        })
        .collect()
}

/// Every kind of change at once.
fn changes() -> Augmentation {
    Augmentation {
        shift: 0.1,
        rotate: 5.0,
        zoom: 0.1,
        flip: false,
        brightness: 0.1,
        contrast: 0.1,
        noise: 0.05,
        blur: 0.2,
        cutout: 0.2,
        mixup: 0.3,
    }
}

fn on_threads<R: Send>(threads: usize, run: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.expect("threads for the test").install(run)
}

/// Stops after so many epochs, or so many batches.
struct Stop {
    after_epochs: usize,
    after_batches: usize,
}

impl Observer for Stop {
    fn batch(&mut self, _: &BatchProgress) -> ControlFlow<()> {
        self.after_batches -= 1;
        if self.after_batches == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn epoch(&mut self, result: &EpochResult, _: Duration) -> ControlFlow<()> {
        let stop = result.epoch == self.after_epochs;
        if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
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
    assert_eq!(digest, "16087fca8fbfe29c53d341e6ae95d83ae1669ba964af985243cf64e1d6af5b29");
}

#[test]
fn going_on_gives_the_bytes_of_an_uninterrupted_training() {
    let (recipe, dataset) = (recipe(), dataset(203));
    let plain = |training: &mut Training| training.optimizer = Optimizer::Adam;
    let changed = |training: &mut Training| {
        training.optimizer = Optimizer::Sgd;
        training.augment = changes();
    };
    let with_everything = |training: &mut Training| {
        training.optimizer = Optimizer::AdamW;
        training.weight_decay = 0.01;
        training.clip_norm = Some(0.5);
        training.average = Some(0.9);
        training.class_weights = Some(ClassWeights::List(vec![1.0, 2.0, 0.5]));
    };
    for change in [plain as fn(&mut Training), changed, with_everything] {
        let mut recipe = recipe.clone();
        change(&mut recipe.training);
        let whole = tempfile::tempdir().expect("a folder for the test");
        let expected = train(&recipe, &dataset, whole.path(), &mut ()).expect("it trains");

        let parts = tempfile::tempdir().expect("a folder for the test");
        let mut stop = Stop { after_epochs: 1, after_batches: usize::MAX };
        let first = train(&recipe, &dataset, parts.path(), &mut stop).expect("one epoch");
        assert_eq!(first.history, expected.history[..1]);
        assert!(!first.is_finished() && files(parts.path()).contains_key("checkpoint.safetensors"));
        // Eleven batches an epoch: in the middle of the third epoch.
        let mut stop = Stop { after_epochs: usize::MAX, after_batches: 17 };
        let second = resume(parts.path(), &dataset, &mut stop).expect("one epoch more");
        assert_eq!(second.history, expected.history[..2]);
        assert_eq!(load(parts.path()).expect("it was written"), second);
        let last = resume(parts.path(), &dataset, &mut ()).expect("the rest");
        assert_eq!(last, expected);
        assert_eq!(files(parts.path()), files(whole.path()));
    }
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
    let pixels = dataset(203).test.pixels;
    assert_ne!(last.network.predict(&pixels), averaged.network.predict(&pixels));
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
        let predicted = predictions(&trained.network.predict(&dataset.test.pixels), 3);
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
fn stopping_before_the_first_epoch_leaves_an_older_model_alone() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let dataset = dataset(60);
    train(&recipe(), &dataset, folder.path(), &mut ()).expect("it trains");
    let before = files(folder.path());
    let mut stop = Stop { after_epochs: usize::MAX, after_batches: 2 };
    let mut other = recipe();
    other.training.seed = 9;
    let stopped = train(&other, &dataset, folder.path(), &mut stop);
    assert!(matches!(stopped, Err(TrainError::Stopped)), "{stopped:?}");
    assert_eq!(files(folder.path()), before);
}

#[test]
fn a_folder_without_a_checkpoint_has_nothing_to_resume() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let dataset = dataset(60);
    train(&recipe(), &dataset, folder.path(), &mut ()).expect("it trains");
    let message = resume(folder.path(), &dataset, &mut ()).expect_err("it is finished").to_string();
    assert!(message.contains("there is no unfinished training to resume"), "{message}");
}

#[test]
fn going_on_with_other_pictures_is_refused() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let mut stop = Stop { after_epochs: 1, after_batches: usize::MAX };
    train(&recipe(), &dataset(60), folder.path(), &mut stop).expect("one epoch");
    let message = resume(folder.path(), &dataset(61), &mut ()).expect_err("other data").to_string();
    assert!(message.contains("not the pictures the training began with"), "{message}");
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
    let message = problem(|dataset| dataset.test.shape = Shape::new(28, 28, 3));
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

#[test]
fn a_folder_that_cannot_be_written_is_told_before_training() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("file");
    std::fs::write(&path, "in the way").expect("a file for the test");
    let message = train(&recipe(), &dataset(20), &path, &mut ()).expect_err("a file").to_string();
    assert!(message.starts_with(&format!("cannot write {}: ", path.display())), "{message}");
    assert!(message.ends_with("; free space or choose another folder with `-o`"), "{message}");
}

/// A checkpoint that cannot be written: a folder is where it must go.
#[test]
fn a_failed_write_says_how_many_epochs_are_safe() {
    struct Block<'a>(&'a Path);
    impl Observer for Block<'_> {
        fn epoch(&mut self, result: &EpochResult, _: Duration) -> ControlFlow<()> {
            if result.epoch == 2 {
                let path = self.0.join("history.jsonl");
                std::fs::remove_file(&path).expect("it is there");
                std::fs::create_dir_all(path.join("in the way")).expect("a folder");
            }
            ControlFlow::Continue(())
        }
    }
    let folder = tempfile::tempdir().expect("a folder for the test");
    let (recipe, dataset) = (recipe(), dataset(60));
    let blocked = train(&recipe, &dataset, folder.path(), &mut Block(folder.path()));
    let message = blocked.expect_err("the third epoch cannot be written").to_string();
    assert!(message.contains("history.jsonl: "), "{message}");
    assert!(
        message.ends_with("; 2 epochs are safe: free space, then go on with `--resume`"),
        "{message}"
    );
    std::fs::remove_dir_all(folder.path().join("history.jsonl")).expect("the obstacle");
    let resumed = resume(folder.path(), &dataset, &mut ()).expect("the rest");
    let whole = tempfile::tempdir().expect("a folder for the test");
    assert_eq!(train(&recipe, &dataset, whole.path(), &mut ()).expect("it trains"), resumed);
    assert_eq!(files(folder.path()), files(whole.path()), "no half-written file is left");
}

#[test]
fn damaged_files_are_told_and_nothing_panics() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let mut stop = Stop { after_epochs: 1, after_batches: usize::MAX };
    let dataset = dataset(60);
    train(&recipe(), &dataset, folder.path(), &mut stop).expect("one epoch");
    let whole = files(folder.path());
    let damage = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.path().join(name), bytes).expect("a damaged file");
        let loaded: Result<Trained, TrainError> = load(folder.path());
        let resumed = resume(folder.path(), &dataset, &mut ());
        std::fs::write(folder.path().join(name), &whole[name]).expect("the whole file");
        (loaded, resumed)
    };
    let weights = &whole["weights.safetensors"];
    for length in [0, 7, 8, 100, weights.len() - 1] {
        let (loaded, _) = damage("weights.safetensors", &weights[..length]);
        let message = loaded.expect_err("truncated").to_string();
        assert!(message.contains("weights.safetensors: not a safetensors file"), "{message}");
    }
    let (_, resumed) = damage("checkpoint.safetensors", weights);
    let message = resumed.expect_err("not a checkpoint").to_string();
    assert!(message.contains("checkpoint.safetensors: "), "{message}");
    let mut not_a_number = weights.clone();
    let end = not_a_number.len() - 4;
    not_a_number[end..].copy_from_slice(&f32::NAN.to_le_bytes());
    let (loaded, _) = damage("weights.safetensors", &not_a_number);
    assert!(loaded.expect_err("NaN").to_string().contains("not finite"));
    let (loaded, _) = damage("history.jsonl", b"{}");
    assert!(loaded.expect_err("no result").to_string().contains("history.jsonl: line 1: "));
    let other = String::from_utf8(whole["model.toml"].clone()).expect("text");
    let (loaded, _) = damage("model.toml", other.replace("filters = 4", "filters = 6").as_bytes());
    let message = loaded.expect_err("another network").to_string();
    assert!(message.contains("but the recipe beside it needs F32 [6, 2, 2, 5]"), "{message}");
}
