//! Residual add of two maps with any scales, in f32.

use crate::map::Map;
use crate::requantize::round_half_even;

/// `saturate8(rne((f32(lhs - lz) * ls + f32(rhs - rz) * rs) / os) + oz)`, clamped to `[min, max]`.
///
/// For maps of which [`Add`](super::Add) cannot say the same in integers. Where the core has no FPU, it works
/// but is slow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AddFloat {
    /// Codes of real 0: left, right, output.
    pub zero_points: [i8; 3],
    /// Real number of one step: left, right, output. Finite, above 0, and so small that 255 times the sum of
    /// the first two is finite.
    pub scales: [f32; 3],
    /// Smallest output.
    pub min: i8,
    /// Largest output.
    pub max: i8,
}

impl AddFloat {
    /// Whether the maps are of one length; the kernels do nothing where they are not.
    pub fn describes(&self, lhs: &Map, rhs: &Map, output: &Map) -> bool {
        lhs.len() == output.len() && rhs.len() == output.len()
    }

    /// The code of one sum, every operation rounded to f32 in the order of the formula.
    #[inline(always)]
    pub(crate) fn code(&self, lhs: i8, rhs: i8) -> i8 {
        let [lhs_zero, rhs_zero, output_zero] = self.zero_points.map(i32::from);
        let [lhs_scale, rhs_scale, output_scale] = self.scales;
        // Rust never contracts a product and a sum into one rounding.
        let lhs = (i32::from(lhs) - lhs_zero) as f32 * lhs_scale;
        let rhs = (i32::from(rhs) - rhs_zero) as f32 * rhs_scale;
        let rounded = round_half_even((lhs + rhs) / output_scale) + output_zero;
        rounded.min(i32::from(self.max)).max(i32::from(self.min)) as i8
    }
}

/// Element-wise sum of real numbers, every operation rounded to f32 in the order of the formula.
///
/// A `layer` that does not [describe](AddFloat::describes) its slices leaves `output` as it is; one with other
/// scales than it promises gives some codes within the bounds.
///
/// Source: ONNX DequantizeLinear-10 twice, Add-7, QuantizeLinear-10.
pub fn add_float(layer: &AddFloat, lhs: &Map, rhs: &Map, output: &Map) {
    if !layer.describes(lhs, rhs, output) {
        return;
    }
    for ((code, lhs), rhs) in output.iter().zip(lhs).zip(rhs) {
        code.set(layer.code(lhs.get(), rhs.get()));
    }
}
