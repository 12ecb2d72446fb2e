//! The constants of the module: one kernel descriptor a layer.

use super::weights::{Layout, Places};
use crate::names;
use crate::program::{Call, Factors, Program, Requantize, Step};
use crate::report::LayerRow;
use std::collections::BTreeSet;
use std::fmt::Write;
use thumbnet_graph::{Padding, Shape, Window};
use thumbnet_kernels::portable::Add;

/// Names of the descriptor types in use, sorted.
pub(super) fn types(program: &Program) -> Vec<&'static str> {
    sorted(program.steps.iter().map(|step| type_name(&step.call)))
}

/// Names of the requantization types in use, sorted.
pub(super) fn forms(program: &Program) -> Vec<&'static str> {
    sorted(program.steps.iter().filter_map(|step| step.call.requantize()).map(form_name))
}

/// Names of the geometry types in use, sorted.
pub(super) fn geometry(program: &Program) -> Vec<&'static str> {
    let windows: Vec<Window> = program.steps.iter().flat_map(|step| windows(&step.call)).collect();
    let mut names = vec!["Shape"];
    if !windows.is_empty() {
        names.push("Window");
    }
    if windows.iter().any(|window| *window != square(window)) {
        names.push("Padding");
    }
    sorted(names.into_iter())
}

/// Whether any layer has weights, biases or factors.
pub(super) fn has_constants(program: &Program) -> bool {
    program.steps.iter().any(|step| step.call.constant_bytes() > 0)
}

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
    let mut text = format!(
        "/// {name}: {} {} to {}.\nconst LAYER_{index}: {type_name}{generics} = {type_name} {{\n",
        row.op,
        text_of(step.input_shape),
        text_of(step.output_shape)
    );
    text.push_str(&fields(step, places));
    text.push_str("};\n");
    text
}

fn type_name(call: &Call) -> &'static str {
    match call {
        Call::Conv2d { .. } => "Conv2d",
        Call::DepthwiseConv2d { .. } => "DepthwiseConv2d",
        Call::Dense { .. } => "Dense",
        Call::MaxPool2d { .. } => "MaxPool2d",
        Call::AveragePool2d { .. } => "AveragePool2d",
        Call::Add(_) => "Add",
    }
}

fn generics(call: &Call) -> String {
    let Some(requantize) = call.requantize() else { return String::new() };
    let form = form_name(requantize);
    match call {
        Call::AveragePool2d { .. } => format!("<{form}<'static>>"),
        _ => format!("<'static, {form}<'static>>"),
    }
}

fn form_name(requantize: &Requantize) -> &'static str {
    match requantize.factors {
        Factors::Fixed(_) => "FixedPoint",
        Factors::Float(_) => "Float",
    }
}

fn windows(call: &Call) -> Vec<Window> {
    match call {
        Call::Conv2d { window, pool, .. } => vec![*window, *pool],
        Call::DepthwiseConv2d { window, .. }
        | Call::MaxPool2d { window, .. }
        | Call::AveragePool2d { window, .. } => vec![*window],
        Call::Dense { .. } | Call::Add(_) => vec![],
    }
}

fn fields(step: &Step, places: Places) -> String {
    let output = ("output", shape(step.output_shape));
    let fields = match &step.call {
        Call::Conv2d { input, window, pool, input_zero_point, .. } => vec![
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
        Call::Dense { .. } => vec![],
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

/// Weights, biases and requantization: slices of the weight file.
fn constant_fields(call: &Call, places: Places) -> String {
    let mut fields = Vec::new();
    if !call.weights().is_empty() {
        fields.push(("weights", slice("i8s", places.weights, call.weights().len())));
        fields.push(("bias", slice("i32s", places.bias, call.bias().len())));
    }
    let Some(requantize) = call.requantize() else { return lines(1, &fields) };
    let factors = match &requantize.factors {
        Factors::Fixed(factors) => ("multipliers", slice("i32s", places.factors, factors.len())),
        Factors::Float(factors) => ("factors", slice("f32s", places.factors, factors.len())),
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

fn slice(section: &str, offset: usize, len: usize) -> String {
    format!("WEIGHTS.{section}({offset}, {len})")
}

fn shape(shape: Shape) -> String {
    format!("Shape::new({}, {}, {})", shape.h, shape.w, shape.c)
}

/// A shape as documentation has it.
fn text_of(shape: Shape) -> String {
    format!("`[{}, {}, {}]`", shape.h, shape.w, shape.c)
}

fn square(window: &Window) -> Window {
    Window::square(window.kernel[0], window.stride[0])
}

fn window_text(window: &Window) -> String {
    let (size, stride) = (window.kernel[0], window.stride[0]);
    if *window == Window::UNIT {
        "Window::UNIT".into()
    } else if *window == square(window) {
        format!("Window::square({size}, {stride})")
    } else {
        let fields = [
            ("kernel", format!("{:?}", window.kernel)),
            ("stride", format!("{:?}", window.stride)),
            ("dilation", format!("{:?}", window.dilation)),
            ("padding", padding(window.padding)),
        ];
        block(1, "Window", &fields)
    }
}

fn padding(padding: Padding) -> String {
    if padding == Padding::NONE {
        return "Padding::NONE".into();
    }
    let Padding { top, left, bottom, right } = padding;
    let fields = [("top", top), ("left", left), ("bottom", bottom), ("right", right)];
    block(2, "Padding", &fields.map(|(name, value)| (name, value.to_string())))
}

/// `Name { field: value, ... }` over several lines, its braces `depth` levels deep.
pub(super) fn block(depth: usize, name: &str, fields: &[(&str, String)]) -> String {
    format!("{name} {{\n{}{}}}", lines(depth + 1, fields), indent(depth))
}

fn lines(depth: usize, fields: &[(&str, String)]) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        let _ = writeln!(text, "{}{name}: {value},", indent(depth));
    }
    text
}

fn indent(depth: usize) -> String {
    "    ".repeat(depth)
}

fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    names.collect::<BTreeSet<_>>().into_iter().collect()
}
