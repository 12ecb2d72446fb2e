//! `thumbnet`: trains, exports, checks, compiles and runs image classifiers for microcontrollers.
#![forbid(unsafe_code)]

mod calibration;
mod classify;
mod device;
mod estimate;
mod evaluation;
mod float_sums;
mod form;
mod inference;
mod input_shape;
mod loading;
mod model_file;
mod noise;
mod outcome;
mod picture_shape;
mod plot;
mod preprocessing;
mod progress;
mod quantization;
mod reference;
mod report;
mod runner;
mod tuning;
mod verb;

use clap::Parser;
use outcome::Outcome;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  thumbnet train --data fashion-mnist-subset -o models/mine
  thumbnet export models/mine
  thumbnet parity models/mine/model.onnx
  thumbnet inspect models/mine/model.onnx --board nucleo-f446re

Exit codes: 0 good, 1 a check failed, 2 bad input or usage.";

/// Image classification on microcontrollers: from pictures or an ONNX file to exact firmware.
#[derive(Parser)]
#[command(name = "thumbnet", version, about, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    verb: verb::Verb,
}

fn main() -> ExitCode {
    // Where a reader such as `head` has seen enough, the program ends as others do, and not in a panic of println.
    sigpipe::reset();
    match Arguments::parse().verb.run() {
        Ok(Outcome::Good) => ExitCode::SUCCESS,
        Ok(Outcome::CheckFailed) => ExitCode::from(1),
        Err(error) => {
            eprintln!("thumbnet: {}", told(&error));
            ExitCode::from(2)
        }
    }
}

/// An error and its causes, but those that have been told by then.
fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
