//! The verbs.

mod parity;
mod run;
mod table;

pub(crate) use parity::Parity;
pub(crate) use run::Run;

use indicatif::{ProgressBar, ProgressStyle};
use std::io::{ErrorKind, Write};
use std::time::Duration;

/// How a verb ends; bad input travels as an error instead.
pub(crate) enum Outcome {
    /// Exit code 0.
    Good,
    /// A byte differs: exit code 1.
    Different,
}

/// A progress bar over `count` pictures on standard error; invisible if that is no terminal.
fn progress_bar(count: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} ({eta})");
    let style = style.expect("the template is right");
    ProgressBar::new(count as u64).with_style(style).with_message("pictures")
}

/// Says on standard error that something takes a while; invisible if that is no terminal.
fn spinner(message: &'static str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(message);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// Prints `text`; a reader that has seen enough and closed the pipe is no error.
fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
