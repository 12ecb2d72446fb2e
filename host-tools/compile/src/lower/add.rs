//! The residual add: in f32, as ONNX defines it; by integer shifts where they are proved to give the same
//! for all 65,536 pairs of codes.

use super::Site;
use crate::call::Call;
use crate::error::CompileError;
use thumbnet_graph::Quantization;
use thumbnet_kernels::map::{Map, map};
use thumbnet_kernels::portable::{self, Add, AddFloat, Combine};

/// Largest left shift of the kernel.
const MAX_SHIFT: i32 = 16;
/// Largest right shift of the kernel.
const MAX_OUTPUT_SHIFT: i32 = 24;

/// The add of `site`, by shifts if they give the same bytes as f32.
pub(super) fn lower(site: &Site<'_>) -> Result<Call, CompileError> {
    let [lhs, rhs] = [0, 1].map(|index| site.format(site.head.inputs[index]));
    let output = site.format(site.output());
    let float = AddFloat {
        zero_points: [lhs.zero_point, rhs.zero_point, output.zero_point],
        scales: [lhs.scale, rhs.scale, output.scale],
        min: site.min(),
        max: site.max(),
    };
    check_range(site, lhs, rhs)?;
    Ok(by_shifts(&float).map_or(Call::AddFloat(float), Call::Add))
}

/// Refuses inputs whose sum may not be finite.
pub(super) fn check_range(
    site: &Site<'_>,
    lhs: Quantization,
    rhs: Quantization,
) -> Result<(), CompileError> {
    if (255.0 * lhs.scale + 255.0 * rhs.scale).is_finite() {
        return Ok(());
    }
    site.unsupported(
        "the sum of its inputs may exceed the largest f32",
        "quantize the two tensors with smaller scales",
    )
}

/// The residual add that gives the codes of `exact` for every pair of codes, if one does: those kernels are
/// faster. They add two maps of one shape.
pub(super) fn equal_to(site: &Site<'_>, exact: &Combine) -> Option<Call> {
    let [lhs, rhs] = [0, 1].map(|index| site.head.inputs[index]);
    if site.shape(lhs) != site.shape(rhs) {
        return None;
    }
    let call = lower(site).ok()?;
    let equal = match &call {
        Call::Add(add) => same_codes(
            |lhs, rhs, sum| portable::add(add, lhs, rhs, sum),
            |lhs, rhs, sum| portable::combine(exact, lhs, rhs, sum),
        ),
        Call::AddFloat(add) => same_codes(
            |lhs, rhs, sum| portable::add_float(add, lhs, rhs, sum),
            |lhs, rhs, sum| portable::combine(exact, lhs, rhs, sum),
        ),
        _ => false,
    };
    equal.then_some(call)
}

/// The same add in integers; `None` if the scales are not powers of two apart, or f32 breaks a tie that the
/// integers see.
fn by_shifts(float: &AddFloat) -> Option<Add> {
    let [lhs, rhs, output] = float.scales;
    let shifts = shifts(lhs, rhs, output)?;
    let add = Add {
        zero_points: float.zero_points,
        shifts: shifts.inputs,
        output_shift: shifts.output,
        min: float.min,
        max: float.max,
    };
    let equal = same_codes(
        |lhs, rhs, sum| portable::add(&add, lhs, rhs, sum),
        |lhs, rhs, sum| portable::add_float(float, lhs, rhs, sum),
    );
    equal.then_some(add)
}

#[derive(Debug, PartialEq, Eq)]
struct Shifts {
    inputs: [u32; 2],
    output: u32,
}

/// `lhs * 2^-output = output_scale / lhs_scale` and so on; `None` if there are no such shifts.
fn shifts(lhs: f32, rhs: f32, output: f32) -> Option<Shifts> {
    let exponents = [exponent(lhs, output)?, exponent(rhs, output)?];
    let down = exponents[0].min(exponents[1]).min(0);
    let inputs = exponents.map(|exponent| exponent - down);
    if -down > MAX_OUTPUT_SHIFT || inputs.iter().any(|shift| *shift > MAX_SHIFT) {
        return None;
    }
    Some(Shifts { inputs: inputs.map(i32::unsigned_abs), output: down.unsigned_abs() })
}

/// `log2(numerator / denominator)` if it is an integer.
fn exponent(numerator: f32, denominator: f32) -> Option<i32> {
    let ratio = f64::from(numerator) / f64::from(denominator);
    // f32 exponents span 277 binades, so a power of two among the ratios is a normal f64.
    let bits = ratio.to_bits();
    let power_of_two = bits & ((1 << 52) - 1) == 0 && ratio.is_normal();
    power_of_two.then(|| (bits >> 52) as i32 - 1023)
}

/// Whether both kernels give the same code for every pair of codes.
fn same_codes(one: impl Fn(&Map, &Map, &Map), other: impl Fn(&Map, &Map, &Map)) -> bool {
    let mut codes: Vec<i8> = (i8::MIN..=i8::MAX).collect();
    let mut lefts = codes.clone();
    let [mut sums, mut other_sums] = [codes.clone(), codes.clone()];
    (i8::MIN..=i8::MAX).all(|left| {
        lefts.fill(left);
        let [left, right] = [map(&mut lefts), map(&mut codes)];
        one(left, right, map(&mut sums));
        other(left, right, map(&mut other_sums));
        sums == other_sums
    })
}

#[cfg(test)]
mod tests {
    use super::{Shifts, shifts};

    #[test]
    fn shifts_are_the_exponents_of_the_ratios() {
        assert_eq!(shifts(0.25, 0.5, 0.5), Some(Shifts { inputs: [0, 1], output: 1 }));
        assert_eq!(shifts(0.3, 0.3, 0.3), Some(Shifts { inputs: [0, 0], output: 0 }));
        assert_eq!(shifts(1.0, 4.0, 0.5), Some(Shifts { inputs: [1, 3], output: 0 }));
        assert_eq!(shifts(0.3, 0.5, 0.5), None);
        assert_eq!(shifts(1.0, 1.0, f32::MIN_POSITIVE), None);
        assert_eq!(shifts(f32::MAX, 1.0, f32::MIN_POSITIVE), None);
    }
}
