//! Windows: kernel, strides, dilations and the ways ONNX has of saying padding.

use super::Lowering;
use super::precision::Precision;
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawNode;
use thumbnet_kernels::geometry::{Padding, Shape, Window};

/// Attributes that say a window.
pub(crate) const ATTRIBUTES: [&str; 5] =
    ["auto_pad", "dilations", "kernel_shape", "pads", "strides"];

impl<P: Precision> Lowering<'_, P> {
    /// The window of `node` over a map of shape `input`; `kernel` is known from the weights, or
    /// read.
    pub(crate) fn window(
        &self,
        node: &RawNode,
        kernel: Option<[usize; 2]>,
        input: Shape,
    ) -> Result<Window, OnnxError> {
        let file = &self.raw.file;
        let pair = |name: &str| self.sides::<2>(node, name);
        let declared = pair("kernel_shape")?;
        let (Some(kernel), true) =
            (kernel.or(declared), kernel.is_none() || declared.is_none() || kernel == declared)
        else {
            let reason = "its kernel_shape is missing or not that of its weights".to_owned();
            return Err(self.refuse(node, reason, "export the model again"));
        };
        let stride = pair("strides")?.unwrap_or([1, 1]);
        let dilation = pair("dilations")?.unwrap_or([1, 1]);
        let window = Window { kernel, stride, dilation, padding: Padding::NONE };
        let padding = match node.text(file, "auto_pad")?.unwrap_or("NOTSET") {
            "" | "NOTSET" => {
                let [top, left, bottom, right] =
                    self.sides::<4>(node, "pads")?.unwrap_or([0, 0, 0, 0]);
                Some(Padding { top, left, bottom, right })
            }
            "VALID" => Some(Padding::NONE),
            "SAME_UPPER" => same(&window, input, false),
            "SAME_LOWER" => same(&window, input, true),
            _ => None,
        };
        let padding = padding.ok_or_else(|| {
            let reason = "its auto_pad is unknown or does not work with its sizes".to_owned();
            self.refuse(node, reason, "export the model with explicit pads")
        })?;
        Ok(Window { padding, ..window })
    }

    /// Attribute `name` as `N` sizes, if it is there.
    fn sides<const N: usize>(
        &self,
        node: &RawNode,
        name: &str,
    ) -> Result<Option<[usize; N]>, OnnxError> {
        let Some(values) = node.ints(&self.raw.file, name)? else { return Ok(None) };
        let sizes: Option<Vec<usize>> =
            values.iter().map(|&value| usize::try_from(value).ok()).collect();
        let sizes = sizes.and_then(|sizes| <[usize; N]>::try_from(sizes).ok());
        sizes.map(Some).ok_or_else(|| {
            let shown: Vec<i64> = values.iter().take(8).copied().collect();
            let reason = format!("its attribute '{name}' is {shown:?}, not {N} sizes");
            self.refuse(node, reason, "use two-dimensional layers without negative padding")
        })
    }

    /// `window` with the padding that makes a ceil_mode pool round up, as if it rounded down.
    pub(crate) fn round_up(
        &self,
        node: &RawNode,
        window: Window,
        input: Shape,
    ) -> Result<Window, OnnxError> {
        if node.int(&self.raw.file, "ceil_mode", 0)? == 0 {
            return Ok(window);
        }
        let Padding { top, left, bottom, right } = window.padding;
        let bottom = rounding_up(&window, 0, input.h, [top, bottom]);
        let right = rounding_up(&window, 1, input.w, [left, right]);
        let (Some(bottom), Some(right)) = (bottom, right) else {
            let reason = "its window does not fit on its input".to_owned();
            return Err(self.refuse(node, reason, "export the model again"));
        };
        Ok(Window { padding: Padding { top, left, bottom, right }, ..window })
    }
}

/// Rows or columns that the taps of a window span.
fn span(window: &Window, axis: usize) -> Option<usize> {
    window.kernel[axis].checked_sub(1)?.checked_mul(window.dilation[axis])?.checked_add(1)
}

/// The padding for which there are `ceil(size / stride)` positions; the odd one goes after, or
/// before if `lower`.
fn same(window: &Window, input: Shape, lower: bool) -> Option<Padding> {
    let along = |axis: usize, size: usize| {
        let stride = window.stride[axis];
        let positions = size.checked_add(stride)?.checked_sub(1)?.checked_div(stride)?;
        let covered =
            positions.checked_sub(1)?.checked_mul(stride)?.checked_add(span(window, axis)?)?;
        let total = covered.saturating_sub(size);
        let (less, more) = (total / 2, total - total / 2);
        Some(if lower { [more, less] } else { [less, more] })
    };
    let [top, bottom] = along(0, input.h)?;
    let [left, right] = along(1, input.w)?;
    Some(Padding { top, left, bottom, right })
}

/// The padding after a side of `size` that adds the position which rounding up would.
fn rounding_up(window: &Window, axis: usize, size: usize, padding: [usize; 2]) -> Option<usize> {
    let [before, after] = padding;
    let padded = size.checked_add(before)?.checked_add(after)?;
    let stride = window.stride[axis];
    let steps = padded.checked_sub(span(window, axis)?)?;
    let missing =
        steps.checked_rem(stride).filter(|&rest| rest > 0).map_or(0, |rest| stride - rest);
    // A last window that starts in the padding after the map is left out.
    let start = steps.checked_add(missing)?;
    let starts_on_map = start < size.checked_add(before)?;
    Some(if starts_on_map { after.checked_add(missing)? } else { after })
}

#[cfg(test)]
mod tests {
    use super::{rounding_up, same};
    use thumbnet_kernels::geometry::{Padding, Shape, Window};

    #[test]
    fn same_padding_is_uneven_where_it_must_be() {
        let window = Window::square(3, 2);
        let padding = same(&window, Shape::new(32, 31, 3), false);
        assert_eq!(padding, Some(Padding { top: 0, left: 1, bottom: 1, right: 1 }));
        let padding = same(&window, Shape::new(32, 32, 3), true);
        assert_eq!(padding, Some(Padding { top: 1, left: 1, bottom: 0, right: 0 }));
        let stride_zero = Window { stride: [0, 1], ..window };
        assert_eq!(same(&stride_zero, Shape::new(32, 32, 3), true), None);
    }

    #[test]
    fn rounding_up_pads_to_one_more_position() {
        let window = Window::square(2, 2);
        assert_eq!(rounding_up(&window, 0, 5, [0, 0]), Some(1));
        assert_eq!(rounding_up(&window, 0, 6, [0, 0]), Some(0));
        // The extra window would see nothing but padding.
        assert_eq!(rounding_up(&Window::square(1, 2), 0, 4, [0, 0]), Some(0));
        assert_eq!(rounding_up(&Window::square(3, 2), 0, 2, [0, 0]), None);
    }
}
