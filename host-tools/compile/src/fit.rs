//! It fits or it does not compile: a program against the memories of a board.

use crate::board::Board;
use crate::emit::weight_file_bytes;
use crate::error::{CompileError, FlashTooSmall, RamTooSmall};
use crate::names;
use crate::program::{Program, Step};
use serde::Serialize;

/// What a program needs of a board and what the board has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FitReport {
    /// Name of the board.
    pub board: String,
    /// Weights, biases, factors and names; in the flash that code leaves.
    pub flash: Budget,
    /// Activations and scratch; in the RAM that stack and other data leave.
    pub ram: Budget,
    /// Flash reserved for code.
    pub code_bytes: usize,
    /// RAM reserved for the stack.
    pub stack_bytes: usize,
    /// RAM reserved for other data.
    pub data_bytes: usize,
}

/// A need and what is there for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// Bytes that the network needs.
    pub need_bytes: usize,
    /// Bytes that are left for it.
    pub have_bytes: usize,
}

/// Checks that the constants of `program` fit the board's flash and its arena the RAM.
///
/// # Errors
/// [`CompileError::FlashTooSmall`] or [`CompileError::RamTooSmall`] with the largest layer and the bytes missing.
pub fn fit(program: &Program, board: &Board) -> Result<FitReport, CompileError> {
    let report = FitReport {
        board: board.name.clone(),
        flash: Budget { need_bytes: flash_bytes(program), have_bytes: board.flash_for_network() },
        ram: Budget { need_bytes: program.arena_bytes, have_bytes: board.ram_for_network() },
        code_bytes: board.code_bytes,
        stack_bytes: board.stack_bytes,
        data_bytes: board.data_bytes,
    };
    if report.flash.need_bytes > report.flash.have_bytes {
        return Err(CompileError::FlashTooSmall(Box::new(flash_too_small(program, &report))));
    }
    if report.ram.need_bytes > report.ram.have_bytes {
        return Err(CompileError::RamTooSmall(Box::new(ram_too_small(program, &report))));
    }
    Ok(report)
}

/// Flash that a program needs: weights, biases, factors and names.
pub(crate) fn flash_bytes(program: &Program) -> usize {
    weight_file_bytes(program) + name_bytes(program)
}

/// Names of the model, its classes and its layers, as the generated code has them.
fn name_bytes(program: &Program) -> usize {
    let labels = program.metadata.labels.iter().map(String::as_str);
    let layers = program.steps.iter().map(|step| step.name.as_str());
    let names = labels.chain(layers).chain([program.metadata.name.as_str()]);
    // On a 32-bit core each name is a pointer and a length beside its characters.
    names.map(|name| names::literal_bytes(name) + 8).sum()
}

fn flash_too_small(program: &Program, report: &FitReport) -> FlashTooSmall {
    let (layer, layer_bytes) = largest(program, |step| step.call.constant_bytes());
    FlashTooSmall {
        model: model_name(program),
        board: report.board.clone(),
        need_bytes: report.flash.need_bytes,
        have_bytes: report.flash.have_bytes,
        code_bytes: report.code_bytes,
        layer,
        layer_bytes,
        remedy: remedy(
            program,
            "lower code_bytes in the board's Cargo.toml if the code is smaller",
        ),
    }
}

fn ram_too_small(program: &Program, report: &FitReport) -> RamTooSmall {
    let (layer, layer_bytes) = largest(program, Step::memory_bytes);
    RamTooSmall {
        model: model_name(program),
        board: report.board.clone(),
        need_bytes: report.ram.need_bytes,
        have_bytes: report.ram.have_bytes,
        stack_bytes: report.stack_bytes,
        data_bytes: report.data_bytes,
        layer,
        layer_bytes,
        remedy: remedy(program, "lower stack_bytes in the board's Cargo.toml if it is less deep"),
    }
}

/// Packed kernels cost memory; where there are none, what is reserved can be too much.
fn remedy(program: &Program, otherwise: &'static str) -> &'static str {
    if program.steps.iter().any(|step| !step.call.packed_weights().is_empty()) {
        "set optimize = \"size\" in the board's Cargo.toml"
    } else {
        otherwise
    }
}

/// The step with the largest `size`, the first of equals.
fn largest(program: &Program, size: impl Fn(&Step) -> usize) -> (String, usize) {
    let mut largest = (String::new(), 0);
    for (index, step) in program.steps.iter().enumerate() {
        if size(step) > largest.1 {
            let name = names::plain(&step.name);
            let name = if name.is_empty() { format!("step {index}") } else { name };
            largest = (name, size(step));
        }
    }
    largest
}

fn model_name(program: &Program) -> String {
    let name = names::plain(&program.metadata.name);
    if name.is_empty() { "the model".into() } else { name }
}
