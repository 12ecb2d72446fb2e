//! Residual add of any scales, on the FPU.

use crate::intrin::add_codes;
use crate::map::Map;
use crate::portable::AddFloat;
use crate::requantize::clamp_codes;

/// As [`crate::portable::add_float()`]: four elements are read before they are written.
///
/// Cost: 15 instructions a code (`qemu-kernel-tests`), 4 more where the layer clamps.
pub fn add_float(layer: &AddFloat, lhs: &Map, rhs: &Map, output: &Map) {
    if !layer.describes(lhs, rhs, output) {
        return;
    }
    add_codes(layer, lhs, rhs, output);
    clamp_codes(output, [layer.min, layer.max]);
}
