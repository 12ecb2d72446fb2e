//! What can go wrong between a model and a running board, each with what to do.

use firmware::console::message::Refusal;
use std::path::PathBuf;
use std::time::Duration;

/// Why a network could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// The emulator or the target's core library is missing.
    #[error(transparent)]
    Toolchain(#[from] thumbnet_toolchain::Error),

    /// The board is none, or described wrongly.
    #[error(transparent)]
    Board(#[from] thumbnet_compile::CompileError),

    /// The board's cargo configuration names no target.
    #[error(
        "the board {board} is built for no target; write [build] target in its .cargo/config.toml"
    )]
    NoTarget {
        /// Which board.
        board: String,
    },

    /// The board cannot be emulated.
    #[error(
        "{board} has no emulator that counts instructions; take an emulated board (qemu-...), or flash this one \
         and read the cycles in its log"
    )]
    NotEmulated {
        /// Which board.
        board: String,
    },

    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },

    /// An array that is not what a model takes.
    #[error("{}: {reason}", path.display())]
    Array {
        /// Which file.
        path: PathBuf,
        /// What is wrong and what to give.
        reason: String,
    },

    /// The board's sources are not where this program was built.
    #[error(
        "{}: the board's sources are not there; run thumbnet from a checkout of its repository \
         or set THUMBNET_BOARDS to its folder firmware/boards",
        path.display()
    )]
    SourcesMissing {
        /// Where they were expected.
        path: PathBuf,
    },

    /// The firmware does not build for this model.
    #[error("the firmware for {} does not build: {reason}", model.display())]
    Build {
        /// The model.
        model: PathBuf,
        /// What the compiler says, its last lines.
        reason: String,
    },

    /// A program of this machine cannot be started.
    #[error("{program} cannot be started: {source}")]
    Start {
        /// Which program.
        program: String,
        /// What the system says.
        source: std::io::Error,
    },

    /// The emulator has ended on its own.
    #[error("the emulated board has stopped ({status}){}", last_words(log))]
    Stopped {
        /// How it ended.
        status: String,
        /// What firmware and emulator said last.
        log: Vec<String>,
    },

    /// The board does not answer.
    #[error(
        "the board has not answered for {} s{}; if the model is large, allow more time; on a real \
         board, check the cable and the speed of the line",
        after.as_secs(),
        last_words(log)
    )]
    TimedOut {
        /// How long it was given.
        after: Duration,
        /// What firmware and emulator said last, if known.
        log: Vec<String>,
    },

    /// The link to the board broke.
    #[error("the link to the board broke: {0}; start again")]
    Link(#[source] std::io::Error),

    /// The board refused a request.
    #[error("the board refuses: {}", in_words(*.0))]
    Refused(Refusal),

    /// The board answered something that is no answer to the request.
    #[error("the board answers {answer} to a request for {request}; flash the firmware anew")]
    Confused {
        /// What was asked.
        request: &'static str,
        /// What came.
        answer: String,
    },

    /// The tensor does not fit the network's input.
    #[error("the tensor has {found} values, but the network's input {shape:?} has {expected}")]
    InputLength {
        /// Values that were given.
        found: usize,
        /// Values that the network takes.
        expected: usize,
        /// `[h, w, c]`.
        shape: [u16; 3],
    },

    /// The file is not an ELF image of a firmware.
    #[error("{} is not a firmware image: {reason}; build it with cargo in a board's folder", path.display())]
    Image {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// The last lines of a log as part of a message.
fn last_words(log: &[String]) -> String {
    const LINES: usize = 5;
    match log.len() {
        0 => String::new(),
        lines => format!("; its last words: {}", log[lines.saturating_sub(LINES)..].join(" | ")),
    }
}

/// A refusal with what to do about it.
fn in_words(refusal: Refusal) -> String {
    match refusal {
        Refusal::Damaged => "the request was damaged on the way, time and again; check the \
                             cable and the speed of the line"
            .to_owned(),
        Refusal::Version(version) => format!(
            "it speaks version {version} of the protocol, this program version {}; flash the \
             firmware of this version",
            firmware::console::frame::VERSION
        ),
        Refusal::Unknown => {
            "it does not know the request; flash the firmware of this version".to_owned()
        }
        Refusal::OutOfRange(bytes) => format!("it takes at most {bytes} bytes there"),
        Refusal::Mismatch(found) => {
            format!("the checksum of what has arrived is {found:#010x}; send it again")
        }
        Refusal::Shape(bytes) => format!(
            "the picture has a zero side, more than three channels or more than {bytes} bytes; \
             make it smaller"
        ),
        Refusal::NoSuchItem(count) => format!("it has only {count} of them"),
        Refusal::NoPreprocessing => "its model does not say how a picture becomes its input; \
                                     send tensors, or export the model with preprocessing"
            .to_owned(),
        other => format!("{other:?}"),
    }
}
