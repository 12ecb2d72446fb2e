//! The program as a shell meets it. (That this file exists also makes `cargo test` build the program, which the
//! workspace's other tests run.)

use std::process::{Command, Output};

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
