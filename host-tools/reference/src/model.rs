//! One ONNX file as both sides need it: read by tract in all modes, and by our own reader.

use crate::error::ReferenceError;
use crate::report::Exposed;
use crate::tract::{Expose, Mode, OnnxFile, Tract};
use std::path::Path;
use thumbnet_graph::onnx::{self, Interface};
use thumbnet_graph::{Int8Graph, Quantization};

/// An ONNX file and the network that our reader finds in it.
#[derive(Clone, Debug)]
pub struct Model {
    /// What to call the file: its path.
    pub file: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// The network in it.
    pub graph: Int8Graph,
    /// What the file itself takes and gives.
    pub interface: Interface,
}

/// tract, ready to run the file in one way.
#[derive(Clone, Debug)]
pub struct Reference {
    /// How far tract took the model.
    pub mode: Mode,
    /// Which tensors it shows.
    pub exposed: Exposed,
    /// The model.
    pub tract: Tract,
}

impl Model {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// If it cannot be read, or is no model that Thumbnet understands.
    pub fn open(path: &Path) -> Result<Self, ReferenceError> {
        let file = path.display().to_string();
        match std::fs::read(path) {
            Ok(bytes) => Self::new(file, bytes),
            Err(source) => Err(ReferenceError::Io { file, source }),
        }
    }

    /// The model in `bytes`; `file` is for messages.
    ///
    /// # Errors
    /// If they are no model that Thumbnet understands.
    pub fn new(file: String, bytes: Vec<u8>) -> Result<Self, ReferenceError> {
        let (graph, interface) = onnx::import(&bytes, &file)?;
        Ok(Self { file, bytes, graph, interface })
    }

    /// Number format of the input codes.
    pub fn input_format(&self) -> Quantization {
        self.graph.tensor(self.graph.input).format
    }

    /// The ways in which tract runs a file for a comparison: both modes with every layer exposed, and optimized
    /// with nothing exposed but the logits, as its users run it.
    ///
    /// # Errors
    /// If tract cannot prepare the model.
    pub fn references(&self) -> Result<Vec<Reference>, ReferenceError> {
        [
            (Mode::Decluttered, Exposed::EveryLayer),
            (Mode::Optimized, Exposed::EveryLayer),
            (Mode::Optimized, Exposed::Logits),
        ]
        .into_iter()
        .map(|(mode, exposed)| self.reference(mode, exposed))
        .collect()
    }

    /// tract, ready to run the file in one way.
    ///
    /// # Errors
    /// If tract cannot prepare the model.
    pub fn reference(&self, mode: Mode, exposed: Exposed) -> Result<Reference, ReferenceError> {
        let file = OnnxFile { name: &self.file, bytes: &self.bytes };
        let expose = match exposed {
            Exposed::EveryLayer => Expose::EveryInt8,
            Exposed::Logits => Expose::Only(&self.graph.tensor(self.graph.output).name),
        };
        let mut tract = Tract::load(file, mode, expose, self.input_format())?;
        tract.expect_input(self.graph.tensor(self.graph.input).shape)?;
        Ok(Reference { mode, exposed, tract })
    }
}
