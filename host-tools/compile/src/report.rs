//! What a program costs, layer by layer: for tables, for JSON, for the head of generated code.

use crate::call::Call;
use crate::emit::weight_file_bytes;
use crate::error::thousands;
use crate::names;
use crate::program::{Program, Step};
use serde::Serialize;
use std::fmt;
use thumbnet_graph::{Shape, Window};
use thumbnet_kernels::portable::{Function, Rule};

/// What a program costs. [`fmt::Display`] gives a table of plain ASCII, one line a layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// In execution order.
    pub layers: Vec<LayerRow>,
    /// Multiply-accumulates of one inference.
    pub macs: u64,
    /// Bytes of the weight file: weights, biases, factors, alignment.
    pub weight_bytes: usize,
    /// Bytes of activations and scratch.
    pub arena_bytes: usize,
    /// Most bytes alive at one time, what input and output share counted once: no plan can need less.
    pub arena_lower_bound_bytes: usize,
    /// What the arena would be if every map and every scratch area had its own place.
    pub unplanned_bytes: usize,
}

/// What one layer costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerRow {
    /// Name of the last ONNX node in it; printable ASCII, shortened.
    pub name: String,
    /// What it computes, with what is fused into it, e.g. `Conv 3x3 + MaxPool 2x2`.
    pub op: String,
    /// `[h, w, c]` of the first input.
    pub input: [usize; 3],
    /// `[h, w, c]` of the output.
    pub output: [usize; 3],
    /// Multiply-accumulates.
    pub macs: u64,
    /// Bytes of weights, biases and factors.
    pub weight_bytes: usize,
    /// First byte of the output in the arena, and one past the last; of the rows in memory, if it is never whole.
    pub arena: [usize; 2],
    /// First byte of the scratch area in the arena, and one past the last.
    pub scratch: Option<[usize; 2]>,
    /// In how many calls of the kernel: 1 for the whole map at once, else by stripes.
    pub stripes: usize,
    /// Name of the kernel.
    pub kernel: &'static str,
    /// Why it is this one; printable ASCII.
    pub why: String,
    /// `fixed`, `float`, `shift` (an add of powers of two), `table` or `none` (codes pass through).
    pub requantization: &'static str,
}

impl Summary {
    /// The costs of `program`.
    pub fn of(program: &Program) -> Self {
        let apart =
            |step: &Step| step.output_shape.len() + step.scratch.map_or(0, |scratch| scratch.bytes);
        let unplanned: usize = program.steps.iter().map(apart).sum();
        Self {
            layers: (0..program.steps.len()).map(|step| LayerRow::of(program, step)).collect(),
            macs: program.steps.iter().fold(0, |sum: u64, step| sum.saturating_add(step.macs)),
            weight_bytes: weight_file_bytes(program),
            arena_bytes: program.arena_bytes,
            arena_lower_bound_bytes: program.arena_lower_bound_bytes,
            unplanned_bytes: program.input.bytes + unplanned,
        }
    }
}

impl LayerRow {
    /// The costs of one step.
    pub fn of(program: &Program, index: usize) -> Self {
        let step = &program.steps[index];
        let array = |shape: Shape| [shape.h, shape.w, shape.c];
        Self {
            name: names::plain(&step.name),
            op: describe(&step.call),
            input: array(step.input_shape),
            output: array(step.output_shape),
            macs: step.macs,
            weight_bytes: step.call.constant_bytes(),
            arena: [step.output.offset, step.output.end()],
            scratch: step.scratch.map(|region| [region.offset, region.end()]),
            stripes: program.runs(index).len(),
            kernel: step.call.kernel(),
            why: step.choice.why.clone(),
            requantization: match &step.call {
                Call::MaxPool2d { .. } => "none",
                Call::Add(_) => "shift",
                Call::AddFloat(_) | Call::AveragePoolFloat(_) | Call::Combine(_) => "float",
                Call::Lookup { .. } => "table",
                call => call.requantize().map_or("none", |requantize| requantize.factors.form()),
            },
        }
    }
}

