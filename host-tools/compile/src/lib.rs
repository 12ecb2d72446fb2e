//! From an int8 network to firmware: choose kernels, prove their bounds, plan memory, write Rust and weights.
//!
//! ```text
//! Int8Graph -validate-> -fuse-> groups of nodes -lower (fold), pack_weights, kernel_choice, winograd-> kernel calls
//! kernel calls -stream, plan (lifetimes, pack), memory_proof-> Program
//! Program -emit-> Rust + weights        Program -fit-> does it fit this board?
//! ```
//!
//! Depends on little, because it also runs in the build script of every board.
#![forbid(unsafe_code)]

mod board;
pub mod build_script;
mod call;
mod cost;
mod emit;
mod error;
mod estimate;
mod fit;
mod fold;
mod fuse;
mod kernel_choice;
mod layout;
mod lifetimes;
mod lower;
mod memory_map;
mod memory_proof;
mod model_file;
mod names;
mod options;
mod overlap;
mod pack;
mod pack_weights;
mod plan;
mod program;
mod report;
mod run;
mod stream;
mod tuning;
mod validate;
mod winograd;

pub use board::Board;
pub use call::{Call, Factors, PackedLayout, Requantize};
pub use emit::{Emitted, emit};
pub use error::{CompileError, FlashTooSmall, RamTooSmall, thousands};
pub use fit::{Budget, FitReport, fit};
pub use memory_map::Memory;
pub use model_file::{compile_file, digest};
pub use options::{InstructionSet, Optimize, Options};
pub use program::{Choice, Program, Region, Step};
pub use report::{LayerRow, Summary};
pub use run::{Move, Round, Run, Stage, Stream};
pub use tuning::{KernelChoice, Tuning};

use thumbnet_graph::Int8Graph;

/// Compiles a network. `digest` is the start of its ONNX file's SHA-256; the generated code carries it.
///
/// # Errors
/// If the graph contradicts itself, no kernel computes a node exactly, an accumulator may overflow, or a layer cannot
/// have the kernel that `options` choose for it; the message names the node and the remedy.
pub fn compile(
    graph: &Int8Graph,
    digest: [u8; 8],
    options: &Options,
) -> Result<Program, CompileError> {
    validate::validate(graph)?;
    let groups = fuse::group(graph, options.fuse);
    let lower = |group| lower::lower(graph, group);
    let plain = groups.iter().map(lower).collect::<Result<Vec<_>, _>>()?;
    let pack = |lowered: &lower::Lowered| pack_weights::pack_weights(lowered.clone(), options);
    let mut packed: Vec<_> = plain.iter().map(pack).collect();
    kernel_choice::apply(graph, &groups, &plain, &mut packed, options)?;
    let plan = |lowered: &[lower::Lowered]| stream::plan(graph, lowered, options, digest);
    let program = winograd::with_winograd(&plain, packed, options, plan);
    memory_proof::prove(graph, &plain, &program)?;
    Ok(program)
}
