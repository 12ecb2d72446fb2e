//! The residual add: integer shifts, proved equal to ONNX's float formula on all 65,536 pairs of codes.

use super::Site;
use crate::call::Call;
use crate::error::CompileError;
use thumbnet_graph::Quantization;
use thumbnet_kernels::portable::{self, Add};

/// Largest left shift of the kernel.
const MAX_SHIFT: i32 = 16;
/// Largest right shift of the kernel.
const MAX_OUTPUT_SHIFT: i32 = 24;

/// The add of `site`, if its scales are powers of two apart and ONNX gives the same bytes.
pub(super) fn lower(site: &Site<'_>) -> Result<Call, CompileError> {
    let [lhs, rhs] = [0, 1].map(|index| site.format(site.head.inputs[index]));
    let output = site.format(site.output());
    let Some(shifts) = shifts(lhs.scale, rhs.scale, output.scale) else {
        return site.unsupported(
            "the scales of its inputs and its output are not powers of two apart",
            "quantize the three tensors with power-of-two scales",
        );
    };
    let add = Add {
        zero_points: [lhs.zero_point, rhs.zero_point, output.zero_point],
        shifts: shifts.inputs,
        output_shift: shifts.output,
        min: site.min(),
        max: i8::MAX,
    };
    if !equals_onnx(&add, lhs, rhs, output) {
        return site.unsupported(
            "rounding of its sum depends on the order of float operations",
            "quantize the three tensors with power-of-two scales",
        );
    }
    Ok(Call::Add(add))
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

/// Whether the kernel gives ONNX's bytes for every pair of codes:
/// `saturate8(rne(f32(f32(l) + f32(r)) / y_scale)) + y_zero_point)`, all in f32, clamped as the kernel does.
fn equals_onnx(add: &Add, lhs: Quantization, rhs: Quantization, output: Quantization) -> bool {
    let codes: Vec<i8> = (i8::MIN..=i8::MAX).collect();
    let mut sums = vec![0; codes.len()];
    let real = |code: i8, format: Quantization| {
        (i32::from(code) - i32::from(format.zero_point)) as f32 * format.scale
    };
    codes.iter().all(|left| {
        portable::add(add, &[*left; 256], &codes, &mut sums);
        codes.iter().zip(&sums).all(|(right, sum)| {
            let steps = (real(*left, lhs) + real(*right, rhs)) / output.scale;
            let code = steps.round_ties_even() + f32::from(output.zero_point);
            *sum == (code as i8).clamp(add.min, add.max)
        })
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
