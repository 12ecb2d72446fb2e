//! Running one command of many: its line is printed first, its failure ends the whole.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why xtask stops: a sentence and an exit code (1 a check failed, 2 usage or something missing).
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) code: u8,
}

impl Failure {
    /// Bad usage, or a part that is missing on this machine.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self { message: message.to_string(), code: 2 }
    }

    /// A check that ran and failed.
    pub(crate) fn check(message: impl Display) -> Self {
        Self { message: message.to_string(), code: 1 }
    }
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("xtask lies two folders below the root").to_owned()
}

/// `cargo` with `words` as arguments, in the root.
pub(crate) fn cargo(words: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(words.split_whitespace()).current_dir(root());
    command
}

/// Runs `command`, shown to the reader as `line`.
pub(crate) fn step(line: &str, command: &mut Command) -> Result<(), Failure> {
    println!("\n$ {line}");
    let status = command.status().map_err(|error| Failure::usage(format!("`{line}`: {error}")))?;
    if status.success() {
        return Ok(());
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Err(Failure { message: format!("`{line}` failed ({status})"), code })
}
