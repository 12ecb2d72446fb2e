//! Residual add of two maps with power-of-two scales.

/// `clamp(((lhs - lz) << ls) + ((rhs - rz) << rs), rounded half to even by `output_shift`, + oz)`.
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

/// Element-wise sum.
pub fn add(layer: &Add, lhs: &[i8], rhs: &[i8], output: &mut [i8]) {
    let _ = (layer, lhs, rhs, output);
}
