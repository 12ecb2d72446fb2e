//! The host's side of the console: asks a board, over any byte stream.

use crate::error::SimulateError;
use firmware::clock::TickRate;
use firmware::console::frame::{Decoder, Encoder};
use firmware::console::message::{
    CHUNK_BYTES, Class, Inferred, LayerRecord, Refusal, Reply, Request, Target,
};
use firmware::observer::{crc32, crc32_of_map};
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// How often a request is made when it or its answer is damaged or lost.
const ATTEMPTS: usize = 3;

/// How long a board may take for an answer that needs no inference.
const PROMPT: Duration = Duration::from_secs(10);

/// Which network a board runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// Name of the model.
    pub name: String,
    /// First eight bytes of the ONNX file's SHA-256.
    pub digest: [u8; 8],
    /// Input `[h, w, c]`.
    pub input: [u16; 3],
    /// Real value of one input step.
    pub input_scale: f32,
    /// Input code of real 0.
    pub input_zero_point: i8,
    /// Number of logits.
    pub logits: usize,
    /// Real value of one logit step.
    pub output_scale: f32,
    /// Logit code of real 0.
    pub output_zero_point: i8,
    /// Class names in the order of the logits; empty if the model has none.
    pub labels: Vec<String>,
    /// Names of the layers in order.
    pub layers: Vec<String>,
    /// Largest picture in bytes.
    pub picture_bytes: usize,
    /// What the board's ticks stand for.
    pub tick_rate: TickRate,
}

impl Info {
    /// Values of the input tensor.
    pub fn input_len(&self) -> usize {
        self.input.iter().map(|&side| usize::from(side)).product()
    }
}

/// One inference on a board. Costs are in the board's unit ([`Info::tick_rate`]): instructions in
/// an emulator, cycles on hardware.
#[derive(Clone, Debug, PartialEq)]
pub struct Inference {
    /// Int8 logits.
    pub logits: Vec<i8>,
    /// CRC-32 of every layer's output, as [`crc32_of_map`] computes it; zeros if not asked for.
    pub layer_crcs: Vec<u32>,
    /// What every layer cost.
    pub layer_costs: Vec<u64>,
    /// What the network cost; console and checksums are not counted.
    pub cost: u64,
    /// Most stack in use since reset, 0 if the board cannot tell.
    pub stack_bytes: usize,
}

/// A classified picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Classification {
    /// Best first.
    pub top: Vec<Class>,
    /// Whether the board believes the best class.
    pub accepted: bool,
    /// What the network cost, in the board's unit.
    pub cost: u64,
    /// Most stack in use since reset, 0 if the board cannot tell.
    pub stack_bytes: usize,
}

/// A connection to a board.
///
/// `S` must give up reading after a while ([`ErrorKind::TimedOut`] or [`ErrorKind::WouldBlock`]), or
/// a board that is silent is waited for without end.
#[derive(Debug)]
pub struct Client<S> {
    stream: S,
    encoder: Encoder,
    decoder: Decoder,
    sequence: u8,
    patience: Duration,
}

impl<S: Read + Write> Client<S> {
    /// Talks over `stream`, and waits `patience` for each inference.
    ///
    /// # Errors
    /// [`SimulateError::Link`] if the stream cannot be written.
    pub fn new(stream: S, patience: Duration) -> Result<Self, SimulateError> {
        let (encoder, decoder) = (Encoder::new(), Decoder::new());
        let mut client = Self { stream, encoder, decoder, sequence: 0, patience };
        // A boundary ends whatever half a frame an earlier program may have left on the line; what the board says to
        // it, and still to that program, is no answer to us.
        client.stream.write_all(&[0]).map_err(SimulateError::Link)?;
        client.drain()?;
        Ok(client)
    }

    /// Asks which network the board runs, with all names.
    ///
    /// # Errors
    /// [`SimulateError`] if the board does not answer properly.
    pub fn info(&mut self) -> Result<Info, SimulateError> {
        let (mut info, labels, layers) = self.ask(&Request::Info, "info", |reply| match reply {
            Reply::Info(info) => Some((owned(&info), info.labels, info.layers)),
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
                if let Reply::Inferred(inferred) = reply { Some(inferred) } else { None }
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
                if let Reply::Classes(classes) = reply { Some(classes) } else { None }
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
        self.stream
    }

    /// Writes `bytes` to `target` and then makes `request` of them; both again if something of it got lost.
    fn send_and_ask<T>(
        &mut self,
        target: Target,
        bytes: &[u8],
        request: &Request<'_>,
        name: &'static str,
        expect: impl Fn(Reply<'_>) -> Option<T>,
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
                    if reply == Reply::Done { Some(()) } else { None }
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
                    if let Reply::Name(name) = reply { Some(name.to_owned()) } else { None }
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
        Ok(logits)
    }

    fn layers(&mut self, count: usize) -> Result<Vec<LayerRecord>, SimulateError> {
        let mut layers: Vec<LayerRecord> = Vec::new();
        while layers.len() < count {
            let request = Request::Layers { first: position(layers.len()) };
            let part = self.ask(&request, "layers", |reply| match reply {
                Reply::Layers(records) if !records.is_empty() => Some(records),
                _ => None,
            })?;
            layers.extend(part);
        }
        Ok(layers)
    }

    /// Makes one request and takes its answer by `expect`; makes it again if something was damaged or lost
    /// on the way.
    fn ask<T>(
        &mut self,
        request: &Request<'_>,
        name: &'static str,
        expect: impl Fn(Reply<'_>) -> Option<T>,
    ) -> Result<T, SimulateError> {
        let slow = matches!(request, Request::Infer { .. } | Request::Classify { .. });
        let patience = if slow { self.patience } else { PROMPT.min(self.patience) };
        let mut attempt = 1;
        loop {
            self.send(request)?;
            match self.receive(name, patience, &expect) {
                Err(SimulateError::Refused(Refusal::Damaged)) if attempt < ATTEMPTS => {}
                Err(SimulateError::TimedOut { .. }) if attempt < ATTEMPTS && !slow => {}
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
        expect: impl Fn(Reply<'_>) -> Option<T>,
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
            let answer = format!("{reply:?}");
            return expect(reply).ok_or(SimulateError::Confused { request: name, answer });
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
        loop {
            match self.stream.read(&mut byte) {
                Ok(0) => return Err(SimulateError::Link(ErrorKind::UnexpectedEof.into())),
                Ok(_) if self.decoder.push(byte[0]) => return Ok(true),
                Ok(_) => {}
                Err(error) if is_silence(&error) => {
                    if Instant::now() >= deadline {
                        return Ok(false);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(SimulateError::Link(error)),
            }
        }
    }
}

fn is_silence(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock)
}

fn position(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}

fn size(bytes: u32) -> usize {
    usize::try_from(bytes).expect("a host's usize has at least 32 bits")
}

/// The message without its names.
fn owned(info: &firmware::console::message::Info<'_>) -> Info {
    Info {
        name: info.name.to_owned(),
        digest: info.digest,
        input: info.input,
        input_scale: info.input_scale,
        input_zero_point: info.input_zero_point,
        logits: usize::from(info.logits),
        output_scale: info.output_scale,
        output_zero_point: info.output_zero_point,
        labels: Vec::new(),
        layers: Vec::new(),
        picture_bytes: size(info.picture_bytes),
        tick_rate: info.tick_rate,
    }
}
