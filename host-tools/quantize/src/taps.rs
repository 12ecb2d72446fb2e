//! Which input elements a window covers: the one loop over windows of both executors.

use std::ops::Range;
use thumbnet_graph::{Shape, Window};

/// Calls `visit(tap, offset)` for each tap of `window` at output position `[row, column]` that lies
/// on the map: `tap` counts the window's taps row by row, `offset` is where the pixel's channels
/// begin in the input. The window must fit the padded map there.
pub(crate) fn visit_taps(
    window: &Window,
    input: Shape,
    [row, column]: [usize; 2],
    mut visit: impl FnMut(usize, usize),
) {
    let [kh, kw] = window.kernel;
    let (top, left) = (row * window.stride[0], column * window.stride[1]);
    let rows = taps_on_map(top, kh, window.dilation[0], window.padding.top, input.h);
    let columns = taps_on_map(left, kw, window.dilation[1], window.padding.left, input.w);
    for ky in rows {
        let y = top + ky * window.dilation[0] - window.padding.top;
        for kx in columns.clone() {
            let x = left + kx * window.dilation[1] - window.padding.left;
            visit(ky * kw + kx, (y * input.w + x) * input.c);
        }
    }
}

/// The taps, along one axis, of a window that begins at `start` of the padded map which lie on the
/// map itself. Computed, not searched: a window may be far larger than the map.
fn taps_on_map(
    start: usize,
    kernel: usize,
    dilation: usize,
    padding: usize,
    length: usize,
) -> Range<usize> {
    let first = padding.saturating_sub(start).div_ceil(dilation);
    let end = (padding + length).saturating_sub(start).div_ceil(dilation);
    first..end.min(kernel)
}

/// All output positions of a map, `[row, column]`, row by row.
pub(crate) fn positions(output: Shape) -> impl Iterator<Item = [usize; 2]> {
    (0..output.h).flat_map(move |row| (0..output.w).map(move |column| [row, column]))
}

#[cfg(test)]
mod tests {
    use super::taps_on_map;

    #[test]
    fn computed_taps_are_those_that_a_search_finds() {
        for kernel in 1..6 {
            for (dilation, padding, length) in [(1, 0, 5), (1, 2, 3), (2, 4, 3), (3, 1, 7)] {
                for start in 0..length + 2 * padding {
                    let on_map = |tap: &usize| {
                        let at = start + tap * dilation;
                        at >= padding && at < padding + length
                    };
                    let found: Vec<usize> = (0..kernel).filter(on_map).collect();
                    let taps = taps_on_map(start, kernel, dilation, padding, length);
                    assert_eq!(taps.collect::<Vec<_>>(), found);
                }
            }
        }
    }
}
