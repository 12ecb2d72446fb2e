//! The route over the web: four gzipped files from one folder.

use super::{Delivery, Event, KnownSet, known::KnownFile};
use crate::idx::IdxArray;
use std::{
    io::{BufReader, Read},
    path::Path,
    time::Duration,
};
use ureq::Agent;

/// How long to wait for a connection, and for the first byte of an answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a file may take: 27 MB at 50 kB/s.
const DOWNLOAD: Duration = Duration::from_secs(540);

/// Fetches the set's files from `mirror`, an address that ends in `/`.
pub(super) fn fetch(set: &KnownSet, mirror: &str, progress: &mut dyn FnMut(Event<'_>)) -> Delivery {
    let agent: Agent = Agent::config_builder()
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_recv_body(Some(DOWNLOAD))
        .build()
        .into();
    set.files.iter().map(|file| fetch_file(&agent, mirror, file, progress)).collect()
}

fn fetch_file(
    agent: &Agent,
    mirror: &str,
    file: &KnownFile,
    progress: &mut dyn FnMut(Event<'_>),
) -> Result<IdxArray, String> {
    let address = format!("{mirror}{}.gz", file.name);
    let response = agent.get(&address).call().map_err(|error| format!("{}: {error}", file.name))?;
    let (_, body) = response.into_parts();
    let total = body.content_length();
    let reader = Counting { reader: body.into_reader(), file: file.name, done: 0, total, progress };
    // No compressed file is larger than what it holds, but for gzip's own few bytes.
    let reader = BufReader::with_capacity(1 << 16, reader.take(file.bytes + 1_000));
    IdxArray::read_at_most(reader, Path::new(file.name), file.bytes)
        .map_err(|error| error.to_string())
}

/// Reports how many bytes have been read.
struct Counting<'a, R> {
    reader: R,
    file: &'a str,
    done: u64,
    total: Option<u64>,
    progress: &'a mut dyn FnMut(Event<'_>),
}

impl<R: Read> Read for Counting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.done += count as u64;
        let (file, done, total) = (self.file, self.done, self.total);
        (self.progress)(Event::Downloading { file, done, total });
        Ok(count)
    }
}
