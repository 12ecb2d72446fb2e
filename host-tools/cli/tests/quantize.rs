//! `thumbnet quantize` from a float file of PyTorch to an int8 file that other verbs take.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const DATA: [&str; 2] = ["--data", "fashion-mnist-subset"];

fn float_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../quantize/tests/pytorch/script.onnx")
}

fn thumbnet(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_thumbnet")).args(arguments).output().expect("it starts")
}

#[test]
fn a_float_file_becomes_an_int8_file_that_loses_little() {
    let folder = tempfile::tempdir().unwrap();
    let (float, int8) = (float_file(), folder.path().join("net-int8.onnx"));
    let [float, int8] = [&float, &int8].map(|path| path.to_str().unwrap());
    let output = thumbnet(&[&["quantize", float, "-o", int8, "--json"], &DATA[..]].concat());
    let messages = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{messages}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |field: &str| report[field].as_f64().unwrap();
    assert_eq!(report["written"], true);
    assert!(number("agreement") >= 0.98, "{report}");
    assert!(number("float_accuracy") - number("int8_accuracy") <= 0.005, "{report}");
    // Six convolutions and the dense layer, with whatever stands between them.
    assert!(report["layers"].as_array().unwrap().len() >= 7, "{report}");

    let output = thumbnet(&["inspect", int8, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let inspected: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(inspected["input"], serde_json::json!([28, 28, 1]));
    assert_eq!(inspected["labels"].as_array().unwrap().len(), 10);

    // It is no float file any more.
    let output = thumbnet(&[&["quantize", int8], &DATA[..]].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
}

#[test]
fn a_loss_that_is_not_allowed_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (float, int8) = (float_file(), folder.path().join("net-int8.onnx"));
    let [float, int8] = [&float, &int8].map(|path| path.to_str().unwrap());
    // Nothing gains 50 points by quantization.
    let strict = ["quantize", float, "-o", int8, "--max-drop=-50"];
    let output = thumbnet(&[&strict, &DATA[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing was written"));
    assert!(!Path::new(int8).exists());
    let output = thumbnet(&[&strict, &DATA[..], &["--force"]].concat());
    assert_eq!(output.status.code(), Some(0));
    assert!(Path::new(int8).exists());
}
