//! What can be missing, with the command that mends it.

use std::fmt;

/// Something that firmware needs is not on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A part is missing; `remedy` is the exact command that installs it.
    Missing {
        /// What is missing, in words.
        what: String,
        /// What to type.
        remedy: String,
    },
    /// A command that should have installed or told something failed.
    Failed {
        /// The command line.
        command: String,
        /// Its last words.
        reason: String,
    },
    /// `THUMBNET_TOOLCHAIN` or `--toolchain` holds a word that names no route.
    UnknownRoute(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { what, remedy } => write!(f, "{what} is missing; install it: {remedy}"),
            Self::Failed { command, reason } => write!(f, "`{command}` failed: {reason}"),
            Self::UnknownRoute(word) => {
                write!(f, "there is no toolchain route '{word}'; say rustup or debian")
            }
        }
    }
}

impl std::error::Error for Error {}
