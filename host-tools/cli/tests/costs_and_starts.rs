//! What `train` says and checks before its first epoch, and what it begins with.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use thumbnet_compile::{Options, compile_file, emit};
use thumbnet_graph::{Fit, Preprocessing, Resize, Turn};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_thumbnet")).args(arguments).output().expect("it starts")
}

/// What a run that ends well prints.
fn good(arguments: &[&str]) -> String {
    let output = run(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("it prints text")
}

/// What a run that ends with 2 complains of.
fn bad(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain name")
}

#[test]
fn what_it_will_cost_is_said_first_and_what_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let model = folder.path().join("model");
    let small = ["train", "--model", "lenet5", "--input", "12x12x1", "--epochs", "1"];
    let place = ["-o", text(&model), "--board", "nucleo-f446re"];
    let printed = good(&[&small[..], &place].concat());
    let estimate = printed.find("estimate for nucleo-f446re: flash ").expect("it is said");
    assert!(estimate < printed.find("epoch ").expect("there is an epoch"), "{printed}");
    for words in [" B, RAM ", " M instructions a picture"] {
        assert!(printed.contains(words), "{printed}");
    }

    let other = folder.path().join("other");
    let large = ["train", "--model", "mobilenet", "--board", "qemu-microbit", "-o", text(&other)];
    let complaint = bad(&large);
    for words in ["mobilenet does not fit qemu-microbit", "B too many", "layer ", "smaller --input"]
    {
        assert!(complaint.contains(words), "{complaint}");
    }
    assert!(!other.exists(), "nothing is written");
    let complaint = bad(&["train", "--input", "28x28"]);
    assert!(complaint.contains("as 96x96x3"), "{complaint}");
    let complaint = bad(&["train", "--model", "seed-cnn", "--input", "4x4x1", "-o", text(&other)]);
    assert!(complaint.contains("layer 3"), "{complaint}");
}

#[test]
fn pictures_are_prepared_as_the_command_line_says() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let model = folder.path().join("model");
    let small = ["train", "--model", "lenet5", "--input", "12x20x1", "--epochs", "1"];
    let how = ["--fit", "pad", "--resize", "bilinear", "--turn", "90", "--invert"];
    good(&[&small[..], &how, &["-o", text(&model)]].concat());
    good(&["export", text(&model)]);
    let file = model.join("model.onnx");
    let program = compile_file(&file, &Options::default()).expect("it compiles");
    let expected =
        Preprocessing { fit: Fit::Pad, resize: Resize::Bilinear, invert: true, turn: Turn::Right };
    assert_eq!(program.metadata.preprocessing, Some(expected));
    let code = emit(&program).rust;
    for words in ["Fit::Pad", "Resize::Bilinear", "Turn::Right", "invert: true"] {
        assert!(code.contains(words), "{words}");
    }
    assert!(bad(&["train", "--turn", "45"]).contains("[possible values: 0, 90, 180, 270]"));
    let complaint = bad(&["train", "--resume", "--turn", "90", "-o", text(&model)]);
    assert!(complaint.contains("cannot be used with"), "{complaint}");
}

#[test]
fn a_new_head_learns_on_a_trained_network() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let [source, target] = ["source", "target"].map(|name| folder.path().join(name));
    let small = ["train", "--model", "lenet5", "--input", "12x12x1", "--epochs", "1"];
    good(&[&small[..], &["-o", text(&source)]].concat());
    let start =
        ["train", "--from", text(&source), "--freeze", "--epochs", "1", "-o", text(&target)];
    let report: Value = serde_json::from_str(&good(&[&start[..], &["--json"]].concat()))
        .expect("--json prints JSON");
    assert!(report["estimate"]["instructions"].as_u64() > Some(1000), "{report}");
    assert!(report["test"]["accuracy"].as_f64() > Some(0.5), "{report}");
    let recipe = std::fs::read_to_string(target.join("model.toml")).expect("it is written");
    assert!(recipe.contains("[start]") && recipe.contains("freeze = true"), "{recipe}");

    let model = ["train", "--model", "seed-cnn", "--from", text(&source), "-o", text(&source)];
    let complaint = bad(&[&model[..], &["--overwrite"]].concat());
    assert!(complaint.contains("its conv1 of 6x5x5x1 weights does not match"), "{complaint}");
    assert!(bad(&["train", "--freeze"]).contains("--from"));
}

#[test]
fn pictures_without_labels_are_learned_from_and_counted() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let [unlabelled, model, empty] =
        ["unlabelled", "model", "empty"].map(|name| folder.path().join(name));
    std::fs::create_dir_all(&unlabelled).expect("a folder for the test");
    std::fs::create_dir_all(&empty).expect("a folder for the test");
    for shade in 0..9u8 {
        let mut file = b"P5 12 12 255\n".to_vec();
        file.extend((0..144u8).map(|at| (at / 12).wrapping_mul(20).wrapping_add(shade)));
        std::fs::write(unlabelled.join(format!("{shade}.pgm")), file).expect("it is written");
    }
    let small = ["train", "--model", "lenet5", "--input", "12x12x1", "--epochs", "1"];
    let place = ["-o", text(&model), "--unlabelled"];
    let all = [text(&unlabelled), "--pseudo-threshold", "0.01", "--json"];
    let report: Value = serde_json::from_str(&good(&[&small[..], &place, &all].concat()))
        .expect("--json prints JSON");
    let counts = report["pseudo_labels"]["counts"].as_array().expect("one a class");
    assert_eq!(counts.iter().filter_map(Value::as_u64).sum::<u64>(), 9);
    assert_eq!((report["pseudo_labels"]["left"].as_u64(), counts.len()), (Some(0), 10));
    assert_eq!(report["pictures"]["learned"], 5009);
    assert!(model.join("teacher").join("weights.safetensors").is_file());
    let recipe = std::fs::read_to_string(model.join("model.toml")).expect("it is written");
    assert!(recipe.contains("[pseudo_labels]") && recipe.contains("labelled = 5000"), "{recipe}");
    assert!(recipe.contains("threshold = 0.01\nneighbours = 5"), "{recipe}");

    let other = folder.path().join("other");
    let place = ["-o", text(&other), "--unlabelled"];
    let complaint = bad(&[&small[..], &place, &[text(&empty)]].concat());
    assert!(complaint.contains("no pictures lie in this folder"), "{complaint}");
    let none = [text(&unlabelled), "--pseudo-threshold", "1", "--neighbours", "0"];
    let complaint = bad(&[&small[..], &place, &none].concat());
    assert!(complaint.contains("lower --pseudo-threshold"), "{complaint}");
    let wrong = [text(&unlabelled), "--pseudo-threshold", "1.5"];
    let complaint = bad(&[&small[..], &place, &wrong].concat());
    assert!(complaint.contains("not above 0 and at most 1"), "{complaint}");
}
