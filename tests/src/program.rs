//! The program `thumbnet`, run as its user runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a run of the program gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Outcome {
    /// Runs `command` to its end.
    pub fn of(command: &mut Command) -> Self {
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}")).into()
    }

    /// Runs `thumbnet` with `arguments` in `folder`.
    pub fn in_folder(folder: &Path, arguments: &[&str]) -> Self {
        Self::of(program().args(arguments).current_dir(folder))
    }

    /// The outcome, if all went well.
    pub fn good(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// Standard output, which must be one JSON document.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A command that runs `thumbnet`.
///
/// # Panics
/// If it was not built: cargo builds programs of other packages only with the whole workspace.
pub fn program() -> Command {
    let path = path();
    assert!(
        path.is_file(),
        "{} is missing; build it: cargo build --release --package host-tools",
        path.display()
    );
    Command::new(path)
}

/// Two folders above the tests' own executables, where cargo puts programs.
fn path() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its place");
    let folder = test.parent().and_then(Path::parent).expect("target/release/deps");
    folder.join("thumbnet").with_extension(std::env::consts::EXE_EXTENSION)
}
