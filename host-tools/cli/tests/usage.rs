//! The program as a shell meets it. (That this file exists also makes `cargo test` build the program, which the
//! workspace's other tests run.)

use std::process::{Command, Output, Stdio};

fn thumbnet(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_thumbnet")).args(arguments).output().expect("it starts")
}

#[test]
fn help_and_version_go_to_standard_output() {
    for (argument, words) in [("--help", "Exit codes: 0 good"), ("--version", "thumbnet 0.")] {
        let output = thumbnet(&[argument]);
        assert_eq!(output.status.code(), Some(0), "{argument}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(words), "{argument}");
        assert!(output.stderr.is_empty(), "{argument}");
    }
}

#[test]
fn wrong_usage_ends_with_2_and_leaves_standard_output_empty() {
    for arguments in [&[][..], &["fly"], &["simulate", "model.onnx"], &["train", "--epochs", "ten"]]
    {
        let output = thumbnet(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
#[cfg(unix)]
fn a_reader_that_has_seen_enough_ends_the_program_quietly() {
    use std::os::unix::process::ExitStatusExt;
    const SIGPIPE: i32 = 13;
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/digits/model.onnx");
    for arguments in [&["inspect", model, "--json"][..], &["inspect", model], &["--help"]] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_thumbnet"));
        program.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = program.spawn().expect("it starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(words.is_empty(), "{arguments:?}: {words}");
        let quiet = output.status.success() || output.status.signal() == Some(SIGPIPE);
        assert!(quiet, "{arguments:?}: {}", output.status);
    }
}

#[test]
#[cfg(not(feature = "gpu"))]
fn a_device_that_is_not_in_the_build_is_refused_with_how_to_build_it() {
    for (device, feature) in [("wgpu", "--features gpu"), ("cuda", "--features cuda")] {
        let output = thumbnet(&["train", "--device", device]);
        assert!(!output.status.success() && output.stdout.is_empty(), "{device}");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(words.contains(feature), "{words}");
    }
    let output = thumbnet(&["train", "--devices", "2"]);
    assert!(!output.status.success());
}

#[test]
fn what_cannot_be_trained_is_refused_before_any_picture_is_read() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("a file for the test");
    let file = file.to_str().expect("a plain name");
    let cases: [(&[&str], &str); 5] = [
        (&["--learning-rate", "nan"], "training.learning_rate: NaN"),
        (&["--input", "2x2x1"], "layer 1 (conv2d): window 3x3 does not fit"),
        (&["--board", "nowhere"], "there is no board 'nowhere'"),
        (&["-o", file], "file cannot be written; choose another folder with -o"),
        (&["--from", file], "is not the folder of a training: there is no model.toml in it"),
    ];
    for (arguments, words) in cases {
        // The missing data would be told of first.
        let arguments = [&["train", "--data", "no/pictures"], arguments].concat();
        let output = thumbnet(&arguments);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(words) && message.lines().count() == 1, "{message}");
    }
}
