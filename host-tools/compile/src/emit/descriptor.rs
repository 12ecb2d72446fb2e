//! The constants of the module: one kernel descriptor a layer.

use super::codes;
use super::literal::{block, lines, shape, slice, text_of, window as window_text};
use super::weights::{Layout, Places};
use crate::call::{Call, Factors, Requantize};
use crate::names;
use crate::program::{Program, Step};
use crate::report::LayerRow;
use thumbnet_kernels::portable::{Add, AddFloat};

/// One documented `const LAYER_i` a step.
pub(super) fn constants(program: &Program, layout: &Layout) -> String {
    let constants = program.steps.iter().zip(&layout.steps).enumerate();
    let constants: Vec<String> =
        constants.map(|(index, (step, places))| constant(index, step, *places)).collect();
    constants.join("\n")
}

fn constant(index: usize, step: &Step, places: Places) -> String {
    let row = LayerRow::of(step);
    let name = names::plain(&step.name);
    let type_name = type_name(&step.call);
    let generics = generics(&step.call);
    // Rustfmt breaks a list of lengths by how long it is.
    let skip = if let Call::Concat { .. } = step.call { "#[rustfmt::skip]\n" } else { "" };
    let mut text = format!(
        "/// {name}: {} {} to {}.\n{skip}const LAYER_{index}: {type_name}{generics} = {type_name} {{\n",
        row.op,
        text_of(step.input_shape),
        text_of(step.output_shape)
    );
    text.push_str(&fields(step, places));
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

fn fields(step: &Step, places: Places) -> String {
    let output = ("output", shape(step.output_shape));
    let fields = match &step.call {
        Call::Conv2d { input, window, pool, input_zero_point, .. }
        | Call::PackedConv2d { input, window, pool, input_zero_point, .. } => vec![
            ("input", shape(*input)),
            output,
            ("window", window_text(window)),
            ("pool", window_text(pool)),
            ("input_zero_point", input_zero_point.to_string()),
        ],
        Call::DepthwiseConv2d { input, window, input_zero_point, .. } => vec![
            ("input", shape(*input)),
            output,
            ("window", window_text(window)),
            ("input_zero_point", input_zero_point.to_string()),
        ],
        Call::Dense { .. } | Call::PackedDense { .. } => vec![],
        Call::MaxPool2d { input, window } => {
            vec![("input", shape(*input)), output, ("window", window_text(window))]
        }
        Call::AveragePool2d { input, window, input_zero_point, bias, .. } => vec![
            ("input", shape(*input)),
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
