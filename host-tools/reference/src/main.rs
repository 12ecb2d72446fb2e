//! `thumbnet-reference`: the verbs of `thumbnet` that need tract.
#![forbid(unsafe_code)]

mod commands;

use clap::{Parser, Subcommand};
use commands::Outcome;
use std::process::ExitCode;

/// Runs ONNX files with tract, and compares every layer's bytes with Thumbnet's.
///
/// Exit codes: 0 equal (or done), 1 different, 2 bad input or usage.
#[derive(Parser)]
#[command(name = "thumbnet-reference", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Parity(commands::Parity),
    Run(commands::Run),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Parity(parity) => parity.run(),
        Command::Run(run) => run.run(),
    };
    match result {
        Ok(Outcome::Good) => ExitCode::SUCCESS,
        Ok(Outcome::Different) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
