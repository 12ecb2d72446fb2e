//! One request and its answer, over a line that may damage or lose both.

use crate::error::SimulateError;
use firmware::console::frame::{Decoder, Encoder};
use firmware::console::message::{Refusal, Reply, Request};
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// How long a board may take for an answer that needs no inference.
pub(crate) const PROMPT: Duration = Duration::from_secs(10);

/// How often a request is made when it or its answer is damaged or lost.
const ATTEMPTS: usize = 3;

/// A stream of requests and answers in frames.
#[derive(Debug)]
pub(crate) struct Link<S> {
    stream: S,
    encoder: Encoder,
    decoder: Decoder,
    sequence: u8,
}

impl<S: Read + Write> Link<S> {
    /// Starts anew on `stream`.
    pub(crate) fn new(stream: S) -> Result<Self, SimulateError> {
        let (encoder, decoder) = (Encoder::new(), Decoder::new());
        let mut link = Self { stream, encoder, decoder, sequence: 0 };
        // A boundary ends whatever half a frame an earlier program may have left on the line; what the board says to
        // it, and still to that program, is no answer to us.
        link.stream.write_all(&[0]).map_err(SimulateError::Link)?;
        link.drain()?;
        Ok(link)
    }

    /// The stream.
    pub(crate) fn into_stream(self) -> S {
        self.stream
    }

    /// Makes one request, waits `patience` for its answer and takes that by `expect`; makes the request again if
    /// something was damaged or lost on the way.
    pub(crate) fn ask<T>(
        &mut self,
        request: &Request<'_>,
        name: &'static str,
        patience: Duration,
        expect: impl Fn(&Reply<'_>) -> Option<T>,
    ) -> Result<T, SimulateError> {
        // Waiting again for what takes long would help nobody.
        let again = patience <= PROMPT;
        let mut attempt = 1;
        loop {
            self.send(request)?;
            match self.receive(name, patience, &expect) {
                Err(SimulateError::Refused(Refusal::Damaged)) if attempt < ATTEMPTS => {}
                Err(SimulateError::TimedOut { .. }) if attempt < ATTEMPTS && again => {}
                result => return result,
            }
            attempt += 1;
            self.drain()?;
        }
    }

    fn send(&mut self, request: &Request<'_>) -> Result<(), SimulateError> {
        // Never 0, which is the number of refusals of damaged frames.
        self.sequence = self.sequence.checked_add(1).unwrap_or(1);
        let frame = self
            .encoder
            .encode(self.sequence, request)
            .expect("requests hold at most CHUNK_BYTES, which fit a frame");
        self.stream.write_all(frame).map_err(SimulateError::Link)?;
        self.stream.flush().map_err(SimulateError::Link)
    }

    /// Waits for the answer to the last request, and passes over those to earlier ones.
    fn receive<T>(
        &mut self,
        name: &'static str,
        patience: Duration,
        expect: impl Fn(&Reply<'_>) -> Option<T>,
    ) -> Result<T, SimulateError> {
        let deadline = Instant::now() + patience;
        loop {
            if !self.receive_frame(deadline)? {
                return Err(SimulateError::TimedOut { after: patience, log: Vec::new() });
            }
            let frame = match self.decoder.frame() {
                Ok(frame) if frame.sequence == self.sequence || frame.sequence == 0 => frame,
                Ok(_) => continue,
                Err(refusal) => return Err(SimulateError::Refused(refusal)),
            };
            let reply = frame.message().map_err(SimulateError::Refused)?;
            if let Reply::Refused(refusal) = reply {
                return Err(SimulateError::Refused(refusal));
            }
            return expect(&reply).ok_or_else(|| SimulateError::Confused {
                request: name,
                answer: format!("{reply:?}"),
            });
        }
    }

    /// Reads until the line is silent.
    fn drain(&mut self) -> Result<(), SimulateError> {
        let deadline = Instant::now() + PROMPT;
        let mut bytes = [0; 64];
        while Instant::now() < deadline {
            match self.stream.read(&mut bytes) {
                Ok(0) => break, // the next answer's absence is told where it is waited for
                Ok(_) => {}
                Err(error) if is_silence(&error) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(SimulateError::Link(error)),
            }
        }
        self.decoder = Decoder::new();
        Ok(())
    }

    /// Reads up to the end of a frame; `false` if it does not come in time.
    fn receive_frame(&mut self, deadline: Instant) -> Result<bool, SimulateError> {
        let mut byte = [0];
        while Instant::now() < deadline {
            match self.stream.read(&mut byte) {
                Ok(0) => return Err(SimulateError::Link(ErrorKind::UnexpectedEof.into())),
                Ok(_) if self.decoder.push(byte[0]) => return Ok(true),
                Ok(_) => {}
                Err(error) if is_silence(&error) || error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(SimulateError::Link(error)),
            }
        }
        Ok(false)
    }
}

fn is_silence(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock)
}
