//! What the user may choose about a compilation.

use crate::tuning::KernelChoice;
use serde::Deserialize;
use std::fmt;

/// How a network is compiled. All choices give the same bytes of every layer that both make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether ReLU and max pool join the convolution before them. `false` makes one step of every node,
    /// so that every map of the ONNX file can be observed.
    pub fuse: bool,
    /// Whether consecutive steps may run by stripes, some rows of each at a time, where that takes less RAM. Not
    /// without `fuse`.
    pub stream: bool,
    /// Whose kernels weights are packed for.
    pub instruction_set: InstructionSet,
    /// What to spend where a faster kernel costs memory.
    pub optimize: Optimize,
    /// Kernels that the user wants for single layers.
    pub kernels: Vec<KernelChoice>,
    /// Flash that there is for weights, biases, factors and names; no limit if it is `None`. Faster kernels take
    /// no more than this; a network that needs more even without them is compiled, and [`crate::fit()`] refuses it.
    pub flash_bytes: Option<usize>,
    /// RAM that there is for activations and scratch memory, likewise.
    pub ram_bytes: Option<usize>,
}

impl Default for Options {
    /// Fused, by stripes where that helps, for any core, balanced, without limits.
    fn default() -> Self {
        Self {
            fuse: true,
            stream: true,
            instruction_set: InstructionSet::default(),
            optimize: Optimize::default(),
            kernels: Vec::new(),
            flash_bytes: None,
            ram_bytes: None,
        }
    }
}

/// A family of kernels. Programs for one run everywhere; they are fast on their own cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum InstructionSet {
    /// Plain Rust for any core: weights in their natural order.
    #[default]
    Portable,
    /// Cortex-M4 and M7 with their DSP extension: weights packed for two multiplications at a time.
    Armv7em,
}

impl InstructionSet {
    /// The family that `thumbnet_kernels::Native` belongs to on a Rust target triple.
    pub fn of_target(triple: &str) -> Self {
        if triple.starts_with("thumbv7em-") { Self::Armv7em } else { Self::Portable }
    }
}

/// What to spend where a faster kernel costs flash or RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimize {
    /// The fastest kernel that there is.
    Speed,
    /// The fastest kernel whose weights take at most half as much flash again.
    #[default]
    Balanced,
    /// The smallest weights and no scratch memory.
    Size,
}

impl std::str::FromStr for Optimize {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "speed" => Ok(Self::Speed),
            "balanced" => Ok(Self::Balanced),
            "size" => Ok(Self::Size),
            _ => Err(format!("'{name}' is none of speed, balanced, size")),
        }
    }
}

impl fmt::Display for Optimize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Speed => "speed",
            Self::Balanced => "balanced",
            Self::Size => "size",
        })
    }
}
