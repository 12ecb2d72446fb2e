//! The host's side of the console: asks a board, over any byte stream.
//!
//! [`Client`] knows the requests; its link knows how one of them and its answer survive a bad line.

mod client;
mod link;

pub use client::Client;

use firmware::clock::TickRate;
use firmware::console::message;
use firmware::console::message::Class;

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

impl From<&message::Info<'_>> for Info {
    /// The message, its names still to be asked for.
    fn from(info: &message::Info<'_>) -> Self {
        Self {
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
}

/// One inference on a board. Costs are in the board's unit ([`Info::tick_rate`]): instructions in
/// an emulator, cycles on hardware.
#[derive(Clone, Debug, PartialEq)]
pub struct Inference {
    /// Int8 logits.
    pub logits: Vec<i8>,
    /// CRC-32 of every layer's output, as [`crc32_of_map`](crate::crc32_of_map) computes it; zeros if not asked for.
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

/// A count of bytes from a message.
fn size(bytes: u32) -> usize {
    usize::try_from(bytes).expect("a host's usize has at least 32 bits")
}
