//! Frames: messages with a checksum and a boundary that survives damage.
//!
//! A frame is `COBS(version, sequence, postcard(message), CRC-32 of these, little-endian), 0`. Zero
//! occurs only as the boundary, so after any damage the link is in step again at the next one.

use crate::console::message::{CHUNK_BYTES, Refusal};
use crate::observer::crc32;
use serde::{Deserialize, Serialize};

/// Version of the protocol, the first byte of every frame.
pub const VERSION: u8 = 1;

/// Before the message: version and sequence number.
const HEADER_BYTES: usize = 2;
/// After the message: CRC-32.
const CHECK_BYTES: usize = 4;
/// Tags and length prefixes around the largest chunk: two enum tags, a u32 and a length in postcard.
const ENVELOPE_BYTES: usize = 16;
const PLAIN_BYTES: usize = HEADER_BYTES + ENVELOPE_BYTES + CHUNK_BYTES + CHECK_BYTES;

/// The longest encoded frame, boundary included.
pub const FRAME_BYTES: usize = PLAIN_BYTES + PLAIN_BYTES.div_ceil(254) + 1;

/// A whole frame: its checksum was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Number that the sender of a request chose and the reply repeats.
    pub sequence: u8,
    message: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The message in it.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] if it is not a `T`, or if bytes are left over.
    pub fn message<T: Deserialize<'a>>(&self) -> Result<T, Refusal> {
        match postcard::take_from_bytes(self.message) {
            Ok((message, [])) => Ok(message),
            _ => Err(Refusal::Unknown),
        }
    }
}

/// Encodes frames.
#[derive(Debug)]
pub struct Encoder {
    plain: [u8; PLAIN_BYTES],
    encoded: [u8; FRAME_BYTES],
}

impl Encoder {
    /// An encoder.
    pub const fn new() -> Self {
        Self { plain: [0; PLAIN_BYTES], encoded: [0; FRAME_BYTES] }
    }

    /// The frame of `message`, boundary included; `None` if it is too long, which no message of this
    /// protocol is while its chunks are at most [`CHUNK_BYTES`].
    pub fn encode<T: Serialize>(&mut self, sequence: u8, message: &T) -> Option<&[u8]> {
        let [version, number, rest @ ..] = &mut self.plain;
        (*version, *number) = (VERSION, sequence);
        let message_bytes = postcard::to_slice(message, rest).ok()?.len();
        let checked_bytes = HEADER_BYTES + message_bytes;
        let check = crc32(self.plain.get(..checked_bytes)?).to_le_bytes();
        let plain_bytes = checked_bytes + CHECK_BYTES;
        self.plain.get_mut(checked_bytes..plain_bytes)?.copy_from_slice(&check);
        let body = self.encoded.get_mut(..FRAME_BYTES - 1)?;
        let encoded_bytes = cobs::try_encode(self.plain.get(..plain_bytes)?, body).ok()?;
        *self.encoded.get_mut(encoded_bytes)? = 0;
        self.encoded.get(..=encoded_bytes)
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

/// Collects bytes into frames.
#[derive(Debug)]
pub struct Decoder {
    buffer: [u8; FRAME_BYTES],
    /// Bytes since the last boundary; more than the buffer holds if the frame is too long.
    received: usize,
    complete: bool,
}

impl Decoder {
    /// A decoder before its first frame.
    pub const fn new() -> Self {
        Self { buffer: [0; FRAME_BYTES], received: 0, complete: false }
    }

    /// Takes one byte; `true` if it ends a frame, which [`Decoder::frame`] then opens. Boundaries in
    /// a row are one boundary.
    pub fn push(&mut self, byte: u8) -> bool {
        if core::mem::take(&mut self.complete) {
            self.received = 0;
        }
        if byte == 0 {
            self.complete = self.received > 0;
            return self.complete;
        }
        if let Some(place) = self.buffer.get_mut(self.received) {
            *place = byte;
        }
        self.received = self.received.saturating_add(1);
        false
    }

    /// Opens the frame that the last byte completed. Call it once a frame: it decodes in place.
    ///
    /// # Errors
    /// [`Refusal::Damaged`] or [`Refusal::Version`].
    pub fn frame(&mut self) -> Result<Frame<'_>, Refusal> {
        let encoded = self.buffer.get_mut(..self.received).ok_or(Refusal::Damaged)?;
        let plain_bytes = cobs::decode_in_place(encoded).map_err(|_| Refusal::Damaged)?;
        let plain = encoded.get(..plain_bytes).ok_or(Refusal::Damaged)?;
        let (checked, &check) = plain.split_last_chunk::<CHECK_BYTES>().ok_or(Refusal::Damaged)?;
        if crc32(checked) != u32::from_le_bytes(check) {
            return Err(Refusal::Damaged);
        }
        match checked {
            [VERSION, sequence, message @ ..] => Ok(Frame { sequence: *sequence, message }),
            [VERSION] => Err(Refusal::Damaged),
            [version, ..] => Err(Refusal::Version(*version)),
            [] => Err(Refusal::Damaged),
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{Decoder, Encoder, FRAME_BYTES, Frame};
    use crate::console::message::{
        CHUNK_BYTES, LayerRecord, RECORDS, Refusal, Reply, Request, Target,
    };

    fn decode<'a>(decoder: &'a mut Decoder, bytes: &[u8]) -> Result<Frame<'a>, Refusal> {
        let (last, head) = bytes.split_last().unwrap();
        assert!(head.iter().all(|&byte| !decoder.push(byte)), "a frame ended early");
        assert!(decoder.push(*last), "the frame did not end");
        decoder.frame()
    }

    fn write_request(bytes: &[u8]) -> Request<'_> {
        Request::Write { target: Target::Picture, offset: u32::MAX, bytes }
    }

