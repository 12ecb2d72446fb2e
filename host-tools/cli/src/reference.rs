//! The tract-based reference is a program of its own (tract takes minutes to compile, and no other verb should
//! wait for it); the verbs that need it call it here.

use crate::outcome::Outcome;
use anyhow::{Context, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use thumbnet_compile::Tuning;

const PROGRAM: &str = "thumbnet-reference";

/// Runs the reference with `arguments`; its exit code becomes ours. Firmware that it builds is compiled as `tuning`
/// says.
pub(crate) fn run(
    arguments: impl IntoIterator<Item = OsString>,
    tuning: &Tuning,
) -> anyhow::Result<Outcome> {
    let program = find_or_build()?;
    let status = Command::new(&program)
        .args(arguments)
        .envs(tuning.variables())
        .status()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    match status.code() {
        Some(0) => Ok(Outcome::Good),
        Some(1) => Ok(Outcome::CheckFailed),
        // It has said why itself.
        Some(2) => std::process::exit(2),
        _ => bail!("{PROGRAM} ended abnormally ({status})"),
    }
}

/// The reference beside this executable; in a source tree it is built first, so that it is never older than we are.
fn find_or_build() -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe().context("this program cannot find its own place")?;
    let program = here.with_file_name(PROGRAM).with_extension(std::env::consts::EXE_EXTENSION);
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("reference");
    if sources.join("Cargo.toml").exists() {
        build(&sources, program.exists())?;
    }
    if !program.exists() {
        bail!(
            "{PROGRAM} is not beside {}; build it: cargo build --release --package {PROGRAM}",
            here.display()
        );
    }
    Ok(program)
}

fn build(sources: &Path, built_before: bool) -> anyhow::Result<()> {
    if !built_before {
        eprintln!("compiling the reference (tract, an independent ONNX engine; minutes, once)");
    }
    let line = ["build", "--release", "--quiet", "--package", PROGRAM];
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(line)
        .current_dir(sources)
        .status()
        .context("cargo cannot be started to build the reference")?;
    if !status.success() {
        bail!("`cargo {}` failed", line.join(" "));
    }
    Ok(())
}
