//! The program as scripts call it: exit codes, one-line errors, JSON, arrays.

use crate::networks::{model, network};
use crate::planted_errors::unsnapped;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;
use thumbnet_graph::Shape;
use thumbnet_graph::onnx::{self, Form};
use thumbnet_reference::{Inputs, Layout, Model, Side};
use thumbnet_simulate::{arrays, desktop};

fn reference(folder: &TempDir, arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_thumbnet-reference");
    Command::new(program).args(arguments).current_dir(folder).output().unwrap()
}

/// Whether the program ended with code 2 and one line on standard error that holds all `parts`.
fn assert_refused(output: &Output, parts: &[&str]) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    assert!(output.stdout.is_empty());
}

/// A folder with a snapped model of `c` input channels in `model.onnx`.
fn folder_with_model(c: usize) -> (TempDir, Model) {
    let folder = tempfile::tempdir().unwrap();
    let of_channels = |seed: &u64| {
        let graph = network(*seed);
        graph.tensor(graph.input).shape.c == c
    };
    let seed = (0..).find(of_channels).unwrap();
    let model = model(&network(seed), Form::QLinear);
    fs::write(folder.path().join("model.onnx"), &model.bytes).unwrap();
    (folder, model)
}

#[test]
fn equal_models_end_with_code_0_and_totals() {
    let (folder, _) = folder_with_model(1);
    let output = reference(&folder, &["parity", "model.onnx", "--images", "5"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("5 pictures (random inputs, seed 1)"), "{text}");
    assert!(text.contains("bytes differ (tract decluttered)"), "{text}");
    assert!(text.lines().filter(|line| line.starts_with("0 of ")).count() == 3, "{text}");
}

/// The file of another tool, by its folder in `tests/foreign`.
fn foreign(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/foreign").join(name);
    path.join("model.onnx").display().to_string()
}

#[test]
fn an_operator_that_tract_lacks_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = foreign("onnxruntime/operations-qlinear");
    let output = reference(&folder, &["parity", &file, "--images", "1"]);
    assert_refused(&output, &["tract has no operator QLinear", "node 'QLinear", "onnxruntime"]);
}

