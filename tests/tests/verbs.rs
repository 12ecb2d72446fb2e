//! What scripts and newcomers rely on: examples in every help, and the fields of every `--json`.

use parity::{Outcome, is_equipped, program, small, write_idx};
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

fn run(folder: &Path, arguments: &[&str]) -> Outcome {
    Outcome::of(program().args(arguments).current_dir(folder)).good()
}

fn workplace() -> TempDir {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    small().write_to(folder.path());
    write_idx(&folder.path().join("pictures"), &small().dataset);
    folder
}

/// The document that a verb prints, which must have `fields`.
fn report(folder: &Path, arguments: &[&str], fields: &[&str]) -> Value {
    let report = run(folder, arguments).json();
    has(&report, fields, arguments);
    report
}

fn has(value: &Value, fields: &[&str], arguments: &[&str]) {
    for field in fields {
        assert!(value.get(field).is_some(), "{arguments:?} has no `{field}`: {value:#}");
    }
}

/// The verbs that `--help` lists under `verb`, which is empty for all of them.
fn verbs(folder: &Path, verb: &[&str]) -> Vec<String> {
    let help = run(folder, &[verb, &["--help"]].concat()).stdout;
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty() && *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_verb_shows_examples() {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let folder = folder.path();
    let all = verbs(folder, &[]);
    for verb in ["train", "data", "export", "parity", "inspect", "compile", "simulate", "profile"] {
        assert!(all.iter().any(|name| name == verb), "{verb} is not among {all:?}");
    }
    for verb in &all {
        let help = run(folder, &[verb, "--help"]).stdout;
        // The verbs about data show them one level below.
        let below = verbs(folder, &[verb]);
        let shown = help.contains("Examples:") || !below.is_empty();
        assert!(shown, "thumbnet {verb} --help has no examples");
        assert!(help.contains("Usage: thumbnet") || help.contains("Usage: "), "{help}");
    }
    assert!(run(folder, &["--help"]).stdout.contains("Exit codes: 0 good, 1 "));
    assert!(run(folder, &["data", "get", "--help"]).stdout.contains("Examples:"));
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    for arguments in [&["fly"][..], &[], &["train", "--epochs", "many"], &["compile", "x.onnx"]] {
        let outcome = Outcome::of(program().args(arguments).current_dir(folder.path()));
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {outcome:#?}");
    }
}

const LAYER: [&str; 7] = ["name", "op", "macs", "weight_bytes", "arena", "kernel", "output"];
const SUMMARY: [&str; 5] =
    ["layers", "macs", "weight_bytes", "arena_bytes", "arena_lower_bound_bytes"];

#[test]
fn inspect_and_compile_report_layers_and_fit() {
    let folder = workplace();
    let folder = folder.path();
    let plain = ["inspect", "small.onnx", "--json"];
    report(folder, &plain, &["model", "producer", "labels", "input"]);
    let fields = [&SUMMARY[..], &["model", "labels", "input", "fit"]].concat();
    for verb in ["inspect", "compile"] {
        let arguments = [verb, "small.onnx", "--board", "nucleo-f446re", "--json"];
        let report = report(folder, &arguments, &fields);
        assert_eq!(report["input"], serde_json::json!([28, 28, 1]));
        assert_eq!(report["labels"][9], "Ankle boot");
        let layers = report["layers"].as_array().expect("a list");
        layers.iter().for_each(|layer| has(layer, &LAYER, &arguments));
        has(&report["fit"], &["board", "flash", "ram", "stack_bytes", "code_bytes"], &arguments);
        let flash = &report["fit"]["flash"];
        assert!(flash["need_bytes"].as_u64() < flash["have_bytes"].as_u64(), "{flash}");
    }
    let written = ["compile", "small.onnx", "--board", "nucleo-f446re", "-o", "generated"];
    run(folder, &written);
    for file in ["network.rs", "weights.bin"] {
        assert!(folder.join("generated").join(file).is_file(), "{file}");
    }
}

#[test]
fn simulate_reports_accuracy_and_classes() {
    let folder = workplace();
    let folder = folder.path();
    let set = ["simulate", "small.onnx", "--data", "pictures", "--json"];
    let fields = ["model", "data", "images", "correct", "accuracy"];
    let report_of_set = report(folder, &set, &fields);
    let accuracy = report_of_set["accuracy"].as_f64().expect("a number");
    let correct = report_of_set["correct"].as_u64().expect("a count");
    assert_eq!(report_of_set["images"], 200);
    assert_eq!(accuracy, correct as f64 / 200.0);
    std::fs::write(folder.join("grey.pgm"), b"P5 2 2 255\n\x00\x80\xc0\xff").expect("writable");
    let one = ["simulate", "small.onnx", "--image", "grey.pgm", "grey.pgm", "--json"];
    let report = report(folder, &one, &["model", "pictures"]);
    let pictures = report["pictures"].as_array().expect("a list");
    assert_eq!(pictures.len(), 2);
    has(&pictures[0], &["file", "top", "logits"], &one);
    has(&pictures[0]["top"][0], &["label", "score"], &one);
    assert_eq!(pictures[0]["logits"], pictures[1]["logits"]);
}

#[test]
fn train_and_export_report_what_was_learned() {
    let folder = workplace();
    let folder = folder.path();
    let train = ["train", "--data", "pictures", "--epochs", "2", "-o", "model", "--json"];
    let fields = ["model", "folder", "parameters", "finished", "seconds", "epochs", "test"];
    let trained = report(folder, &train, &fields);
    assert_eq!(trained["finished"], true);
    assert_eq!(trained["parameters"], 121_930);
    let epochs = trained["epochs"].as_array().expect("a list");
    assert_eq!(epochs.len(), 2);
    has(&epochs[1], &["epoch", "loss", "accuracy", "test_accuracy", "learning_rate"], &train);
    has(&trained["test"], &["accuracy", "classes", "confusion"], &train);
    let class = &trained["test"]["classes"][0];
    has(class, &["name", "pictures", "precision", "recall"], &train);
    for form in ["qlinear", "qdq"] {
        let export = ["export", "model", "--form", form, "--max-drop", "100", "--json"];
        let fields = ["file", "bytes", "images", "float_accuracy", "int8_accuracy", "layers"];
        let exported = report(folder, &export, &fields);
        has(&exported["layers"][0], &["node", "op", "sqnr_db"], &export);
        let bytes = std::fs::metadata(folder.join("model/model.onnx")).expect("written").len();
        assert_eq!(exported["bytes"], bytes);
    }
    // No network gains so much, so the check fails; it is no bad input.
    for limit in ["--max-drop=-1000", "--max-drop=nan"] {
        let refused = ["export", "model", limit, "-o", "refused.onnx"];
        let refused = Outcome::in_folder(folder, &refused);
        assert_eq!(refused.code, Some(1), "{refused:#?}");
        assert!(refused.stderr.contains("nothing was written"), "{refused:#?}");
        assert!(!refused.stdout.contains("wrote"), "{refused:#?}");
        assert!(!folder.join("refused.onnx").exists());
    }
}

#[test]
fn an_exported_float_network_quantizes_to_the_exported_int8_one() {
    let folder = workplace();
    let folder = folder.path();
    run(folder, &["train", "--data", "pictures", "--epochs", "1", "-o", "model"]);
    run(folder, &["export", "model", "--max-drop", "100"]);
    let float = report(folder, &["export", "model", "--float", "--json"], &["file", "bytes"]);
    assert_eq!(float["file"], Path::new("model").join("float.onnx").to_str().expect("text"));
    let quantize = ["quantize", "model/float.onnx", "--data", "pictures", "--max-drop", "100"];
    run(folder, &[&quantize[..], &["--equalize", "never", "-o", "again.onnx"]].concat());
    let [exported, again] = ["model/model.onnx", "again.onnx"]
        .map(|file| std::fs::read(folder.join(file)).expect("it is written"));
    assert!(exported == again, "the two int8 files differ");
    let mixed = Outcome::in_folder(folder, &["export", "model", "--float", "--form", "qdq"]);
    assert_eq!(mixed.code, Some(2), "{mixed:#?}");
}

#[test]
fn data_list_reports_every_set() {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let arguments = ["data", "list", "--json"];
    let sets = run(folder.path(), &arguments).json();
    let sets = sets.as_array().expect("a list");
    let fields = ["name", "title", "training_pictures", "test_pictures", "licence", "place"];
    sets.iter().for_each(|set| has(set, &fields, &arguments));
    let names: Vec<_> = sets.iter().map(|set| set["name"].clone()).collect();
    assert_eq!(names, ["fashion-mnist-subset", "fashion-mnist", "mnist"]);
}

#[test]
fn profile_and_the_emulator_report_costs() {
    if !is_equipped() {
        return;
    }
    let folder = workplace();
    let folder = folder.path();
    let profile = ["profile", "small.onnx", "--json"];
    let costs = report(folder, &profile, &["total", "layers"]);
    let total = ["instructions", "flash_bytes", "ram_bytes", "stack_bytes"];
    has(&costs["total"], &total, &profile);
    assert_eq!(costs["total"].as_object().map(serde_json::Map::len), Some(total.len()));
    assert_eq!(costs.as_object().map(serde_json::Map::len), Some(2));
    let layers = costs["layers"].as_array().expect("a list");
    let fields = ["name", "kernel", "why", "instructions", "macs", "scratch_bytes", "weight_bytes"];
    layers.iter().for_each(|layer| has(layer, &fields, &profile));
    let instructions = layers.iter().map(|layer| layer["instructions"].as_u64().expect("a count"));
    assert_eq!(Some(instructions.sum()), costs["total"]["instructions"].as_u64());
    let plot = ["profile", "small.onnx", "--optimize", "size", "--plot", "plot.svg", "--json"];
    let small = report(folder, &plot, &["total", "layers"]);
    // No scratch memory, weights as they are, plain kernels.
    assert!(small["total"]["ram_bytes"].as_u64() < costs["total"]["ram_bytes"].as_u64());
    assert!(small["total"]["instructions"].as_u64() > costs["total"]["instructions"].as_u64());
    let svg = std::fs::read_to_string(folder.join("plot.svg")).expect("it is written");
    assert!(svg.starts_with("<svg") && svg.matches("<rect").count() > layers.len(), "{svg}");
    let set = ["--data", "pictures", "--images", "5", "--runtime", "qemu", "--json"];
    let arguments = [&["simulate", "small.onnx"], &set[..]].concat();
    let fields = ["accuracy", "equal", "layers", "instructions", "stack_bytes"];
    assert_eq!(report(folder, &arguments, &fields)["equal"], 5);
}
