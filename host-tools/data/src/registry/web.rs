//! The route over the web: four gzipped files from one folder, by `curl` or `wget`.
//!
//! One of the two is on every machine that rustup was installed on. Linking an HTTPS client instead would add 45 CPU
//! seconds (ureq 3.5 with rustls) to everybody's first build; what arrives is checked by SHA-256 in any case.

use super::{Delivery, Event, KnownSet, known::KnownFile};
use crate::{DataError, idx, idx::IdxArray};
use std::{
    io::{BufReader, ErrorKind, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

/// Each fails by itself after 15 s without a connection or 9 min in all: 27 MB at 50 kB/s.
const CLIENTS: [(&str, &[&str]); 2] = [
    (
        "curl",
        &[
            "--fail",
            "--location",
            "--silent",
            "--show-error",
            "--connect-timeout",
            "15",
            "--max-time",
            "540",
        ],
    ),
    (
        "wget",
        &[
            "--no-verbose",
            "--output-document=-",
            "--tries=1",
            "--connect-timeout=15",
            "--timeout=60",
        ],
    ),
];

/// Fetches the set's files from `mirror`, an address that ends in `/`.
pub(super) fn fetch(set: &KnownSet, mirror: &str, progress: &mut dyn FnMut(Event<'_>)) -> Delivery {
    set.files.iter().map(|file| fetch_file(mirror, file, progress)).collect()
}

fn fetch_file(
    mirror: &str,
    file: &KnownFile,
    progress: &mut dyn FnMut(Event<'_>),
) -> Result<IdxArray, String> {
    let mut download = start(&format!("{mirror}{}.gz", file.name))?;
    let output = download.stdout.take().expect("the output is piped");
    match read(output, file, progress) {
        // The content is checked by its digest, so the client's exit status says nothing more.
        Ok(array) => {
            stop(download);
            Ok(array)
        }
        Err(error @ DataError::Truncated { .. }) => {
            Err(complaint(download).unwrap_or(error.to_string()))
        }
        Err(error) => {
            stop(download);
            Err(error.to_string())
        }
    }
    .map_err(|reason| format!("{}: {reason}", file.name))
}

fn read(
    output: impl Read,
    file: &KnownFile,
    progress: &mut dyn FnMut(Event<'_>),
) -> Result<IdxArray, DataError> {
    let path = Path::new("the download");
    let reader = idx::decompressed(BufReader::new(output), path)?;
    idx::parse(Counting { reader, file, done: 0, progress }, path, file.bytes)
}

/// Starts a client that writes what the address holds to its output.
fn start(address: &str) -> Result<Child, String> {
    for (program, arguments) in CLIENTS {
        let mut command = Command::new(program);
        command.args(arguments).arg(address);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        match command.spawn() {
            Ok(child) => return Ok(child),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{program} cannot be started: {error}")),
        }
    }
    Err("neither curl nor wget is installed".into())
}

/// What the client says about a download that ended early; `None` if it sees nothing wrong.
fn complaint(download: Child) -> Option<String> {
    let output = download.wait_with_output().ok()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let last =
        errors.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("the download failed");
    (!output.status.success()).then(|| last.trim().to_owned())
}

fn stop(mut download: Child) {
    // It may have ended by itself; then there is nothing to kill, only to collect.
    let _ = download.kill();
    let _ = download.wait();
}

/// Reports how many bytes have been read.
struct Counting<'a, R> {
    reader: R,
    file: &'a KnownFile,
    done: u64,
    progress: &'a mut dyn FnMut(Event<'_>),
}

impl<R: Read> Read for Counting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.done += count as u64;
        let (file, done, total) = (self.file.name, self.done, Some(self.file.bytes));
        (self.progress)(Event::Downloading { file, done, total });
        Ok(count)
    }
}
