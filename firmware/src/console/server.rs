//! The board's side of the console: one request in, one reply out.

use crate::clock::Clock;
use crate::console::frame::{Decoder, Encoder, Frame};
use crate::console::message::{
    CHUNK_BYTES, Classes, Inferred, Info, Refusal, Reply, Request, Target,
};
use crate::observer::{crc32, crc32_of_map};
use crate::pipeline::{Pipeline, PipelineError};
use crate::report;
use core::convert::Infallible;
use embedded_io::{Read, Write};
use thumbnet_kernels::geometry::Shape;
use thumbnet_kernels::model::Model;

#[cfg(test)]
mod tests;

/// Longest model name in a [`Reply::Info`].
const NAME_BYTES: usize = 64;

/// Answers a host's requests about one network.
pub struct Console<'a, M: Model, C, const LAYERS: usize> {
    pipeline: Pipeline<'a, M, C, LAYERS>,
    picture: &'a mut [u8],
    stack_bytes: fn() -> u32,
    decoder: Decoder,
    encoder: Encoder,
    chunk: [u8; CHUNK_BYTES],
}

/// Why [`Console::answer`] has nothing more to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Disconnected<E> {
    /// The stream has ended.
    End,
    /// The stream failed. A serial line may recover: call again.
    Stream(E),
}

impl<'a, M: Model, C: Clock, const LAYERS: usize> Console<'a, M, C, LAYERS> {
    /// A console over `pipeline`. `picture` bounds the pictures that can be classified;
    /// `stack_bytes` says how much stack has been used since reset, 0 if unknown.
    pub fn new(
        pipeline: Pipeline<'a, M, C, LAYERS>,
        picture: &'a mut [u8],
        stack_bytes: fn() -> u32,
    ) -> Self {
        Self {
            pipeline,
            picture,
            stack_bytes,
            decoder: Decoder::new(),
            encoder: Encoder::new(),
            chunk: [0; CHUNK_BYTES],
        }
    }

    /// Waits for one request and answers it. A damaged frame is answered by a
    /// [`Reply::Refused`] with sequence number 0.
    ///
    /// # Errors
    /// [`Disconnected`] if the stream ends or fails; the console itself stays ready.
    pub fn answer<S: Read + Write>(
        &mut self,
        stream: &mut S,
    ) -> Result<(), Disconnected<S::Error>> {
        receive(&mut self.decoder, stream)?;
        let (sequence, reply) = match self.decoder.frame() {
            Err(refusal) => (0, Reply::Refused(refusal)),
            Ok(frame) => {
                let mut desk = Desk {
                    pipeline: &mut self.pipeline,
                    picture: self.picture,
                    stack_bytes: self.stack_bytes,
                };
                (frame.sequence, desk.reply(frame, &mut self.chunk))
            }
        };
        if let Reply::Refused(refusal) = reply {
            report::refused(refusal);
        }
        // Every reply fits a frame, as a test of each shows; silence would make the host ask again.
        let encoded = self.encoder.encode(sequence, &reply).unwrap_or(&[]);
        stream.write_all(encoded).map_err(Disconnected::Stream)?;
        stream.flush().map_err(Disconnected::Stream)
    }
}

/// Reads up to the end of a frame.
fn receive<S: Read>(decoder: &mut Decoder, stream: &mut S) -> Result<(), Disconnected<S::Error>> {
    let mut byte = [0];
    loop {
        match stream.read(&mut byte) {
            Ok(0) => return Err(Disconnected::End),
            Ok(_) if decoder.push(byte[0]) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(Disconnected::Stream(error)),
        }
    }
}

/// What requests act on, apart from the frame they are read from.
struct Desk<'d, 'a, M: Model, C, const LAYERS: usize> {
    pipeline: &'d mut Pipeline<'a, M, C, LAYERS>,
    picture: &'d mut [u8],
    stack_bytes: fn() -> u32,
}

impl<M: Model, C: Clock, const LAYERS: usize> Desk<'_, '_, M, C, LAYERS> {
    fn reply<'c>(&mut self, frame: Frame<'_>, chunk: &'c mut [u8; CHUNK_BYTES]) -> Reply<'c> {
        let reply = frame.message().and_then(|request| match request {
            Request::Info => Ok(Reply::Info(self.info())),
            Request::Label(number) => name(M::INFO.labels, number),
            Request::Layer(number) => name(M::INFO.layers, number),
            Request::Write { target, offset, bytes } => self.write(target, offset, bytes),
            Request::Infer { crc32, checksums } => self.infer(crc32, checksums),
            Request::Logits { first } => self.logits(first, chunk),
            Request::Layers { first } => self.layers(first),
            Request::Classify { shape, crc32 } => self.classify(shape, crc32),
        });
        reply.unwrap_or_else(Reply::Refused)
    }

