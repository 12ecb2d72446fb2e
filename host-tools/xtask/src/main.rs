//! `cargo xtask`: what a shell script would do, on every system that has Rust.
#![forbid(unsafe_code)]

mod demo;
mod options;
mod step;
mod test;

use options::{Options, Verb};
use std::process::ExitCode;
use step::Failure;
use thumbnet_toolchain::{TARGETS, install, qemu, route};

fn main() -> ExitCode {
    let outcome = Options::from_arguments().and_then(|options| run(&options));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    // Whatever builds firmware below, also deep inside a test, takes the route that was asked for.
    let environment = options.environment();
    match options.verb {
        Verb::Help => print!("{}", options::USAGE),
        Verb::Setup => {
            set_up(options)?;
            println!("setup: nothing is missing");
        }
        Verb::Demo => demo::run(options, &environment)?,
        Verb::Test => {
            set_up(options)?;
            test::run(options.toolchain, &environment)?;
        }
        Verb::Peers => {
            set_up(options)?;
            test::peers(options.toolchain)?;
        }
        Verb::Miri => test::miri()?,
    }
    Ok(())
}

/// Installs what is missing, or stops with exit code 2 and the command that does.
fn set_up(options: &Options) -> Result<(), Failure> {
    install(&TARGETS, options.toolchain, options.consent).map_err(Failure::usage)
}

/// As [`set_up`], but goes on without QEMU: returns whether the emulator is there.
fn set_up_without_emulator(options: &Options) -> Result<bool, Failure> {
    match set_up(options) {
        Ok(()) => Ok(true),
        Err(failure) if TARGETS.iter().all(|target| route(target).is_ok()) && qemu().is_err() => {
            println!("setup: {}", failure.message);
            Ok(false)
        }
        Err(failure) => Err(failure),
    }
}
