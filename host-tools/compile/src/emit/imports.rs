//! What the module imports: a list that depends on the kernels in use, since an unused import is a warning.

use super::codes;
use super::descriptor::{form_name, type_name};
use super::literal::is_square;
use crate::call::Call;
use crate::program::Program;
use std::collections::BTreeSet;
use thumbnet_graph::Window;

/// The `use` lines: exactly what the module needs.
pub(super) fn imports(program: &Program) -> String {
    let (packed, kernels): (Vec<_>, Vec<_>) =
        types(program).into_iter().partition(|name| name.starts_with("Packed"));
    let forms = forms(program);
    let mut text = String::new();
    if has_constants(program) {
        text.push_str("use thumbnet_kernels::blob::Blob;\n");
    }
    let geometry = geometry(program);
    text.push_str(&import("geometry", &geometry));
    text.push_str(match moves_rows(program) {
        true => "use thumbnet_kernels::map::{Maps, move_rows};\n",
        false => "use thumbnet_kernels::map::Maps;\n",
    });
    text.push_str("use thumbnet_kernels::model::{Arena, Info, Model, Observer};\n");
    text.push_str(&import("packed", &packed));
    text.push_str(&import("portable", &kernels));
    text.push_str(&import("preprocessing", preprocessing(program)));
    text.push_str(&import("requantize", &forms));
    text.push_str("use thumbnet_kernels::{Backend, Native};\n");
    text
}

/// What a picture's way to the input is written with.
fn preprocessing(program: &Program) -> &'static [&'static str] {
    match program.metadata.preprocessing {
        Some(_) => &["Fit", "Preprocessing", "Resize", "Turn"],
        None => &["Preprocessing"],
    }
}

fn import(module: &str, items: &[&str]) -> String {
    match items {
        [] => String::new(),
        [item] => format!("use thumbnet_kernels::{module}::{item};\n"),
        items => import_list(module, items),
    }
}

/// The longest line that rustfmt leaves a list of imports in: two short of its 100 columns.
const MOST_COLUMNS: usize = 98;
/// The longest of several lines.
const MOST_FILLED_COLUMNS: usize = 100;

/// A list on one line where it fits, else filled lines, as rustfmt does it.
fn import_list(module: &str, items: &[&str]) -> String {
    let line = format!("use thumbnet_kernels::{module}::{{{}}};", items.join(", "));
    if line.len() <= MOST_COLUMNS {
        return line + "\n";
    }
    let mut lines = vec![String::from("   ")];
    for item in items {
        let word = format!(" {item},");
        match lines.last_mut() {
            Some(line) if line.len() + word.len() <= MOST_FILLED_COLUMNS => line.push_str(&word),
            _ => lines.push(format!("   {word}")),
        }
    }
    format!("use thumbnet_kernels::{module}::{{\n{}\n}};\n", lines.join("\n"))
}

/// Names of the descriptor types in use, sorted.
fn types(program: &Program) -> Vec<&'static str> {
    let calls = || program.steps.iter().map(|step| &step.call);
    sorted(calls().map(type_name).chain(calls().flat_map(codes::types)))
}

/// Names of the requantization types in use, sorted.
fn forms(program: &Program) -> Vec<&'static str> {
    let calls = || program.steps.iter().map(|step| &step.call);
    let rounds = |call: &&Call| matches!(call, Call::AveragePoolFloat(_) | Call::Combine(_));
    let roundings = calls().filter(rounds).map(|_| "Rounding");
    sorted(calls().filter_map(Call::requantize).map(form_name).chain(roundings))
}

/// Names of the geometry types in use, sorted.
fn geometry(program: &Program) -> Vec<&'static str> {
    let windows: Vec<Window> =
        (0..program.steps.len()).flat_map(|step| windows(program, step)).collect();
    let mut names = vec!["Shape"];
    if !windows.is_empty() {
        names.push("Window");
    }
    let pads = program.steps.iter().any(|step| matches!(step.call, Call::Pad(_)));
    if pads || windows.iter().any(|window| !is_square(window)) {
        names.push("Padding");
    }
    sorted(names.into_iter())
}

/// Whether any layer has weights, biases or factors.
fn has_constants(program: &Program) -> bool {
    program.steps.iter().any(|step| step.call.constant_bytes() > 0)
}

/// Whether rows are kept from one stripe to the next.
fn moves_rows(program: &Program) -> bool {
    program.streams.iter().flat_map(|stream| &stream.rounds).any(|round| !round.moves.is_empty())
}

/// The windows in the descriptors of a step.
fn windows(program: &Program, step: usize) -> Vec<Window> {
    let call = &program.steps[step].call;
    let pool = match call {
        Call::Conv2d { pool, .. } | Call::PackedConv2d { pool, .. } => Some(*pool),
        _ => None,
    };
    let own = call.window().into_iter();
    let own = own.flat_map(|window| program.runs(step).into_iter().map(|run| run.window(window)));
    own.chain(pool).collect()
}

fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    names.collect::<BTreeSet<_>>().into_iter().collect()
}