    fn info(&self) -> Info<'static> {
        let info = &M::INFO;
        let input = [info.input.h, info.input.w, info.input.c];
        Info {
            name: cut(info.name, NAME_BYTES),
            digest: info.digest,
            input: input.map(count),
            input_scale: info.input_scale,
            input_zero_point: info.input_zero_point,
            logits: count(self.pipeline.logits().len()),
            output_scale: info.output_scale,
            output_zero_point: info.output_zero_point,
            labels: count(info.labels.len()),
            layers: count(info.layers.len()),
            picture_bytes: length(self.picture),
            tick_rate: C::RATE,
        }
    }

    fn write(
        &mut self,
        target: Target,
        offset: u32,
        bytes: &[u8],
    ) -> Result<Reply<'static>, Refusal> {
        match target {
            Target::Input => {
                let places = part(self.pipeline.input(), offset, bytes.len())?;
                for (place, byte) in places.iter_mut().zip(bytes) {
                    *place = byte.cast_signed();
                }
            }
            Target::Picture => {
                let places = part(self.picture, offset, bytes.len())?;
                for (place, byte) in places.iter_mut().zip(bytes) {
                    *place = *byte;
                }
            }
        }
        Ok(Reply::Done)
    }

    fn infer(&mut self, expected: u32, checksums: bool) -> Result<Reply<'static>, Refusal> {
        let found = crc32_of_map(self.pipeline.input());
        if found != expected {
            return Err(Refusal::Mismatch(found));
        }
        let ticks = self.pipeline.infer(checksums);
        report::inference::<M>(self.pipeline.logits(), C::RATE, ticks);
        Ok(Reply::Inferred(self.cost(ticks)))
    }

    fn classify(&mut self, shape: [u16; 3], expected: u32) -> Result<Reply<'static>, Refusal> {
        let too_large = Refusal::Shape(length(self.picture));
        let [h, w, c] = shape.map(usize::from);
        let picture_bytes = h.checked_mul(w).and_then(|area| area.checked_mul(c));
        let picture = picture_bytes.and_then(|bytes| self.picture.get(..bytes)).ok_or(too_large)?;
        let found = crc32(picture);
        if found != expected {
            return Err(Refusal::Mismatch(found));
        }
        let verdict = self.pipeline.classify(picture, Shape::new(h, w, c), true);
        let verdict = verdict.map_err(|error: PipelineError<Infallible>| match error {
            PipelineError::NoPreprocessing => Refusal::NoPreprocessing,
            PipelineError::Picture(_) | PipelineError::Buffer(_) => too_large,
        })?;
        report::inference::<M>(self.pipeline.logits(), C::RATE, verdict.ticks);
        let accepted = verdict.accepted.is_some();
        let cost = self.cost(verdict.ticks);
        Ok(Reply::Classes(Classes { top: verdict.top, accepted, cost }))
    }

    fn cost(&self, ticks: u64) -> Inferred {
        Inferred { ticks, stack_bytes: (self.stack_bytes)() }
    }

    fn logits<'c>(
        &self,
        first: u16,
        chunk: &'c mut [u8; CHUNK_BYTES],
    ) -> Result<Reply<'c>, Refusal> {
        let logits = rest(self.pipeline.logits(), first)?;
        for (byte, logit) in chunk.iter_mut().zip(logits) {
            *byte = logit.cast_unsigned();
        }
        Ok(Reply::Logits(chunk.get(..logits.len()).unwrap_or(chunk)))
    }

    fn layers(&self, first: u16) -> Result<Reply<'static>, Refusal> {
        let records = rest(self.pipeline.records(), first)?;
        let mut message = heapless::Vec::new();
        for &record in records {
            if message.push(record).is_err() {
                break;
            }
        }
        Ok(Reply::Layers(message))
    }
}

/// The `bytes` items of `whole` from `offset`.
fn part<T>(whole: &mut [T], offset: u32, bytes: usize) -> Result<&mut [T], Refusal> {
    let whole_bytes = length(whole);
    let outside = Refusal::OutOfRange(whole_bytes);
    let start = usize::try_from(offset).map_err(|_| outside)?;
    whole.get_mut(start..).and_then(|tail| tail.get_mut(..bytes)).ok_or(outside)
}

/// The items of `whole` from number `first`, at least one.
fn rest<T>(whole: &[T], first: u16) -> Result<&[T], Refusal> {
    match whole.get(usize::from(first)..) {
        Some(items) if !items.is_empty() => Ok(items),
        _ => Err(Refusal::NoSuchItem(count(whole.len()))),
    }
}

fn name(names: &'static [&'static str], number: u16) -> Result<Reply<'static>, Refusal> {
    match names.get(usize::from(number)) {
        Some(name) => Ok(Reply::Name(cut(name, CHUNK_BYTES))),
        None => Err(Refusal::NoSuchItem(count(names.len()))),
    }
}

/// The longest head of `text` with at most `bytes` bytes.
fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    text.get(..end.unwrap_or(0)).unwrap_or("")
}

fn count(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

fn length<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}
