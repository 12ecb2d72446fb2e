//! The sums and products that onnxruntime computes on codes: com.microsoft QLinearAdd and QLinearMul.

use crate::graph::Quantization;
use thumbnet_kernels::portable::Rule;
use thumbnet_kernels::requantize::Rounding;

/// QLinearAdd: fused multiply-adds on the codes of the file, which are 128 above ours where they are
/// unsigned. Its zero points are part of the addend.
pub fn sum_rule(
    lhs: Quantization,
    rhs: Quantization,
    to: Quantization,
    unsigned: bool,
) -> (Rule, Rounding) {
    let code_offset = if unsigned { 128 } else { 0 };
    let factors = [lhs.scale / to.scale, rhs.scale / to.scale];
    let zero = |format: Quantization| f32::from(i16::from(format.zero_point) + code_offset);
    let zeros = factors[0].mul_add(zero(lhs), factors[1] * zero(rhs));
    let rule = Rule::FusedSum { factors, addend: zero(to) - zeros, code_offset };
    (rule, Rounding { addend: 0.0, offset: -code_offset, min: i8::MIN, max: i8::MAX })
}

/// QLinearMul: the product of steps, rounded after the zero point of the file's codes was added.
pub fn product_rule(
    lhs: Quantization,
    rhs: Quantization,
    to: Quantization,
    unsigned: bool,
) -> (Rule, Rounding) {
    let zero_points = [lhs.zero_point, rhs.zero_point];
    let rule = Rule::ScaledProduct { zero_points, factor: lhs.scale * rhs.scale / to.scale };
    let code_offset = if unsigned { 128 } else { 0 };
    let addend = f32::from(i16::from(to.zero_point) + code_offset);
    (rule, Rounding { addend, offset: -code_offset, min: i8::MIN, max: i8::MAX })
}
