//! The constants of the module: one kernel descriptor a layer.

use super::codes;
use super::literal::{block, lines, shape, slice, text_of, window as window_text};
use super::weights::{Layout, Places};
use crate::call::{Call, Factors, Requantize};
use crate::names;
use crate::program::{Program, Step};
use crate::report::describe;
use crate::run::Run;
use thumbnet_graph::Window;
use thumbnet_kernels::portable::{Add, AddFloat};

/// One documented `const LAYER_i` a step; for a step by stripes, one for each kind of them.
pub(super) fn constants(program: &Program, layout: &Layout) -> String {
    let constants = program.steps.iter().zip(&layout.steps).enumerate();
    let constants = constants.flat_map(|(index, (step, places))| {
        let kinds = kinds(program, index);
        let names: Vec<String> = (0..kinds.len()).map(|kind| name(index, kind, &kinds)).collect();
        let constant = |(name, run): (&String, &Run)| constant(name, step, run, *places);
        names.iter().zip(&kinds).map(constant).collect::<Vec<_>>()
    });
    constants.collect::<Vec<_>>().join("\n")
}

/// Name of the descriptor for a call.
pub(super) fn name_of(program: &Program, run: &Run) -> String {
    let kinds = kinds(program, run.step);
    let same = |kind: &Run| same_descriptor(&program.steps[run.step], kind, run);
    name(run.step, kinds.iter().position(same).unwrap_or(0), &kinds)
}

fn name(index: usize, kind: usize, kinds: &[Run]) -> String {
    if kinds.len() == 1 { format!("LAYER_{index}") } else { format!("LAYER_{index}_{kind}") }
}

/// The first call of a step with each descriptor.
fn kinds(program: &Program, index: usize) -> Vec<Run> {
    let mut kinds: Vec<Run> = Vec::new();
    for run in program.runs(index) {
        if !kinds.iter().any(|kind| same_descriptor(&program.steps[index], kind, &run)) {
            kinds.push(run);
        }
    }
    kinds
}

/// Those of elementwise kernels say nothing of shapes.
fn same_descriptor(step: &Step, one: &Run, other: &Run) -> bool {
    let shapes = |run: &Run| (run.input_shape, run.output_shape, run.padding);
    step.call.window().is_none() || shapes(one) == shapes(other)
}

fn constant(constant: &str, step: &Step, run: &Run, places: Places) -> String {
    let name = names::plain(&step.name);
    let type_name = type_name(&step.call);
    let generics = generics(&step.call);
    // Rustfmt breaks a list of lengths by how long it is.
    let skip = if let Call::Concat { .. } = step.call { "#[rustfmt::skip]\n" } else { "" };
    let mut text = format!(
        "/// {name}: {} {} to {}.\n{skip}const {constant}: {type_name}{generics} = {type_name} {{\n",
        describe(&step.call),
        text_of(run.input_shape),
        text_of(run.output_shape)
    );
    text.push_str(&fields(step, run, places));
    text.push_str("};\n");
    text
}

/// Name of the descriptor's type.
pub(super) fn type_name(call: &Call) -> &'static str {
    match call {
        Call::Conv2d { .. } => "Conv2d",
        Call::PackedConv2d { .. } => "PackedConv2d",
        Call::DepthwiseConv2d { .. } => "DepthwiseConv2d",
        Call::Dense { .. } => "Dense",
        Call::PackedDense { .. } => "PackedDense",
        Call::MaxPool2d { .. } => "MaxPool2d",
        Call::AveragePool2d { .. } => "AveragePool2d",
        Call::Add(_) => "Add",
        Call::AddFloat(_) => "AddFloat",
        Call::AveragePoolFloat(_) => "AveragePoolFloat",
        Call::Combine(_) => "Combine",
        Call::Lookup { .. } => "Lookup",
        Call::Concat { .. } => "Concat",
        Call::Rearrange(_) => "Rearrange",
        Call::Pad(_) => "Pad",
    }
}

