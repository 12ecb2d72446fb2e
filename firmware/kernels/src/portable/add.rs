//! Residual add of two maps with power-of-two scales.

use crate::map::Map;

/// `clamp(((lhs - lz) << ls) + ((rhs - rz) << rs), rounded half to even by `output_shift`, + oz)`.
///
/// With power-of-two scales both operands become integers on the finer of the two grids, and the
/// division by the output scale is a shift: the float arithmetic of ONNX, without a float. For other
/// scales there is [`AddFloat`](super::AddFloat).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Add {
    /// Codes of real 0: left, right, output.
    pub zero_points: [i8; 3],
    /// Left shifts of the operands, 0..=16 each.
    pub shifts: [u32; 2],
    /// Right shift of the sum, 0..=24, rounding half to even.
    pub output_shift: u32,
    /// Smallest output.
    pub min: i8,
    /// Largest output.
    pub max: i8,
}

impl Add {
    /// Whether the shifts are in range and the maps of one length; the kernels do nothing where not.
    pub fn describes(&self, lhs: &Map, rhs: &Map, output: &Map) -> bool {
        self.shifts.iter().all(|shift| *shift <= 16)
            && self.output_shift <= 24
            && lhs.len() == output.len()
            && rhs.len() == output.len()
    }
}

/// Element-wise sum.
///
/// A `layer` that does not [describe](Add::describes) its slices leaves `output` as it is.
///
/// Source: ONNX DequantizeLinear-10 twice, Add-7, QuantizeLinear-10.
pub fn add(layer: &Add, lhs: &Map, rhs: &Map, output: &Map) {
    if !layer.describes(lhs, rhs, output) {
        return;
    }
    let [lhs_zero, rhs_zero, output_zero] = layer.zero_points.map(i32::from);
    let [lhs_shift, rhs_shift] = layer.shifts;
    let [min, max] = [i32::from(layer.min), i32::from(layer.max)];
    for ((code, lhs), rhs) in output.iter().zip(lhs).zip(rhs) {
        // At most 2 * 255 * 2^16: far from overflow.
        let sum = ((i32::from(lhs.get()) - lhs_zero) << lhs_shift)
            + ((i32::from(rhs.get()) - rhs_zero) << rhs_shift);
        let rounded = shift_right_half_even(sum, layer.output_shift) + output_zero;
        code.set(rounded.min(max).max(min) as i8);
    }
}

/// `value / 2^shift` rounded half to even; `value` itself for a shift of 0.
///
/// Adding one less than half rounds everything but a tie; a tie goes up only from an odd quotient.
#[inline]
const fn shift_right_half_even(value: i32, shift: u32) -> i32 {
    if shift == 0 {
        return value;
    }
    let odd = (value >> shift) & 1;
    let just_below_half = (1 << (shift - 1)) - 1;
    (value + just_below_half + odd) >> shift
}

#[cfg(test)]
mod tests {
    use super::shift_right_half_even;

    #[test]
    fn halves_go_to_the_even_neighbour() {
        for (value, shift, rounded) in [
            (1, 1, 0),
            (3, 1, 2),
            (5, 1, 2),
            (-1, 1, 0),
            (-3, 1, -2),
            (-5, 1, -2),
            (6, 2, 2),
            (10, 2, 2),
            (-6, 2, -2),
            (-10, 2, -2),
            (7, 2, 2),
            (9, 2, 2),
            (11, 2, 3),
        ] {
            assert_eq!(shift_right_half_even(value, shift), rounded, "{value} >> {shift}");
        }
    }

    #[test]
    fn a_shift_of_zero_changes_nothing() {
        for value in [-33_423_360, -1, 0, 1, 255, 33_423_360] {
            assert_eq!(shift_right_half_even(value, 0), value);
        }
    }
}
