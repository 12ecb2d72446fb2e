//! A small search from its start to its table, in one go and in two.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use thumbnet_compile::{Options, compile_file};

fn search(folder: &Path, more: &[&str]) -> Output {
    let small = ["search", "--input", "12x12x1", "--candidates", "4", "--epochs", "2", "-o"];
    let budget = ["--board", "nucleo-f446re", "--flash", "24k", "--ram", "8k"];
    Command::new(env!("CARGO_BIN_EXE_thumbnet"))
        .args(small)
        .arg(folder)
        .args(budget)
        .args(more)
        .output()
        .expect("it starts")
}

/// The report of a search that ends well.
fn good(folder: &Path, more: &[&str]) -> Value {
    let output = search(folder, more);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    serde_json::from_slice(&output.stdout).expect("--json prints JSON")
}

/// All that is not a path.
fn results(report: &Value) -> Vec<Value> {
    let finalists = report["finalists"].as_array().expect("a list").iter();
    finalists
        .map(|finalist| {
            let mut finalist = finalist.clone();
            finalist.as_object_mut().expect("an object").remove("folder");
            finalist
        })
        .collect()
}

#[test]
fn a_search_ends_with_files_that_fit_and_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let [whole, parts] = ["whole", "parts"].map(|name| folder.path().join(name));
    let more = ["--instructions", "1M", "--json"];
    let report = good(&whole, &more);
    let finalists = results(&report);
    assert_eq!((report["candidates"].as_u64(), finalists.len()), (Some(4), 2));
    assert_eq!(finalists.iter().filter(|one| one["on_front"] == true).count().min(1), 1);
    for finalist in &finalists {
        assert!(finalist["flash_bytes"].as_u64() <= Some(24 << 10), "{finalist}");
        assert!(finalist["ram_bytes"].as_u64() <= Some(8 << 10), "{finalist}");
        assert!(finalist["estimated_instructions"].as_u64() <= Some(1_000_000), "{finalist}");
        assert!(finalist["test_accuracy"].as_f64() > Some(0.3), "{finalist}");
    }
    let best = whole.join("best").join("model.onnx");
    let program = compile_file(&best, &Options::default()).expect("it compiles");
    assert!(program.metadata.temperature.is_some());
    let plot = std::fs::read_to_string(whole.join("pareto.svg")).expect("it is written");
    assert!(plot.starts_with("<svg") && plot.contains("million instructions"), "{plot}");

    // As if it had been stopped after the third training: what is not in the state is trained again.
    std::fs::create_dir_all(&parts).expect("a folder for the test");
    let state = std::fs::read_to_string(whole.join("search.json")).expect("it is written");
    let mut state: Value = serde_json::from_str(&state).expect("it is JSON");
    for (number, candidate) in
        state["candidates"].as_array_mut().expect("a list").iter_mut().enumerate()
    {
        let kept = usize::from(number < 3);
        candidate["results"].as_array_mut().expect("a list").truncate(kept);
    }
    std::fs::write(parts.join("search.json"), state.to_string()).expect("it is written");
    assert_eq!(results(&good(&parts, &more)), finalists);
    let bytes = |folder: &Path| std::fs::read(folder.join("best/model.onnx")).expect("it is there");
    assert_eq!(bytes(&parts), bytes(&whole));

    let other = search(&parts, &["--instructions", "2M"]);
    assert_eq!(other.status.code(), Some(2));
    let complaint = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(complaint.contains("other settings or data"), "{complaint}");
}

#[test]
fn a_budget_for_nothing_is_refused_before_any_training() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let output = search(&folder.path().join("none"), &["--instructions", "10"]);
    assert_eq!(output.status.code(), Some(2));
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(complaint.contains("no network of the space is inside the budget"), "{complaint}");
}
