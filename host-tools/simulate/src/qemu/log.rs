//! The firmware's log: defmt frames on the emulator's standard output, as text.

use crate::error::SimulateError;
use defmt_decoder::{DecodeError, Table};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Lines that are kept; older ones go. A firmware that logs without end must not fill the host.
const LINES: usize = 10_000;

/// Log lines, shared between the threads that collect them and the one that asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// All lines so far, and from now on none of these again.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// All lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.remove(0);
        }
        lines.push(line);
    }
}

/// The log strings of a firmware image; `None` if it logs nothing.
pub(crate) fn table(path: &Path, image: &[u8]) -> Result<Option<Table>, SimulateError> {
    Table::parse(image).map_err(|error| SimulateError::Image {
        path: path.to_owned(),
        reason: format!("its log strings cannot be read: {error}"),
    })
}

/// Decodes defmt frames from `stream` into `log` until the stream ends.
pub(crate) fn collect_frames(table: &Table, mut stream: impl Read, log: &Log) {
    let mut decoder = table.new_stream_decoder();
    let mut bytes = [0; 1024];
    while let Ok(count @ 1..) = stream.read(&mut bytes) {
        decoder.received(&bytes[..count]);
        loop {
            match decoder.decode() {
                Ok(frame) => {
                    let level = frame.level().map_or("PRINT", |level| level.as_str());
                    let level = level.to_uppercase();
                    log.push(format!("{level:<5} {}", frame.display_message()));
                }
                Err(DecodeError::UnexpectedEof) => break,
                Err(DecodeError::Malformed) => {
                    log.push("a damaged log frame".to_owned());
                    // The raw encoding has no boundaries to find the next frame by.
                    if !table.encoding().can_recover() {
                        return;
                    }
                }
            }
        }
    }
}

/// Reads the emulator's own lines of text from `stream` into `log` until the stream ends.
pub(crate) fn collect_lines(stream: impl Read, log: &Log) {
    /// QEMU says so of every machine with an Ethernet controller that is not connected.
    const NO_NEWS: &str = "has no peer";
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while let Ok(1..) = reader.read_until(b'\n', &mut line) {
        let text = String::from_utf8_lossy(&line);
        if !text.contains(NO_NEWS) {
            log.push(format!("qemu: {}", text.trim_end()));
        }
        line.clear();
    }
}
