//! The fields of the kernels that only other tools' files need.

use super::literal::{block, padding, shape, window};
use crate::call::Call;
use std::fmt::Debug;
use thumbnet_kernels::portable::{AveragePoolFloat, Combine, Pad, Rearrange, Rule};
use thumbnet_kernels::requantize::Rounding;

/// Names of the types in the fields of a call, beside the descriptor's own.
pub(super) fn types(call: &Call) -> Vec<&'static str> {
    match call {
        Call::AveragePoolFloat(_) => vec!["SumOrder"],
        Call::Combine(Combine { rule: Rule::Real { .. }, .. }) => vec!["Function", "Rule"],
        Call::Combine(_) => vec!["Rule"],
        Call::Rearrange(_) => vec!["Loop"],
        _ => vec![],
    }
}

/// The fields of a call, without those that are slices of the weight file.
pub(super) fn fields(call: &Call) -> Vec<(&'static str, String)> {
    match call {
        Call::AveragePoolFloat(pool) => average_pool_float(pool),
        Call::Combine(combine) => {
            vec![("rule", rule(&combine.rule)), ("rounding", rounding(&combine.rounding))]
        }
        Call::Concat { lengths } => vec![("lengths", format!("&{lengths:?}"))],
        Call::Rearrange(copy) => rearrange(copy),
        Call::Pad(Pad { input, padding: frame, value }) => vec![
            ("input", shape(*input)),
            ("padding", padding(1, *frame)),
            ("value", value.to_string()),
        ],
        _ => vec![],
    }
}

fn average_pool_float(pool: &AveragePoolFloat) -> Vec<(&'static str, String)> {
    vec![
        ("input", shape(pool.input)),
        ("output", shape(pool.output)),
        ("window", window(&pool.window)),
        ("order", format!("SumOrder::{:?}", pool.order)),
        ("counts_padding", pool.counts_padding.to_string()),
        ("input_zero_point", pool.input_zero_point.to_string()),
        // The shortest decimals that read back as the same f32.
        ("scales", text(&pool.scales)),
        ("rounding", rounding(&pool.rounding)),
    ]
}

fn rule(rule: &Rule) -> String {
    let (name, fields) = match rule {
        Rule::Real { function, zero_points, scales } => (
            "Rule::Real",
            vec![
                ("function", format!("Function::{function:?}")),
                ("zero_points", text(zero_points)),
                ("scales", text(scales)),
            ],
        ),
        Rule::FusedSum { factors, addend, code_offset } => (
            "Rule::FusedSum",
            vec![
                ("factors", text(factors)),
                ("addend", text(addend)),
                ("code_offset", text(code_offset)),
            ],
        ),
        Rule::ScaledProduct { zero_points, factor } => (
            "Rule::ScaledProduct",
            vec![("zero_points", text(zero_points)), ("factor", text(factor))],
        ),
    };
    block(1, name, &fields)
}

fn rounding(rounding: &Rounding) -> String {
    let fields = [
        ("addend", text(&rounding.addend)),
        ("offset", rounding.offset.to_string()),
        ("min", rounding.min.to_string()),
        ("max", rounding.max.to_string()),
    ];
    block(1, "Rounding", &fields)
}

fn rearrange(copy: &Rearrange) -> Vec<(&'static str, String)> {
    let mut loops = String::from("[\n");
    for each in copy.loops {
        let fields = [("count", each.count.to_string()), ("stride", each.stride.to_string())];
        loops.push_str(&format!("        {},\n", block(2, "Loop", &fields)));
    }
    loops.push_str("    ]");
    vec![("start", copy.start.to_string()), ("loops", loops)]
}

fn text(value: &impl Debug) -> String {
    format!("{value:?}")
}
