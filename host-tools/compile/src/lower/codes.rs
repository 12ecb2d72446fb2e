//! Operations on codes that other tools' files have: each a kernel of its own, with the arithmetic that the
//! file's runtime has.

use super::requantize::from_factors;
use super::{Site, add, product};
use crate::call::Call;
use crate::error::CompileError;
use crate::fold::fold_zero_point;
use thumbnet_graph::qlinear::{product_rule, sum_rule};
use thumbnet_graph::{
    Axis, CodesOp, Combine, Lookup, Mean, MeanArithmetic, Quantization, ZeroPoint,
};
use thumbnet_kernels::portable::{self, AveragePoolFloat, Function, Pad, Rule};
use thumbnet_kernels::requantize::Rounding;

/// The call that computes `op`, and its additions if it is an average.
pub(super) fn lower(site: &Site<'_>, op: &CodesOp) -> Result<(Call, u64), CompileError> {
    Ok(match op {
        CodesOp::Mean(mean) => lower_mean(site, mean)?,
        CodesOp::Combine(combine) => (lower_combine(site, *combine)?, 0),
        CodesOp::Clip([min, max]) => {
            let codes = (i8::MIN..=i8::MAX).map(|code| code.max(*min).min(*max));
            (Call::Lookup { tables: codes.collect() }, 0)
        }
        CodesOp::Lookup(Lookup { results, .. }) => {
            let clamp = |code: &i8| (*code).max(site.min()).min(site.max());
            (Call::Lookup { tables: results.iter().map(clamp).collect() }, 0)
        }
        CodesOp::Concat(axis) => {
            let length = |id: &thumbnet_graph::TensorId| {
                let shape = site.shape(*id);
                match axis {
                    Axis::Rows => shape.len(),
                    Axis::Columns => shape.w * shape.c,
                    Axis::Channels => shape.c,
                }
            };
            (Call::Concat { lengths: site.head.inputs.iter().map(length).collect() }, 0)
        }
        CodesOp::Rearrange(_, copy) => (Call::Rearrange(*copy), 0),
        CodesOp::Pad(padding, value) => {
            let input = site.shape(site.input());
            (Call::Pad(Pad { input, padding: *padding, value: *value }), 0)
        }
    })
}

fn lower_mean(site: &Site<'_>, mean: &Mean) -> Result<(Call, u64), CompileError> {
    let input = site.shape(site.input());
    let output = site.shape(site.output());
    let from = site.format(site.input());
    let to = site.format(site.output());
    let additions = product(&[output.len(), mean.window.taps()]);
    let call = match mean.arithmetic {
        MeanArithmetic::ScaledSum => {
            let taps = mean.window.taps();
            let ones = vec![1; taps];
            let bias = fold_zero_point(&site.place(), &ones, &[0], from.zero_point)?[0];
            let requantize = from_factors(site, vec![from.scale / (to.scale * taps as f32)])?;
            let (window, input_zero_point) = (mean.window, from.zero_point);
            Call::AveragePool2d { input, window, input_zero_point, bias, requantize }
        }
        MeanArithmetic::Real(order, zero_point) => Call::AveragePoolFloat(AveragePoolFloat {
            input,
            output,
            window: mean.window,
            order,
            counts_padding: mean.counts_padding,
            input_zero_point: from.zero_point,
            scales: [from.scale, to.scale],
            rounding: rounding(site, zero_point, to),
        }),
    };
    Ok((call, additions))
}

fn lower_combine(site: &Site<'_>, combine: Combine) -> Result<Call, CompileError> {
    let [lhs, rhs] = [0, 1].map(|index| site.format(site.head.inputs[index]));
    let output = site.format(site.output());
    add::check_range(site, lhs, rhs)?;
    let combine = match combine {
        Combine::Real(function) => {
            let zero_points = [lhs.zero_point, rhs.zero_point];
            let scales = [lhs.scale, rhs.scale, output.scale];
            let rule = Rule::Real { function, zero_points, scales };
            portable::Combine { rule, rounding: rounding(site, ZeroPoint::AfterRounding, output) }
        }
        Combine::QLinearAdd { unsigned } => {
            let exact = clamped(site, sum_rule(lhs, rhs, output, unsigned));
            return Ok(add::equal_to(site, &exact).unwrap_or(Call::Combine(exact)));
        }
        Combine::QLinearMul { unsigned } => clamped(site, product_rule(lhs, rhs, output, unsigned)),
    };
    if let Rule::Real { function: Function::Multiply, .. } | Rule::ScaledProduct { .. } =
        combine.rule
        && !(65_025.0 * lhs.scale * rhs.scale / output.scale).is_finite()
    {
        return site.unsupported(
            "the product of its inputs may exceed the largest f32",
            "quantize the two tensors with smaller scales",
        );
    }
    Ok(Call::Combine(combine))
}

/// An operation with its results clamped as the step wants them.
fn clamped(site: &Site<'_>, (rule, rounding): (Rule, Rounding)) -> portable::Combine {
    let rounding = Rounding { min: site.min(), max: site.max(), ..rounding };
    portable::Combine { rule, rounding }
}

fn rounding(site: &Site<'_>, zero_point: ZeroPoint, to: Quantization) -> Rounding {
    let code = i16::from(to.zero_point);
    let (addend, offset) = match zero_point {
        ZeroPoint::AfterRounding => (0.0, code),
        ZeroPoint::BeforeRounding { unsigned: false } => (f32::from(code), 0),
        ZeroPoint::BeforeRounding { unsigned: true } => (f32::from(code + 128), -128),
    };
    Rounding { addend, offset, min: site.min(), max: site.max() }
}
