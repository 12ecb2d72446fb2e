//! What a host can ask of a board.

use crate::console::link::{Link, PROMPT};
use crate::console::{Classification, Inference, Info, size};
use crate::error::SimulateError;
use firmware::console::message::{
    CHUNK_BYTES, Inferred, LayerRecord, Refusal, Reply, Request, Target,
};
use firmware::observer::{crc32, crc32_of_map};
use std::io::{Read, Write};
use std::time::Duration;

/// How often a tensor is written when something of it got lost.
const ATTEMPTS: usize = 3;

/// A connection to a board.
///
/// `S` must give up reading after a while ([`TimedOut`](std::io::ErrorKind::TimedOut) or
/// [`WouldBlock`](std::io::ErrorKind::WouldBlock)), or a board that is silent is waited for without end.
#[derive(Debug)]
pub struct Client<S> {
    link: Link<S>,
    patience: Duration,
}

impl<S: Read + Write> Client<S> {
    /// Talks over `stream`, and waits `patience` for each inference.
    ///
    /// # Errors
    /// [`SimulateError::Link`] if the stream cannot be written.
    pub fn new(stream: S, patience: Duration) -> Result<Self, SimulateError> {
        Ok(Self { link: Link::new(stream)?, patience })
    }

    /// Asks which network the board runs, with all names.
    ///
    /// # Errors
    /// [`SimulateError`] if the board does not answer properly.
    pub fn info(&mut self) -> Result<Info, SimulateError> {
        let (mut info, labels, layers) = self.ask(&Request::Info, "info", |reply| match reply {
            Reply::Info(info) => Some((Info::from(info), info.labels, info.layers)),
            _ => None,
        })?;
        info.labels = self.names(labels, Request::Label)?;
        info.layers = self.names(layers, Request::Layer)?;
        Ok(info)
    }

    /// Runs the network on `input`. `checksums` says whether to take the CRC-32 of every layer.
    ///
    /// # Errors
    /// [`SimulateError::InputLength`] if `input` is not what the network of `info` takes, others if the
    /// board does not answer properly.
    pub fn infer(
        &mut self,
        info: &Info,
        input: &[i8],
        checksums: bool,
    ) -> Result<Inference, SimulateError> {
        let expected = info.input_len();
        if input.len() != expected {
            let shape = info.input;
            return Err(SimulateError::InputLength { found: input.len(), expected, shape });
        }
        let bytes: Vec<u8> = input.iter().map(|value| value.cast_unsigned()).collect();
        let request = Request::Infer { crc32: crc32_of_map(input), checksums };
        let inferred: Inferred =
            self.send_and_ask(Target::Input, &bytes, &request, "an inference", |reply| {
                if let Reply::Inferred(inferred) = reply { Some(*inferred) } else { None }
            })?;
        let records = self.layers(info.layers.len())?;
        let rate = info.tick_rate;
        Ok(Inference {
            logits: self.logits(info.logits)?,
            layer_crcs: records.iter().map(|record| record.crc32).collect(),
            layer_costs: records.iter().map(|record| rate.scale(record.ticks)).collect(),
            cost: rate.scale(inferred.ticks),
            stack_bytes: size(inferred.stack_bytes),
        })
    }

    /// Has the board preprocess and classify a picture, u8 `[h, w, c]`.
    ///
    /// # Errors
    /// [`SimulateError::Refused`] if the picture is too large or the model says nothing about
    /// preprocessing, others if the board does not answer properly.
    pub fn classify(
        &mut self,
        info: &Info,
        picture: &[u8],
        shape: [u16; 3],
    ) -> Result<Classification, SimulateError> {
        let request = Request::Classify { shape, crc32: crc32(picture) };
        let classes =
            self.send_and_ask(Target::Picture, picture, &request, "classes", |reply| {
                if let Reply::Classes(classes) = reply { Some(classes.clone()) } else { None }
            })?;
        Ok(Classification {
            top: classes.top.to_vec(),
            accepted: classes.accepted,
            cost: info.tick_rate.scale(classes.cost.ticks),
            stack_bytes: size(classes.cost.stack_bytes),
        })
    }

    /// The stream, for whatever comes next on it.
    pub fn into_stream(self) -> S {
        self.link.into_stream()
    }

    /// Writes `bytes` to `target` and then makes `request` of them; both again if something of it got lost.
    fn send_and_ask<T>(
        &mut self,
        target: Target,
        bytes: &[u8],
        request: &Request<'_>,
        name: &'static str,
        expect: impl Fn(&Reply<'_>) -> Option<T>,
    ) -> Result<T, SimulateError> {
        let mut attempt = 1;
        loop {
            self.write(target, bytes)?;
            match self.ask(request, name, &expect) {
                Err(SimulateError::Refused(Refusal::Mismatch(_))) if attempt < ATTEMPTS => {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    fn write(&mut self, target: Target, bytes: &[u8]) -> Result<(), SimulateError> {
        for (number, bytes) in bytes.chunks(CHUNK_BYTES).enumerate() {
            let offset = u32::try_from(number * CHUNK_BYTES).unwrap_or(u32::MAX);
            let request = Request::Write { target, offset, bytes };
            self.ask(
                &request,
                "a receipt",
                |reply| {
                    if *reply == Reply::Done { Some(()) } else { None }
                },
            )?;
        }
        Ok(())
    }

    fn names(
        &mut self,
        count: u16,
        request: impl Fn(u16) -> Request<'static>,
    ) -> Result<Vec<String>, SimulateError> {
        (0..count)
            .map(|number| {
                self.ask(&request(number), "a name", |reply| {
                    if let Reply::Name(name) = reply { Some((*name).to_owned()) } else { None }
                })
            })
            .collect()
    }

    fn logits(&mut self, count: usize) -> Result<Vec<i8>, SimulateError> {
        let mut logits: Vec<i8> = Vec::new();
        while logits.len() < count {
            let request = Request::Logits { first: position(logits.len()) };
            let part = self.ask(&request, "logits", |reply| match reply {
                Reply::Logits(bytes) if !bytes.is_empty() => Some(bytes.to_vec()),
                _ => None,
            })?;
            logits.extend(part.into_iter().map(u8::cast_signed));
        }
        logits.truncate(count);
        Ok(logits)
    }

    fn layers(&mut self, count: usize) -> Result<Vec<LayerRecord>, SimulateError> {
        let mut layers: Vec<LayerRecord> = Vec::new();
        while layers.len() < count {
            let request = Request::Layers { first: position(layers.len()) };
            let part = self.ask(&request, "layers", |reply| match reply {
                Reply::Layers(records) if !records.is_empty() => Some(records.clone()),
                _ => None,
            })?;
            layers.extend(part);
        }
        layers.truncate(count);
        Ok(layers)
    }

    /// Makes one request and takes its answer by `expect`.
    fn ask<T>(
        &mut self,
        request: &Request<'_>,
        name: &'static str,
        expect: impl Fn(&Reply<'_>) -> Option<T>,
    ) -> Result<T, SimulateError> {
        let slow = matches!(request, Request::Infer { .. } | Request::Classify { .. });
        let patience = if slow { self.patience } else { PROMPT.min(self.patience) };
        self.link.ask(request, name, patience, expect)
    }
}

fn position(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}