#[test]
fn copies_that_the_file_has_in_float_are_counted_and_the_rest_compared() {
    let folder = tempfile::tempdir().unwrap();
    let file = foreign("onnxruntime/operations");
    let output = reference(&folder, &["parity", &file, "--images", "3"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{text}");
    assert!(text.contains(" more: copies of codes that the file has in float only"), "{text}");
    let output = reference(&folder, &["parity", &file, "--images", "3", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mode = &report["modes"][0];
    let compared = mode["layers"].as_array().unwrap().len();
    assert!(mode["not_in_file"].as_u64().unwrap() > 0 && compared > 8, "{mode:#}");
}

#[test]
fn different_models_end_with_code_1_and_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = onnx::write(&unsnapped(), Form::QLinear);
    fs::write(folder.path().join("model.onnx"), bytes).unwrap();
    let output = reference(&folder, &["parity", "model.onnx", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["images"], 100);
    assert_eq!(report["modes"][0]["mode"], "decluttered");
    let modes = report["modes"].as_array().unwrap();
    let different: u64 = modes.iter().map(|mode| mode["different"].as_u64().unwrap()).sum();
    assert!(different > 0 && modes.iter().all(|mode| mode["layers"][0]["name"] == "dense"));
    let first = &report["first_difference"];
    assert_eq!(first["layer"], "dense");
    for field in ["channel", "row", "column", "tract", "thumbnet"] {
        assert!(first["at"][field].is_i64(), "{first}");
    }
}

#[test]
fn files_that_are_no_models_are_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("text.onnx"), "this is no model\n").unwrap();
    assert_refused(&reference(&folder, &["parity", "text.onnx"]), &["text.onnx", "ONNX"]);
    assert_refused(&reference(&folder, &["parity", "none.onnx"]), &["none.onnx"]);
    let (folder, model) = folder_with_model(1);
    let half = &model.bytes[..model.bytes.len() / 2];
    fs::write(folder.path().join("half.onnx"), half).unwrap();
    assert_refused(&reference(&folder, &["parity", "half.onnx"]), &["half.onnx"]);
    let missing = reference(&folder, &["parity", "model.onnx", "--data", "no/such/folder"]);
    assert_refused(&missing, &["no/such/folder"]);
}

/// Models of others, good and damaged, where the developers' collection is at hand.
#[test]
fn other_peoples_files_are_compared_or_refused_in_one_line() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/models");
    let Ok(folders) = fs::read_dir(&models) else {
        println!("skipped: there is no {}", models.display());
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut files = 0;
    for path in folders.flat_map(|entry| fs::read_dir(entry.unwrap().path()).into_iter().flatten())
    {
        let path = path.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "onnx") {
            continue;
        }
        files += 1;
        let file = path.to_str().unwrap();
        let output =
            reference(&folder, &["parity", file, "--data", "random", "--images", "1", "--json"]);
        if file.contains("/bad/") || output.status.code() == Some(2) {
            assert_refused(&output, &[file]);
        } else {
            let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(report["images"], 1, "{file}");
        }
    }
    assert!(files > 0, "no file in {}", models.display());
}

#[test]
fn run_writes_the_file_that_the_desktop_would_write() {
    let (folder, model) = folder_with_model(3);
    let shape = model.graph.tensor(model.graph.input).shape;
    let inputs = Inputs::Random { seed: 3, count: 6, shape };
    let side = Side::deployed(&model.graph).unwrap();
    let rows: Vec<_> = (0..inputs.len()).map(|index| inputs.codes(index)).collect();
    let logits: Vec<_> =
        rows.iter().map(|row| desktop::run(&side.program, row, &mut |_, _| {})).collect();
    let [expected, found] = ["expected.npy", "y.npy"].map(|name| folder.path().join(name));
    arrays::write_outputs(&expected, &model.interface, &logits).unwrap();
    let Shape { h, w, c } = shape;
    let own = rows.iter().flat_map(|row| Layout::ChannelsFirst.from_hwc(row, shape));
    save(&folder.path().join("x.npy"), &[6, c, h, w], own);
    for mode in ["optimized", "decluttered"] {
        let arguments = ["run", "model.onnx", "--inputs", "x.npy", "-o", "y.npy", "--mode", mode];
        let output = reference(&folder, &arguments);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(fs::read(&found).unwrap(), fs::read(&expected).unwrap(), "{mode}");
    }
}

#[test]
fn run_refuses_arrays_of_another_shape_and_leaves_no_file() {
    let (folder, _) = folder_with_model(1);
    save(&folder.path().join("x.npy"), &[2, 5, 7], [0_i8; 70]);
    let arguments = ["run", "model.onnx", "--inputs", "x.npy", "-o", "y.npy"];
    assert_refused(
        &reference(&folder, &arguments),
        &["x.npy", "[2, 5, 7]", "give int8 of shape (n, 1, "],
    );
    save(&folder.path().join("x.npy"), &[2, 2], [0_i64; 4]);
    assert_refused(&reference(&folder, &arguments), &["x.npy"]);
    fs::write(folder.path().join("x.npy"), "no array").unwrap();
    assert_refused(&reference(&folder, &arguments), &["x.npy", "not a .npy file"]);
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 2, "model.onnx and x.npy");
}

fn save<T: npyz::AutoSerialize>(path: &Path, shape: &[usize], values: impl IntoIterator<Item = T>) {
    use npyz::WriterBuilder;
    let shape: Vec<_> = shape.iter().map(|&dimension| dimension as u64).collect();
    let mut writer = npyz::WriteOptions::new()
        .default_dtype()
        .shape(&shape)
        .writer(fs::File::create(path).unwrap())
        .begin_nd()
        .unwrap();
    writer.extend(values).unwrap();
    writer.finish().unwrap();
}
