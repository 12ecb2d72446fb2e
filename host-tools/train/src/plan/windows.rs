//! Where windows go on a map, and sizes beyond what a network for a microcontroller can have.

use super::planner::describe;
use crate::recipe::Padding;
use thumbnet_graph::{Padding as Border, Shape, Window};

/// Elements of a map, and weights of a layer, above which a recipe is a typing error: 64 MiB of f32.
const MAX_ELEMENTS: usize = 1 << 24;

/// The place of the largest value in a window is kept in a byte.
pub(super) const MAX_POOL_TAPS: usize = 256;

pub(super) fn conv_window(
    map: Shape,
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: Padding,
) -> Result<Window, String> {
    let window = Window { kernel, stride, dilation: [1, 1], padding: Border::NONE };
    if padding == Padding::Valid || kernel.contains(&0) || stride.contains(&0) {
        return Ok(window);
    }
    if kernel[0] > MAX_ELEMENTS || kernel[1] > MAX_ELEMENTS {
        return Err(too_large("weights"));
    }
    let rows = same_padding(map.h, kernel[0], stride[0]);
    let columns = same_padding(map.w, kernel[1], stride[1]);
    let border = Border {
        top: rows / 2,
        left: columns / 2,
        bottom: rows - rows / 2,
        right: columns - columns / 2,
    };
    Ok(Window { padding: border, ..window })
}

/// Rows (or columns) of zeros with which `ceil(size / stride)` windows fit.
fn same_padding(size: usize, kernel: usize, stride: usize) -> usize {
    let positions = size.div_ceil(stride);
    ((positions - 1) * stride + kernel).saturating_sub(size)
}

pub(super) fn pool_window(kernel: [usize; 2], stride: Option<[usize; 2]>) -> Window {
    let stride = stride.unwrap_or(kernel);
    Window { kernel, stride, dilation: [1, 1], padding: Border::NONE }
}

/// The product, unless it is beyond what a network for a microcontroller can have.
pub(super) fn elements(sizes: &[usize]) -> Option<usize> {
    let product = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?;
    (product <= MAX_ELEMENTS).then_some(product)
}

pub(super) fn too_large(what: &str) -> String {
    format!("it would have more than {MAX_ELEMENTS} {what}: make it smaller")
}

/// The map of `channels` channels that a window makes of `map`.
pub(super) fn slide(map: Shape, window: &Window, channels: usize) -> Result<Shape, String> {
    let [kh, kw] = window.kernel;
    if kh == 0 || kw == 0 || window.stride.contains(&0) {
        return Err("a size or stride of 0: use 1 or more".to_owned());
    }
    let Some([h, w]) = window.positions(map.h, map.w) else {
        let map = describe(map);
        return Err(format!(
            "window {kh}x{kw} does not fit a {map} map; use a smaller window or fewer layers before it"
        ));
    };
    elements(&[h, w, channels]).ok_or_else(|| too_large("outputs"))?;
    Ok(Shape::new(h, w, channels))
}