/// What a step computes.
pub(crate) fn describe(call: &Call) -> String {
    match call {
        Call::Conv2d { window, pool, .. } | Call::PackedConv2d { window, pool, .. } => {
            match *pool {
                Window::UNIT => format!("Conv {}", size(window)),
                _ => format!("Conv {} + MaxPool {}", size(window), size(pool)),
            }
        }
        Call::DepthwiseConv2d { window, .. } => format!("depthwise Conv {}", size(window)),
        Call::Dense { .. } | Call::PackedDense { .. } => "Conv, whole map".into(),
        Call::MaxPool2d { window, .. } => format!("MaxPool {}", size(window)),
        Call::AveragePool2d { window, .. } if *window == Window::UNIT => "Relu".into(),
        Call::AveragePool2d { window, .. } => format!("AveragePool {}", size(window)),
        Call::Add(_) | Call::AddFloat(_) => "Add".into(),
        Call::AveragePoolFloat(pool) => format!("AveragePool {}", size(&pool.window)),
        Call::Combine(combine) => match combine.rule {
            Rule::FusedSum { .. } | Rule::Real { function: Function::Add, .. } => "Add".into(),
            Rule::Real { function: Function::Subtract, .. } => "Sub".into(),
            Rule::ScaledProduct { .. } | Rule::Real { function: Function::Multiply, .. } => {
                "Mul".into()
            }
        },
        Call::Lookup { .. } => "function".into(),
        Call::Concat { lengths } => format!("Concat of {}", lengths.len()),
        Call::Rearrange(_) => "rearrange".into(),
        Call::Pad(_) => "Pad".into(),
    }
}

/// `3x3`, and its stride if it is not 1: `3x3/2`.
fn size(window: &Window) -> String {
    let ([kh, kw], stride) = (window.kernel, window.stride);
    match stride {
        [1, 1] => format!("{kh}x{kw}"),
        [rows, columns] if rows == columns => format!("{kh}x{kw}/{rows}"),
        [rows, columns] => format!("{kh}x{kw}/{rows}x{columns}"),
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads =
            ["layer", "op", "input", "output", "MACs", "weights B", "arena", "kernel", "form"];
        let mut table = vec![heads.map(String::from)];
        table.extend(self.layers.iter().map(cells));
        let width = |column: usize| table.iter().map(|row| row[column].len()).max().unwrap_or(0);
        for row in &table {
            for (column, cell) in row.iter().enumerate() {
                let width = width(column);
                match column {
                    4 | 5 => write!(formatter, "{cell:>width$}  ")?,
                    8 => writeln!(formatter, "{cell}")?,
                    _ => write!(formatter, "{cell:<width$}  ")?,
                }
            }
        }
        for row in self.layers.iter().filter(|row| !row.why.is_empty()) {
            writeln!(formatter, "{}: {}: {}", name(row), row.kernel, row.why)?;
        }
        write!(
            formatter,
            "{} MACs, {} B of weights, {} B of activations and scratch (lower bound {} B, unplanned {} B)",
            thousands(self.macs),
            thousands(self.weight_bytes),
            thousands(self.arena_bytes),
            thousands(self.arena_lower_bound_bytes),
            thousands(self.unplanned_bytes)
        )
    }
}

fn name(row: &LayerRow) -> String {
    row.name.chars().take(24).collect()
}

fn cells(row: &LayerRow) -> [String; 9] {
    let shape = |[h, w, c]: [usize; 3]| format!("{h}x{w}x{c}");
    [
        name(row),
        row.op.clone(),
        shape(row.input),
        shape(row.output),
        thousands(row.macs),
        thousands(row.weight_bytes),
        format!("{}..{}", row.arena[0], row.arena[1]),
        row.kernel.into(),
        row.requantization.into(),
    ]
}
