//! The firmware's log: defmt frames on the emulator's standard output, as text.
//!
//! Both outputs of the emulator go to temporary files. A firmware logs before it answers, so once an answer is here all
//! its lines are in the file: nothing to wait for, no thread, and no pipe that fills up when nobody reads.

use crate::error::SimulateError;
use defmt_decoder::{Encoding, StreamDecoder, Table};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use tempfile::NamedTempFile;

/// What an emulator and its firmware have said.
pub(crate) struct Log {
    table: Option<Table>,
    frames: Output,
    messages: Output,
    /// Lines that nobody has asked for yet.
    lines: Vec<String>,
}

impl Log {
    /// An empty log of the firmware `image`, read from the file `path`.
    pub(crate) fn new(path: &Path, image: &[u8]) -> Result<Self, SimulateError> {
        let wrong = |reason: String| SimulateError::Image { path: path.to_owned(), reason };
        let table = Table::parse(image)
            .map_err(|error| wrong(format!("its log strings cannot be read: {error}")))?;
        if table.as_ref().is_some_and(|table| !matches!(table.encoding(), Encoding::Rzcobs)) {
            return Err(wrong("its log is not encoded as rzcobs".to_owned()));
        }
        let output = || {
            Output::new()
                .map_err(|source| SimulateError::File { path: std::env::temp_dir(), source })
        };
        Ok(Self { table, frames: output()?, messages: output()?, lines: Vec::new() })
    }

    /// Where the emulator is to write standard output and standard error.
    pub(crate) fn files(&self) -> io::Result<[File; 2]> {
        Ok([self.frames.file.reopen()?, self.messages.file.reopen()?])
    }

    /// All lines so far, and from now on none of these again.
    pub(crate) fn take(&mut self) -> Vec<String> {
        self.read();
        std::mem::take(&mut self.lines)
    }

    /// All lines since the last [`Log::take`].
    pub(crate) fn lines(&mut self) -> Vec<String> {
        self.read();
        self.lines.clone()
    }

    /// All that the firmware has written so far, as text: for one that does not log by frames.
    pub(crate) fn text(&mut self) -> String {
        String::from_utf8_lossy(self.frames.unread()).into_owned()
    }

    fn read(&mut self) {
        let messages = self.messages.whole_parts(b'\n');
        for line in String::from_utf8_lossy(&messages).lines() {
            if !line.contains(NO_NEWS) {
                self.lines.push(format!("qemu: {}", line.trim_end()));
            }
        }
        let frames = self.frames.whole_parts(0);
        if let Some(table) = &self.table {
            decode(&mut *table.new_stream_decoder(), &frames, &mut self.lines);
        }
    }
}

/// QEMU says so of every machine with an Ethernet controller that is not connected.
const NO_NEWS: &str = "has no peer";

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("lines", &self.lines).finish_non_exhaustive()
    }
}

/// Whole frames to lines such as `INFO  class 3 dress`.
fn decode(decoder: &mut dyn StreamDecoder, frames: &[u8], lines: &mut Vec<String>) {
    // The decoder drops a damaged frame only when it is asked for the next, so each frame is one question.
    for frame in frames.split_inclusive(|&byte| byte == 0) {
        decoder.received(frame);
        match decoder.decode() {
            Ok(frame) => {
                let level = frame.level().map_or("print", |level| level.as_str()).to_uppercase();
                lines.push(format!("{level:<5} {}", frame.display_message()));
            }
            Err(_) if frame.len() > 1 => lines.push("a damaged log frame".to_owned()),
            Err(_) => {}
        }
    }
}

/// One output: the file, and what of its end is not whole yet.
struct Output {
    file: NamedTempFile,
    rest: Vec<u8>,
}

impl Output {
    fn new() -> io::Result<Self> {
        Ok(Self { file: NamedTempFile::new()?, rest: Vec::new() })
    }

    /// What was written since the last whole part.
    fn unread(&mut self) -> &[u8] {
        // What cannot be read is missing from the log, which is no reason to stop a board that works.
        let _ = self.file.read_to_end(&mut self.rest);
        &self.rest
    }

    /// What was written since the last call, up to the last `end`.
    fn whole_parts(&mut self, end: u8) -> Vec<u8> {
        self.unread();
        let whole = self.rest.iter().rposition(|&byte| byte == end).map_or(0, |last| last + 1);
        self.rest.drain(..whole).collect()
    }
}
