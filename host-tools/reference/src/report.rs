//! What a comparison found, as data: one entry for each way the two sides were run.

use crate::tract::Mode;
use serde::Serialize;
use std::fmt;

/// The result of comparing a model on a set of pictures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Parity {
    /// The ONNX file.
    pub model: String,
    /// What the pictures are.
    pub data: String,
    /// Number of pictures.
    pub images: u64,
    /// One entry for each mode of tract and each build of ours.
    pub modes: Vec<ModeReport>,
    /// The first difference: of the first picture that has one, in its first layer that has one.
    pub first_difference: Option<Difference>,
}

/// One mode of tract against one build of the network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModeReport {
    /// How tract ran the file.
    pub mode: Mode,
    /// Which tensors tract was asked for.
    pub exposed: Exposed,
    /// How the network was compiled on our side.
    pub build: Build,
    /// Bytes compared over all layers and pictures.
    pub bytes: u64,
    /// How many of them differ.
    pub different: u64,
    /// Layers that were not compared: their codes are no tensor of the file, which has them in float only.
    pub not_in_file: usize,
    /// In execution order.
    pub layers: Vec<LayerReport>,
}

/// How the network was compiled for a comparison, and where it ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Build {
    /// One kernel call a node, so that every tensor of the file has its counterpart; on the desktop.
    EveryNode,
    /// As on the device, with fused kernels; on the desktop.
    Deployed,
    /// The firmware itself in an emulator; layers are compared by their checksum, logits by their bytes.
    Firmware,
}

/// Which tensors tract was asked for; it may fuse all others away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exposed {
    /// Every int8 tensor.
    EveryLayer,
    /// The logits alone, as its users run the file.
    Logits,
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EveryNode => "every node",
            Self::Deployed => "as deployed",
            Self::Firmware => "firmware in QEMU",
        })
    }
}

/// One layer over all pictures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerReport {
    /// Name of the ONNX node.
    pub name: String,
    /// Name of the tensor it makes.
    pub tensor: String,
    /// `[h, w, c]`.
    pub shape: [usize; 3],
    /// Bytes compared.
    pub bytes: u64,
    /// How many of them differ; where only checksums are compared, the bytes of the maps that differ.
    pub different: u64,
}

/// One byte that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// How tract ran the file.
    pub mode: Mode,
    /// How the network was compiled on our side.
    pub build: Build,
    /// Index of the picture.
    pub picture: usize,
    /// Name of the ONNX node.
    pub layer: String,
    /// Name of the tensor.
    pub tensor: String,
    /// Where and what; `None` if only the checksum of the map is known to differ.
    pub at: Option<Place>,
}

/// Where two maps differ first, in `[h, w, c]` order, and in what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Channel.
    pub channel: usize,
    /// Row.
    pub row: usize,
    /// Column.
    pub column: usize,
    /// What tract computes.
    pub tract: i8,
    /// What Thumbnet computes.
    pub thumbnet: i8,
}

impl Parity {
    /// Whether every byte of every layer is equal in every mode, and something was compared.
    pub fn is_equal(&self) -> bool {
        let compared = self.images > 0 && !self.modes.is_empty();
        compared && self.modes.iter().all(|mode| mode.bytes > 0 && mode.different == 0)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mode, build, picture, layer, tensor, at } = self;
        write!(f, "picture {picture}, layer '{layer}' (tensor '{tensor}')")?;
        match at {
            Some(Place { channel, row, column, tract, thumbnet }) => write!(
                f,
                ", channel {channel}, row {row}, column {column}: tract {tract}, thumbnet {thumbnet}"
            )?,
            None => write!(f, ": the checksums of the maps differ")?,
        }
        write!(f, " (tract {mode}, {build})")
    }
}
