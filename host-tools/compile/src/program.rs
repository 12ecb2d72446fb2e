//! What a network becomes: a list of kernel calls with planned memory and packed constants.
//!
//! Two consumers: `emit` writes it as straight-line Rust, `thumbnet-simulate` interprets it on the desktop.
//! Both call the same kernels with the same descriptors.

use crate::call::Call;
use crate::run::Stream;
use thumbnet_graph::{Metadata, Quantization, Shape};

/// A compiled network.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// In execution order.
    pub steps: Vec<Step>,
    /// Steps that run by stripes; the others run as a whole.
    pub streams: Vec<Stream>,
    /// Where the input is written before the first step.
    pub input: Region,
    /// Where the logits stand after the last step.
    pub output: Region,
    /// Shape of the input.
    pub input_shape: Shape,
    /// Number format of the input.
    pub input_quantization: Quantization,
    /// Number format of the logits.
    pub output_quantization: Quantization,
    /// Bytes of activations and scratch.
    pub arena_bytes: usize,
    /// Most bytes alive at one time, what input and output share counted once: no plan can need less than this.
    pub arena_lower_bound_bytes: usize,
    /// Labels, preprocessing, origin.
    pub metadata: Metadata,
    /// First eight bytes of the ONNX file's SHA-256.
    pub digest: [u8; 8],
}

impl Program {
    /// What a step of the logits is worth in a softmax: their scale, by the model's temperature.
    pub fn softmax_scale(&self) -> f32 {
        self.output_quantization.scale / self.metadata.temperature.unwrap_or(1.0)
    }
}

/// One kernel call.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Name of the last ONNX node in it.
    pub name: String,
    /// Name of the tensor it makes, as in the ONNX file.
    pub tensor: String,
    /// The call with its constants.
    pub call: Call,
    /// Why it is this kernel's.
    pub choice: Choice,
    /// One region, two for an add. Of a map between steps that run by stripes: of its rows in memory.
    pub inputs: Vec<Region>,
    /// Shape of the first input.
    pub input_shape: Shape,
    /// Working memory of the kernel during this step only; disjoint from everything alive.
    pub scratch: Option<Region>,
    /// Where the output goes, likewise; may lie on an input that no later step reads, as far as the kernel allows.
    pub output: Region,
    /// Shape of the output.
    pub output_shape: Shape,
    /// Number format of the output.
    pub output_quantization: Quantization,
    /// Multiply-accumulates that the kernel executes.
    pub macs: u64,
}

impl Step {
    /// Bytes of the arena that the kernel uses: inputs, output and scratch, what they share counted once.
    pub fn memory_bytes(&self) -> usize {
        let mut regions: Vec<Region> =
            self.inputs.iter().copied().chain(self.scratch).chain([self.output]).collect();
        regions.sort_by_key(|region| region.offset);
        let mut end = 0;
        let mut bytes = 0;
        for region in regions {
            bytes += region.end().saturating_sub(region.offset.max(end));
            end = end.max(region.end());
        }
        bytes
    }
}

/// The choice of a kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Why this kernel, and why not a faster one: clauses with semicolons between them, for people to read.
    pub why: String,
}

impl Choice {
    /// Adds a clause.
    pub(crate) fn add(&mut self, clause: &str) {
        if !self.why.is_empty() && !clause.is_empty() {
            self.why.push_str("; ");
        }
        self.why.push_str(clause);
    }
}

/// Bytes `offset..offset + bytes` of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First byte.
    pub offset: usize,
    /// Length.
    pub bytes: usize,
}

impl Region {
    /// One past the last byte.
    pub fn end(self) -> usize {
        self.offset + self.bytes
    }

    /// The bytes as indices of the arena.
    pub fn range(self) -> std::ops::Range<usize> {
        self.offset..self.end()
    }
}