fn generics(call: &Call) -> String {
    if let Call::Lookup { .. } | Call::Concat { .. } = call {
        return "<'static>".into();
    }
    let Some(requantize) = call.requantize() else { return String::new() };
    let form = form_name(requantize);
    match call {
        Call::AveragePool2d { .. } => format!("<{form}<'static>>"),
        _ => format!("<'static, {form}<'static>>"),
    }
}

/// Name of the requantization's type.
pub(super) fn form_name(requantize: &Requantize) -> &'static str {
    match requantize.factors {
        Factors::Fixed(_) => "FixedPoint",
        Factors::Float(_) => "Float",
        Factors::Mixed(_) => "Mixed",
    }
}

fn fields(step: &Step, run: &Run, places: Places) -> String {
    let input = ("input", shape(run.input_shape));
    let output = ("output", shape(run.output_shape));
    let window_text = |window: &Window| window_text(&run.window(window));
    let fields = match &step.call {
        Call::Conv2d { window, pool, input_zero_point, .. }
        | Call::PackedConv2d { window, pool, input_zero_point, .. } => vec![
            input,
            output,
            ("window", window_text(window)),
            ("pool", super::literal::window(pool)),
            ("input_zero_point", input_zero_point.to_string()),
        ],
        Call::DepthwiseConv2d { window, input_zero_point, .. } => vec![
            input,
            output,
            ("window", window_text(window)),
            ("input_zero_point", input_zero_point.to_string()),
        ],
        Call::Dense { .. } | Call::PackedDense { .. } => vec![],
        Call::MaxPool2d { window, .. } => {
            vec![input, output, ("window", window_text(window))]
        }
        Call::AveragePool2d { window, input_zero_point, bias, .. } => vec![
            input,
            output,
            ("window", window_text(window)),
            ("input_zero_point", input_zero_point.to_string()),
            ("bias", bias.to_string()),
        ],
        Call::Add(add) => add_fields(add),
        Call::AddFloat(add) => add_float_fields(add),
        call => codes::fields(call),
    };
    let mut text = lines(1, &fields);
    text.push_str(&constant_fields(&step.call, places));
    text
}

fn add_fields(add: &Add) -> Vec<(&'static str, String)> {
    vec![
        ("zero_points", format!("{:?}", add.zero_points)),
        ("shifts", format!("{:?}", add.shifts)),
        ("output_shift", add.output_shift.to_string()),
        ("min", add.min.to_string()),
        ("max", add.max.to_string()),
    ]
}

fn add_float_fields(add: &AddFloat) -> Vec<(&'static str, String)> {
    vec![
        ("zero_points", format!("{:?}", add.zero_points)),
        // The shortest decimals that read back as the same f32.
        ("scales", format!("{:?}", add.scales)),
        ("min", add.min.to_string()),
        ("max", add.max.to_string()),
    ]
}

/// Weights, biases and requantization: slices of the weight file.
fn constant_fields(call: &Call, places: Places) -> String {
    let mut fields = Vec::new();
    let words = call.packed_weights().len();
    if words > 0 {
        fields.push(("weights", slice("i32s", places.weights, words)));
    } else if !call.weights().is_empty() {
        let name = if let Call::Lookup { .. } = call { "tables" } else { "weights" };
        fields.push((name, slice("i8s", places.weights, call.weights().len())));
    }
    if !call.bias().is_empty() {
        fields.push(("bias", slice("i32s", places.bias, call.bias().len())));
    }
    let Some(requantize) = call.requantize() else { return lines(1, &fields) };
    let factors = match &requantize.factors {
        Factors::Fixed(factors) => ("multipliers", slice("i32s", places.factors, factors.len())),
        Factors::Float(factors) => ("factors", slice("f32s", places.factors, factors.len())),
        Factors::Mixed(scales) => ("scales", slice("i32s", places.factors, scales.len())),
    };
    let inner = [
        factors,
        ("zero_point", requantize.zero_point.to_string()),
        ("min", requantize.min.to_string()),
        ("max", requantize.max.to_string()),
    ];
    fields.push(("requantize", block(1, form_name(requantize), &inner)));
    lines(1, &fields)
}
