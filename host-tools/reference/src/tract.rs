//! The reference implementation: tract runs an ONNX file and shows the bytes of every int8 tensor.
//!
//! The tensors to show become outputs of the model before tract types and optimizes it, so that no pass
//! can fuse them away.

use crate::error::ReferenceError;
use crate::guard::guard;
use crate::loading;
use crate::port::Port;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use thumbnet_graph::Quantization;
use thumbnet_kernels::geometry::Shape;
use tract_onnx::prelude::{InferenceModelExt, IntoRunnable, IntoTValue, TypedRunnableModel, tvec};

/// How far tract takes the model before running it. The two do different arithmetic (NUMERICS.md, section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Simplified, in the operators' own terms.
    Decluttered,
    /// Lowered to tract's fast kernels, as its users run it.
    Optimized,
}

impl Mode {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Decluttered, Self::Optimized];
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Decluttered => "decluttered",
            Self::Optimized => "optimized",
        })
    }
}

/// Which tensors [`Tract::run`] returns.
#[derive(Clone, Copy, Debug)]
pub enum Expose<'a> {
    /// Every int8 (or uint8) tensor that depends on the input, in execution order.
    EveryInt8,
    /// The tensor of this name only: tract is free to fuse all others away.
    Only(&'a str),
}

/// An ONNX file, named for messages.
#[derive(Clone, Copy, Debug)]
pub struct OnnxFile<'a> {
    /// What to call it: its path.
    pub name: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
}

/// A model made ready by tract.
#[derive(Clone, Debug)]
pub struct Tract {
    file: String,
    plan: Arc<TypedRunnableModel>,
    input: Port,
    input_quantization: Quantization,
    tensors: Vec<Port>,
}

impl Tract {
    /// Reads `file` and prepares it as `mode` says, at batch 1.
    ///
    /// `input` is the format of the input codes; it matters only where the graph's input is float, which then
    /// gets `scale * (code - zero_point)`.
    ///
    /// # Errors
    /// If the file is no model with one picture-shaped input, or tract cannot prepare it.
    pub fn load(
        file: OnnxFile<'_>,
        mode: Mode,
        expose: Expose<'_>,
        input: Quantization,
    ) -> Result<Self, ReferenceError> {
        let mut model = loading::read(file)?;
        let input_port = loading::fix_input(file, &mut model)?;
        let outlets = loading::choose_outlets(file, &mut model, expose)?;
        guard(file, "type", || model.select_output_outlets(&outlets))?;
        let names: Vec<_> =
            outlets.iter().map(|&outlet| loading::name_of(&model, outlet)).collect();
        let typed = guard(file, "type", || model.into_typed())?;
        let prepared = loading::prepare(file, typed, mode)?;
        let tensors = loading::ports(file, &prepared, names)?;
        let plan = guard(file, "plan", || prepared.into_runnable())?;
        Ok(Self {
            file: file.name.to_owned(),
            plan,
            input: input_port,
            input_quantization: input,
            tensors,
        })
    }

    /// The graph's input.
    pub fn input(&self) -> &Port {
        &self.input
    }

    /// The tensors that [`Tract::run`] returns, in its order.
    pub fn tensors(&self) -> &[Port] {
        &self.tensors
    }

    /// The index of tensor `name` in what [`Tract::run`] returns, once it is known to hold a map of `shape`.
    ///
    /// The shape also decides whether the tensor's bytes are read channels first or last.
    ///
    /// # Errors
    /// If there is no such tensor (`step` is for the message), or it has another shape.
    pub fn expect(
        &mut self,
        name: &str,
        shape: Shape,
        step: &str,
    ) -> Result<usize, ReferenceError> {
        let found = self.tensors.iter().position(|tensor| tensor.name == name);
        let index = found.ok_or_else(|| ReferenceError::NoSuchTensor {
            file: self.file.clone(),
            tensor: name.to_owned(),
            step: step.to_owned(),
        })?;
        self.tensors[index].assume(shape, &self.file)?;
        Ok(index)
    }

    /// As [`Tract::expect`], for the graph's input.
    ///
    /// # Errors
    /// If the input has another shape.
    pub fn expect_input(&mut self, shape: Shape) -> Result<(), ReferenceError> {
        self.input.assume(shape, &self.file)
    }

    /// Runs the model on `input`, int8 `[h, w, c]`; returns the bytes of [`Tract::tensors`], each `[h, w, c]`.
    ///
    /// A uint8 tensor's bytes come as `byte - 128`, so that equal reals have equal bytes.
    ///
    /// # Errors
    /// If `input` has the wrong length, or tract fails.
    pub fn run(&self, input: &[i8]) -> Result<Vec<Vec<i8>>, ReferenceError> {
        if input.len() != self.input.shape.len() {
            return Err(ReferenceError::InputLength {
                file: self.file.clone(),
                tensor: self.input.name.clone(),
                expected: self.input.shape.len(),
                found: input.len(),
            });
        }
        let file = OnnxFile { name: &self.file, bytes: &[] };
        let outputs = guard(file, "run", || {
            let tensor = self.input.fill(input, self.input_quantization)?;
            self.plan.run(tvec!(tensor.into_tvalue()))
        })?;
        Ok(self.tensors.iter().zip(&outputs).map(|(port, tensor)| port.codes(tensor)).collect())
    }
}
