//! Max pool.

use crate::geometry::{Shape, Window};
use crate::map::Map;
use crate::order::{Channels, Order};

/// A max pool; taps on the padding are ignored (as if they held -128).
#[derive(Clone, Copy, Debug)]
pub struct MaxPool2d {
    /// Input map `[h, w, c]`.
    pub input: Shape,
    /// Output map `[h, w, c]`.
    pub output: Shape,
    /// Window over the input.
    pub window: Window,
}

impl MaxPool2d {
    /// Whether shapes, window and slices belong together; the kernels do nothing where they do not.
    pub fn describes(&self, input: &Map, output: &Map) -> bool {
        self.window.maps(self.input, self.output)
            && self.input.checked_len() == Some(input.len())
            && self.output.checked_len() == Some(output.len())
    }
}

/// The order of [`max_pool2d()`] on every backend: pixel by pixel; outputs rise while the window is read.
pub const MAX_POOL2D_ORDER: Order =
    Order { tile: [1, 1], tiles: 1, gathers: false, rereads: true, channels: Channels::Apart };

/// The largest input under each window position, per channel.
///
/// Codes keep their scale and zero point, so there is no requantization. A window wholly on the
/// padding gives -128.
///
/// A `layer` that does not [describe](MaxPool2d::describes) its slices leaves `output` as it is.
///
/// Source: ONNX MaxPool-12 on int8.
pub fn max_pool2d(layer: &MaxPool2d, input: &Map, output: &Map) {
    if !layer.describes(input, output) {
        return;
    }
    let Shape { w, c, .. } = layer.output;
    for (y, row) in output.chunks_exact((w * c).max(1)).enumerate() {
        for (x, pixel) in row.chunks_exact(c.max(1)).enumerate() {
            pixel.iter().for_each(|code| code.set(i8::MIN));
            raise_to_largest(layer, input, [y, x], pixel);
        }
    }
}

/// Raises `largest`, one code a channel, to the largest inputs at one position of the window.
fn raise_to_largest(layer: &MaxPool2d, input: &Map, [y, x]: [usize; 2], largest: &Map) {
    let Shape { h, w, c } = layer.input;
    let rows = layer.window.rows_inside(y, h);
    let columns = layer.window.columns_inside(x, w);
    // A dilation counts for nothing, and may be any number, where there is one tap.
    let row_step = layer.window.dilation[0].saturating_mul(w * c).max(1);
    let pixel_step = layer.window.dilation[1].saturating_mul(c).max(1);
    let first_pixel = (rows.start * w + columns.start) * c;
    let rows = input.get(first_pixel..).unwrap_or_default().chunks(row_step).take(rows.count);
    for row in rows {
        for pixel in row.chunks(pixel_step).take(columns.count) {
            for (largest, code) in largest.iter().zip(pixel) {
                largest.set(largest.get().max(code.get()));
            }
        }
    }
}
