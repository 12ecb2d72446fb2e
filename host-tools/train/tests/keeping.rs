//! What a training keeps: the best epoch, whole checkpoints to go on from, and nothing half-written.

mod changes;
mod small;
mod stripes;
mod written;

use changes::changes;
use small::recipe;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;
use stripes::dataset;
use thumbnet_data::{Dataset, Pictures};
use thumbnet_train::metrics::predictions;
use thumbnet_train::{
    BatchProgress, ClassWeights, EpochResult, Observer, Optimizer, Schedule, TrainError, Trained,
    Training, load, resume, train,
};
use written::files;

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
        // At this rate the second epoch is not the best so far: what is kept and what goes on differ.
        training.learning_rate = 1.0;
        training.hold_out = 0.2;
        training.patience = Some(3);
    };
    for change in [plain as fn(&mut Training), changed, with_everything] {
        let mut recipe = recipe.clone();
        change(&mut recipe.training);
        let whole = tempfile::tempdir().expect("a folder for the test");
        let expected = train(&recipe, &dataset, whole.path(), &mut ()).expect("it trains");
        assert!(
            recipe.training.hold_out == 0.0 || expected.kept_epoch() == 1,
            "{:?}",
            expected.history
        );

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
fn a_folder_that_cannot_be_written_is_told_before_training() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("file");
    std::fs::write(&path, "in the way").expect("a file for the test");
    let message = train(&recipe(), &dataset(20), &path, &mut ()).expect_err("a file").to_string();
    assert!(message.starts_with(&format!("cannot write {}: ", path.display())), "{message}");
    assert!(message.ends_with("; free space or choose another folder with `-o`"), "{message}");
}

/// A disk that fills up in the third epoch: a folder is where one of the files must go.
#[test]
fn a_failed_write_says_how_many_epochs_are_safe_and_they_are() {
    struct Block<'a>(&'a Path);
    impl Observer for Block<'_> {
        fn epoch(&mut self, result: &EpochResult, _: Duration) -> ControlFlow<()> {
            if result.epoch == 2 {
                std::fs::remove_file(self.0).expect("it is there");
                std::fs::create_dir_all(self.0.join("in the way")).expect("a folder");
            }
            ControlFlow::Continue(())
        }
    }
    let dataset = dataset(60);
    let mut recipe = recipe();
    recipe.training.hold_out = 0.2;
    let whole = tempfile::tempdir().expect("a folder for the test");
    let expected = train(&recipe, &dataset, whole.path(), &mut ()).expect("it trains");
    for name in ["model.toml", "history.jsonl", "weights.safetensors"] {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join(name);
        let error = train(&recipe, &dataset, folder.path(), &mut Block(&path));
        let message = error.expect_err("the third epoch cannot be written").to_string();
        assert!(message.contains(&format!("{name}: ")), "{message}");
        let advice = "; 2 epochs are safe: free space, then go on with `--resume`";
        assert!(message.ends_with(advice), "{message}");
        // A full disk leaves the old file; the obstacle took its place.
        std::fs::remove_dir_all(&path).expect("the obstacle");
        std::fs::copy(whole.path().join("model.toml"), folder.path().join("model.toml"))
            .expect("the recipe never changes");
        let resumed = resume(folder.path(), &dataset, &mut ()).expect("the rest");
        assert_eq!(resumed, expected);
        assert_eq!(files(folder.path()), files(whole.path()), "no half-written file is left");
    }
}

#[test]
fn the_best_epoch_on_the_held_out_pictures_is_kept() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let mut recipe = recipe();
    recipe.training.hold_out = 0.2;
    recipe.training.patience = Some(2);
    recipe.training.epochs = 30;
    recipe.training.schedule = Schedule::Constant;
    recipe.training.learning_rate = 0.02;
    let dataset = dataset(203);
    let trained = train(&recipe, &dataset, folder.path(), &mut ()).expect("it trains");
    let kept = trained.kept_epoch();
    assert!(trained.is_finished() && trained.history.len() == kept + 2, "{trained:?}");
    assert!(kept < 28, "it stopped early");
    let read = load(folder.path()).expect("it was written");
    assert_eq!((read.kept_epoch(), &read.network), (kept, &trained.network));
    let held_out = recipe.held_out(&dataset).expect("enough pictures");
    assert_eq!(held_out.len(), 41);
    let predicted = predictions(&trained.network.predict_pictures(&held_out), 3);
    let correct = predicted.iter().zip(&held_out.labels).filter(|(a, b)| a == b).count();
    let result = &trained.history[kept - 1];
    assert_eq!(result.held_out_accuracy, Some(correct as f64 / 41.0));
    assert!(trained.history.iter().all(|epoch| epoch.test_accuracy.is_none()));
}

#[test]
fn what_is_held_out_is_not_learned_from() {
    let mut recipe = recipe();
    recipe.training.hold_out = 0.2;
    recipe.training.augment.mixup = 1.0;
    let run = |dataset: &Dataset| {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let trained = train(&recipe, dataset, folder.path(), &mut ()).expect("it trains");
        trained.history.iter().map(|epoch| epoch.loss).collect::<Vec<f64>>()
    };
    let whole = dataset(203);
    let mut changed = whole.clone();
    let held_out = recipe.held_out(&whole).expect("enough pictures");
    let mut blacked = 0;
    let mut pixels = whole.train.pixels().into_owned();
    for picture in pixels.chunks_exact_mut(64) {
        if held_out.pixels().chunks_exact(64).any(|other| other == picture) {
            picture.fill(0);
            blacked += 1;
        }
    }
    changed.train = Pictures::new(whole.train.shape, pixels, whole.train.labels.clone());
    assert_eq!(blacked, held_out.len());
    assert_eq!(run(&whole), run(&changed));
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
