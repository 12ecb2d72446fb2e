//! One seed, the same bytes: again, in another folder, on other numbers of threads, and after an interruption.

use parity::{Outcome, program, small, write_idx};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;
use thumbnet_graph::onnx::{self, Form};
use thumbnet_quantize::quantize;
use thumbnet_train::{BatchProgress, EpochResult, Observer, Recipe, Trained};

/// Data and model by relative names, so that only the folder around them differs.
const TRAIN: [&str; 5] = ["train", "--data", "pictures", "-o", "model"];

/// A working folder with the small data set in it.
fn workplace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    write_idx(&folder.path().join("pictures"), &small().dataset);
    folder
}

fn train(folder: &Path, threads: &str, options: &[&str]) {
    let mut command = program();
    command.args(TRAIN).args(options).current_dir(folder).env("RAYON_NUM_THREADS", threads);
    Outcome::of(&mut command).good();
}

/// Exports in both forms and returns every file of the model's folder.
fn export(folder: &Path, threads: &str) -> BTreeMap<String, Vec<u8>> {
    for form in [["qlinear", "model/model.onnx"], ["qdq", "model/model-qdq.onnx"]] {
        let [form, file] = form;
        let mut command = program();
        // A network of two epochs may lose more than a good one.
        command.args(["export", "model", "--form", form, "-o", file, "--max-drop", "100"]);
        Outcome::of(command.current_dir(folder).env("RAYON_NUM_THREADS", threads)).good();
    }
    files(&folder.join("model"))
}

/// Every file below the folder, by its path there.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("it has one").to_string_lossy().into_owned();
        if path.is_dir() {
            let below = files(&path).into_iter();
            found.extend(below.map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
        } else {
            found.insert(name, std::fs::read(path).expect("a readable file"));
        }
    }
    found
}

/// As [`assert_eq`], without printing megabytes.
fn assert_same(a: &BTreeMap<String, Vec<u8>>, b: &BTreeMap<String, Vec<u8>>) {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, bytes) in a {
        assert!(bytes == &b[name], "{name} differs");
    }
}

#[test]
fn folders_and_threads_do_not_show_in_any_byte() {
    let runs = ["1", "2", "3"].map(|threads| {
        let folder = workplace();
        train(folder.path(), threads, &["--epochs", "2", "--seed", "7"]);
        export(folder.path(), threads)
    });
    assert!(runs[0].contains_key("model.onnx") && runs[0].contains_key("model-qdq.onnx"));
    assert_same(&runs[0], &runs[1]);
    assert_same(&runs[0], &runs[2]);
}

#[test]
fn another_seed_gives_another_network() {
    let runs = ["1", "2"].map(|seed| {
        let folder = workplace();
        train(folder.path(), "2", &["--epochs", "1", "--seed", seed]);
        export(folder.path(), "2")
    });
    assert!(runs[0]["model.onnx"] != runs[1]["model.onnx"]);
}

/// Stops in the middle of the third epoch.
struct Stop;

impl Observer for Stop {
    fn batch(&mut self, progress: &BatchProgress) -> ControlFlow<()> {
        match (progress.epoch, progress.batches_done) {
            (3, 4) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    fn epoch(&mut self, result: &EpochResult, _: Duration) -> ControlFlow<()> {
        assert!(result.epoch < 3, "it was told to stop");
        ControlFlow::Continue(())
    }
}

fn onnx_of(trained: &Trained) -> Vec<u8> {
    let calibration = small().dataset.train.subset(100);
    let graph = trained.network.to_graph();
    let quantized = quantize(&graph, &calibration.pixels(), Form::QLinear);
    onnx::write(&quantized.unwrap_or_else(|error| panic!("{error}")).graph, Form::QLinear)
}

#[test]
fn an_interrupted_training_goes_on_to_the_same_onnx() {
    let mut recipe = Recipe::find("seed-cnn").expect("it is built in");
    recipe.training.epochs = 4;
    let dataset = &small().dataset;
    let [one, other] = [(); 2].map(|()| tempfile::tempdir().expect("a folder for the test"));
    let whole = thumbnet_train::train(&recipe, dataset, one.path(), &mut ()).expect("it trains");
    let part = thumbnet_train::train(&recipe, dataset, other.path(), &mut Stop).expect("it trains");
    assert_eq!((part.history.len(), part.is_finished()), (2, false));
    let resumed = thumbnet_train::resume(other.path(), dataset, &mut ()).expect("it goes on");
    assert_eq!(resumed.history, whole.history);
    assert!(onnx_of(&resumed) == onnx_of(&whole));
    assert_same(&files(one.path()), &files(other.path()));
}

/// Enough that a signal arrives long before the last is done.
#[cfg(unix)]
const EPOCHS: &str = "12";

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_the_last_epoch_and_resume_gives_the_same_onnx() {
    let [interrupted, whole] = [workplace(), workplace()];
    let folder = interrupted.path();
    let outcome = interrupt_after_first_epoch(folder);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert!(outcome.stderr.contains("the last complete epoch is kept"), "{outcome:#?}");
    assert!(outcome.stdout.contains("thumbnet train --resume -o model"), "{outcome:#?}");
    let kept = thumbnet_train::load(&folder.join("model")).expect("a whole network is kept");
    assert!((1..12).contains(&kept.history.len()), "{} epochs", kept.history.len());
    assert!(!kept.is_finished());
    let mut resume = program();
    Outcome::of(resume.args(TRAIN).arg("--resume").current_dir(folder)).good();
    train(whole.path(), "2", &["--epochs", EPOCHS]);
    assert_same(&export(folder, "2"), &export(whole.path(), "2"));
}

/// Starts a training, sends SIGINT when it has told its first epoch, and waits for its end.
#[cfg(unix)]
fn interrupt_after_first_epoch(folder: &Path) -> Outcome {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};
    let mut command = program();
    command.args(TRAIN).args(["--epochs", EPOCHS]).current_dir(folder);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built");
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut said = String::new();
    while !said.contains("epoch   1 ") {
        let read = stdout.read_line(&mut said).expect("it speaks text");
        assert!(read > 0, "it ended before its first epoch: {said}");
    }
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("every unix has kill").success());
    stdout.read_to_string(&mut said).expect("it speaks text");
    let mut outcome = Outcome::from(child.wait_with_output().expect("it ends"));
    outcome.stdout = said;
    outcome
}
