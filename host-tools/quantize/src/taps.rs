//! Which input elements a window covers: the one loop over windows of both executors.

use thumbnet_graph::{Shape, Window};

/// Calls `visit(tap, offset)` for each tap of `window` at output position `[row, column]` that lies
/// on the map: `tap` counts the window's taps row by row, `offset` is where the pixel's channels
/// begin in the input.
pub(crate) fn visit_taps(
    window: &Window,
    input: Shape,
    [row, column]: [usize; 2],
    mut visit: impl FnMut(usize, usize),
) {
    let [kh, kw] = window.kernel;
    for ky in 0..kh {
        let y = row * window.stride[0] + ky * window.dilation[0];
        let Some(y) = y.checked_sub(window.padding.top).filter(|&y| y < input.h) else { continue };
        for kx in 0..kw {
            let x = column * window.stride[1] + kx * window.dilation[1];
            let Some(x) = x.checked_sub(window.padding.left).filter(|&x| x < input.w) else {
                continue;
            };
            visit(ky * kw + kx, (y * input.w + x) * input.c);
        }
    }
}

/// All output positions of a map, `[row, column]`, row by row.
pub(crate) fn positions(output: Shape) -> impl Iterator<Item = [usize; 2]> {
    (0..output.h).flat_map(move |row| (0..output.w).map(move |column| [row, column]))
}
