//! What each op means, in the most obvious way: one element at a time, in i64, nothing fused.

use thumbnet_kernels::geometry::{Shape, Window};
use thumbnet_kernels::requantize::FixedPoint;

/// The code at row `y`, column `x`, or `outside` where that is on the padding.
pub fn at(map: &[i8], shape: Shape, y: i64, x: i64, c: usize, outside: i64) -> i64 {
    let inside = (0..shape.h as i64).contains(&y) && (0..shape.w as i64).contains(&x);
    if inside { map[(y as usize * shape.w + x as usize) * shape.c + c].into() } else { outside }
}

/// The row and column of tap `[ky, kx]` of the window at position `[y, x]`; outside the map on padding.
pub fn tap(window: &Window, [y, x]: [usize; 2], [ky, kx]: [usize; 2]) -> [i64; 2] {
    [
        (y * window.stride[0] + ky * window.dilation[0]) as i64 - window.padding.top as i64,
        (x * window.stride[1] + kx * window.dilation[1]) as i64 - window.padding.left as i64,
    ]
}

/// Every `[ky, kx]` of a window.
pub fn taps(window: &Window) -> Vec<[usize; 2]> {
    let [kernel_h, kernel_w] = window.kernel;
    (0..kernel_h).flat_map(|ky| (0..kernel_w).map(move |kx| [ky, kx])).collect()
}

/// Every `[y, x, c]` of a shape, in memory order.
pub fn elements(shape: Shape) -> impl Iterator<Item = [usize; 3]> {
    (0..shape.len()).map(move |i| [i / shape.c / shape.w, i / shape.c % shape.w, i % shape.c])
}

/// The shape that a window makes of a map, with `c` channels.
pub fn output_shape(window: &Window, input: Shape, c: usize) -> Shape {
    let [h, w] = window.positions(input.h, input.w).expect("the case has positions");
    Shape::new(h, w, c)
}

/// `clamp(floor(acc * multiplier / 2^32 + zero_point + 1/2))`.
pub fn requantize(layer: &FixedPoint<'_>, acc: i64, channel: usize) -> i8 {
    assert!(i32::try_from(acc).is_ok(), "the case overflows an accumulator");
    let scaled = i128::from(acc) * i128::from(layer.multipliers[channel]);
    let shifted = 2 * scaled + ((2 * i128::from(layer.zero_point) + 1) << 32);
    let rounded = shifted.div_euclid(1 << 33);
    let saturated = rounded.clamp(-128, 127) as i8;
    saturated.clamp(layer.min, layer.max)
}

/// `[h, w, c]` maxima under the window; padding never wins.
pub fn max_pool2d(window: &Window, shape: Shape, input: &[i8]) -> Vec<i8> {
    elements(output_shape(window, shape, shape.c))
        .map(|[y, x, c]| {
            let codes = taps(window).into_iter().map(|t| {
                let [row, column] = tap(window, [y, x], t);
                at(input, shape, row, column, c, -128)
            });
            codes.max().expect("a window has taps") as i8
        })
        .collect()
}
