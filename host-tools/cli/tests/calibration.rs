//! From held-out pictures to the temperature in the file that everything else reads.

use std::path::Path;
use std::process::Command;
use thumbnet_compile::{Options, compile_file};

/// Standard output of a run that ends well.
fn thumbnet(arguments: &[&str]) -> serde_json::Value {
    let output = Command::new(env!("CARGO_BIN_EXE_thumbnet")).args(arguments).output();
    let output = output.expect("it starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    serde_json::from_slice(&output.stdout).expect("--json prints JSON")
}

#[test]
fn the_fitted_temperature_is_in_the_file_and_in_the_softmax() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().to_str().expect("a plain name");
    let trained = thumbnet(&["train", "--epochs", "2", "--hold-out", "0.2", "-o", path, "--json"]);
    let pictures = ["learned", "held_out", "test"].map(|part| trained["pictures"][part].as_u64());
    assert_eq!(pictures, [Some(4000), Some(1000), Some(1000)]);
    assert!(trained["epochs"][0].get("test_accuracy").is_none(), "{trained}");
    for plot in ["loss", "accuracy", "learning-rate", "confusion", "reliability"] {
        let svg = std::fs::read_to_string(folder.path().join(format!("plots/{plot}.svg")));
        assert!(svg.expect("it was drawn").starts_with("<svg"), "{plot}");
    }
    assert!(trained["calibration"]["temperature"].as_f64() > Some(0.0));

    let exported = thumbnet(&["export", path, "--json"]);
    let temperature = exported["calibration"]["temperature"].as_f64().expect("it was fitted");
    assert_ne!(temperature, 1.0);
    assert_eq!(exported["calibration"]["held_out"], 1000);
    let model = Path::new(path).join("model.onnx");
    let program = compile_file(&model, &Options::default()).expect("it compiles");
    assert_eq!(program.metadata.temperature, Some(temperature as f32));
    let expected = program.output_quantization.scale / temperature as f32;
    assert_eq!(program.softmax_scale(), expected);
}