    #[test]
    fn messages_survive_the_trip() {
        for fill in [0, 1, 0xff] {
            let bytes = [fill; CHUNK_BYTES];
            for length in [0, 1, 253, 254, 255, 256] {
                let request = write_request(&bytes[..length]);
                let mut encoder = Encoder::new();
                let encoded = encoder.encode(7, &request).unwrap();
                let mut decoder = Decoder::new();
                let frame = decode(&mut decoder, encoded).unwrap();
                assert_eq!(frame.sequence, 7);
                assert_eq!(frame.message(), Ok(request));
            }
        }
    }

    #[test]
    fn the_largest_list_of_records_fits() {
        let record = LayerRecord { crc32: u32::MAX, ticks: u64::MAX };
        let records = Reply::Layers([record; RECORDS].into_iter().collect());
        assert!(Encoder::new().encode(255, &records).is_some());
    }

    #[test]
    fn every_single_bit_flip_is_refused() {
        let bytes = [0, 1, 2, 0, 0, 3];
        let mut encoder = Encoder::new();
        let encoded = encoder.encode(1, &write_request(&bytes)).unwrap().to_vec();
        for bit in 0..(encoded.len() - 1) * 8 {
            let mut damaged = encoded.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let mut decoder = Decoder::new();
            for &byte in &damaged {
                if decoder.push(byte) {
                    assert_eq!(decoder.frame(), Err(Refusal::Damaged), "bit {bit}");
                }
            }
            assert!(decode(&mut decoder, &encoded).is_ok(), "after bit {bit}");
        }
    }

    #[test]
    fn a_frame_too_long_is_refused_and_the_next_is_read() {
        let mut decoder = Decoder::new();
        for _ in 0..2 * FRAME_BYTES {
            assert!(!decoder.push(1));
        }
        assert!(decoder.push(0));
        assert_eq!(decoder.frame(), Err(Refusal::Damaged));
        let mut encoder = Encoder::new();
        let encoded = encoder.encode(3, &Request::Info).unwrap();
        assert_eq!(decode(&mut decoder, encoded).unwrap().message(), Ok(Request::Info));
    }

    #[test]
    fn another_version_is_named() {
        let mut plain = [super::VERSION + 1, 0, 0, 0, 0, 0, 0];
        let check = crate::observer::crc32(&plain[..3]).to_le_bytes();
        plain[3..].copy_from_slice(&check);
        let mut encoded = [0; 9];
        cobs::encode(&plain, &mut encoded);
        let mut decoder = Decoder::new();
        assert_eq!(decode(&mut decoder, &encoded), Err(Refusal::Version(super::VERSION + 1)));
    }

    #[test]
    fn bytes_left_over_are_not_a_request() {
        let mut encoder = Encoder::new();
        let encoded = encoder.encode(0, &(Request::Info, 1_u8)).unwrap();
        let mut decoder = Decoder::new();
        let frame = decode(&mut decoder, encoded).unwrap();
        assert_eq!(frame.message::<Request<'_>>(), Err(Refusal::Unknown));
    }

    #[test]
    fn noise_never_panics() {
        let mut state = 1_u32;
        let mut decoder = Decoder::new();
        for _ in 0..200_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let byte = if state >> 28 == 0 { 0 } else { (state >> 20) as u8 };
            if decoder.push(byte)
                && let Ok(frame) = decoder.frame()
            {
                let _ = frame.message::<Request<'_>>();
            }
        }
    }
}
