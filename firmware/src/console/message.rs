//! What host and board say to each other. Both sides compile these types, so they cannot drift.
//!
//! One request, one reply. Tensors and pictures travel in chunks of [`CHUNK_BYTES`] straight into
//! their place on the board ([`Request::Write`]); the request that uses them carries the CRC-32 of
//! the whole, so that a lost chunk is an error and never a wrong answer.

use crate::clock::TickRate;
use heapless::Vec;
use serde::{Deserialize, Serialize};

/// Bytes of a tensor, picture or name in one message.
pub const CHUNK_BYTES: usize = 256;

/// Layer records in one message.
pub const RECORDS: usize = 16;

/// Classes in a [`Reply::Classes`].
pub const TOP_CLASSES: usize = 5;

/// From the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request<'a> {
    /// Which network is this? Answer: [`Reply::Info`].
    Info,
    /// Name of a class. Answer: [`Reply::Name`].
    Label(u16),
    /// Name of a layer. Answer: [`Reply::Name`].
    Layer(u16),
    /// Puts bytes into the input tensor or the picture. Answer: [`Reply::Done`].
    Write {
        /// Which of the two.
        target: Target,
        /// First byte.
        offset: u32,
        /// At most [`CHUNK_BYTES`]; int8 values in two's complement.
        bytes: &'a [u8],
    },
    /// Runs the network on the input tensor, which must be written anew each time, since
    /// inference overwrites it. Answer: [`Reply::Inferred`].
    Infer {
        /// CRC-32 of the whole input.
        crc32: u32,
        /// Whether to take the CRC-32 of every layer's output.
        checksums: bool,
    },
    /// Logits of the last inference from number `first`. Answer: [`Reply::Logits`].
    Logits {
        /// The first to send.
        first: u16,
    },
    /// Records of the last inference's layers from number `first`. Answer: [`Reply::Layers`].
    Layers {
        /// The first to send.
        first: u16,
    },
    /// Preprocesses the picture, runs the network, ranks the classes. Answer: [`Reply::Classes`].
    Classify {
        /// `[h, w, c]` of the picture, bytes in that order.
        shape: [u16; 3],
        /// CRC-32 of the whole picture.
        crc32: u32,
    },
}

/// Where [`Request::Write`] puts its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Target {
    /// The network's input, int8.
    Input,
    /// The picture to classify, u8.
    Picture,
}

/// From the board.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply<'a> {
    /// Which network this is and what the board can take.
    Info(#[serde(borrow)] Info<'a>),
    /// A name, cut to [`CHUNK_BYTES`].
    Name(&'a str),
    /// The request was carried out.
    Done,
    /// An inference is done; its results can be fetched until the next.
    Inferred(Inferred),
    /// Int8 logits in two's complement, at most [`CHUNK_BYTES`].
    Logits(&'a [u8]),
    /// Records of some layers.
    Layers(Vec<LayerRecord, RECORDS>),
    /// The picture's classes, best first.
    Classes(Classes),
    /// The request was not carried out.
    Refused(Refusal),
}

/// Which network a board runs, and what the board can take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Info<'a> {
    /// Name of the model, cut to 64 bytes.
    pub name: &'a str,
    /// First eight bytes of the ONNX file's SHA-256.
    pub digest: [u8; 8],
    /// Input `[h, w, c]`.
    pub input: [u16; 3],
    /// Real value of one input step.
    pub input_scale: f32,
    /// Input code of real 0.
    pub input_zero_point: i8,
    /// Number of logits.
    pub logits: u16,
    /// Real value of one logit step.
    pub output_scale: f32,
    /// Logit code of real 0.
    pub output_zero_point: i8,
    /// Number of class names.
    pub labels: u16,
    /// Number of layers.
    pub layers: u16,
    /// Largest picture in bytes.
    pub picture_bytes: u32,
    /// What the board's ticks stand for.
    pub tick_rate: TickRate,
}

/// What an inference cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Inferred {
    /// Ticks spent in the network; checksums and console are not counted.
    pub ticks: u64,
    /// Most bytes of stack in use at any time since reset, 0 if the board cannot tell.
    pub stack_bytes: u32,
}

/// One layer of an inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LayerRecord {
    /// CRC-32 of its output, 0 if checksums were not asked for.
    pub crc32: u32,
    /// Ticks spent in it.
    pub ticks: u64,
}

/// What a picture shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classes {
    /// Best first.
    pub top: Vec<Class, TOP_CLASSES>,
    /// Whether the best is confident enough to be named at all.
    pub accepted: bool,
    /// What the inference cost.
    pub cost: Inferred,
}

/// One class of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Class {
    /// Number of the logit and of the label.
    pub index: u16,
    /// The int8 logit.
    pub logit: i8,
    /// Softmax of the logits' real values, 0 to 1.
    pub confidence: f32,
}

/// Why a request was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Refusal {
    /// The frame's checksum or encoding is wrong, or it is too long: send it again.
    Damaged,
    /// The frame is of this version of the protocol, which is not ours.
    Version(u8),
    /// The frame is whole but holds no request that this version knows.
    Unknown,
    /// The bytes lie outside the target, which is this long.
    OutOfRange(u32),
    /// The target's checksum is this, not the one in the request: write it again.
    Mismatch(u32),
    /// The picture's shape has a zero side or more bytes than the board can take, which is this.
    Shape(u32),
    /// There is no such name, logit or layer; there are this many.
    NoSuchItem(u16),
    /// The model does not say how a picture becomes its input: send tensors instead.
    NoPreprocessing,
}
