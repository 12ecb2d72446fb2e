//! The verbs, one file each: arguments, work, report.

mod compile;
mod data;
mod export;
mod inspect;
mod parity;
mod profile;
mod quantize;
mod run;
mod search;
mod simulate;
mod train;

use crate::outcome::Outcome;
use clap::Subcommand;

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Verb {
    /// List data sets, or fetch one.
    #[command(subcommand)]
    Data(data::Data),
    /// Train a network on labelled pictures.
    Train(train::Train),
    /// Find a good network inside a budget of flash, RAM and instructions.
    Search(search::Search),
    /// Quantize a trained network and write it as int8 ONNX.
    Export(export::Export),
    /// Turn a float ONNX file into an int8 one.
    Quantize(quantize::Quantize),
    /// Prove that tract computes the same bytes, layer by layer.
    Parity(parity::Parity),
    /// Show what a model is and whether it fits a board.
    Inspect(inspect::Inspect),
    /// Write the Rust and the weights that a board's firmware is built from.
    Compile(compile::Compile),
    /// Classify pictures with the firmware's own arithmetic.
    Simulate(simulate::Simulate),
    /// Tensors in, tensors out, for scripts.
    Run(run::Run),
    /// Measure instructions, flash, RAM and stack of the real firmware in the emulator.
    Profile(profile::Profile),
}

impl Verb {
    /// Does it.
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        match self {
            Self::Data(verb) => verb.run(),
            Self::Train(verb) => verb.run(),
            Self::Search(verb) => verb.run(),
            Self::Export(verb) => verb.run(),
            Self::Quantize(verb) => verb.run(),
            Self::Parity(verb) => verb.run(),
            Self::Inspect(verb) => verb.run(),
            Self::Compile(verb) => verb.run(),
            Self::Simulate(verb) => verb.run(),
            Self::Run(verb) => verb.run(),
            Self::Profile(verb) => verb.run(),
        }
    }
}
