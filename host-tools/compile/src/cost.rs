//! What convolutions cost on ARMv7E-M: the counts in the heads of the loops in `thumbnet_kernels`, summed up, so
//! that kernels can be compared before there is a program. Within some 20 % of what the emulator counts.

use thumbnet_graph::{Shape, Window};

/// Instructions to requantize a code with its share of the loops around it.
const REQUANTIZE: u64 = 12;

/// The direct kernel for many input channels.
pub(crate) fn deep(input: Shape, window: &Window, pool: &Window, oc: usize) -> Option<u64> {
    let [h, w] = pooled(input, window, pool)?;
    let unpooled = pool.kernel == [1, 1];
    let steps = product(&[h, if unpooled { w.div_ceil(2) } else { w }])?;
    let chunks = input.c.div_ceil(8) as u64;
    let kernel_w = window.kernel[1] as u64;
    let patch = (pool.kernel[0] as u64 - 1) * window.stride[0] as u64 + window.kernel[0] as u64;
    let fill = 200 + patch * (8 + chunks * (5 + 10 * (window.stride[1] as u64 + kernel_w)));
    // A block is four output channels; a run is a row of taps of eight input channels.
    let block = window.kernel[0] as u64 * chunks * (52 * kernel_w + 4) + 29;
    let tiles = product(&[oc.div_ceil(4), pool.kernel[0]])?.checked_mul(block)?;
    let codes = REQUANTIZE * oc as u64 * if unpooled { 2 } else { 1 };
    steps.checked_mul(fill.checked_add(tiles)?.checked_add(codes)?)
}

/// The Winograd form with tiles of 2 x 2 outputs.
pub(crate) fn winograd(input: Shape, window: &Window, pool: &Window, oc: usize) -> Option<u64> {
    let [h, w] = pooled(input, window, pool)?;
    let side = if pool.kernel == [1, 1] { 2 } else { 1 };
    let tiles = product(&[h.div_ceil(side), w.div_ceil(side)])?;
    let multiply = 16 * (10 + 47 * input.c.div_ceil(8) as u64) + 8 * 56 + 90;
    let codes = product(&[h, w, oc])?.checked_mul(REQUANTIZE)?;
    form(tiles, input.c, oc, multiply, 360)?.checked_add(codes)
}

/// The Winograd form with tiles of 4 x 4 outputs.
pub(crate) fn winograd4(input: Shape, window: &Window, oc: usize) -> Option<u64> {
    let [h, w] = window.positions(input.h, input.w)?;
    let tiles = product(&[h.div_ceil(4), w.div_ceil(4)])?;
    let multiply = 36 * (10 + 47 * input.c.div_ceil(8) as u64) + 8 * 300 + 180;
    form(tiles, input.c, oc, multiply, 700)
}

/// The same with weights that are transformed for each four tiles.
pub(crate) fn compact_winograd4(input: Shape, window: &Window, oc: usize) -> Option<u64> {
    let [h, w] = window.positions(input.h, input.w)?;
    let groups = product(&[h.div_ceil(4), w.div_ceil(4)])?.div_ceil(4);
    // 205 for two input channels.
    let transform = product(&[oc, input.c.div_ceil(8)])?.checked_mul(4 * 205)?;
    winograd4(input, window, oc)?.checked_add(groups.checked_mul(transform)?)
}

/// Of a Winograd form: products of four tiles and two output channels cost `multiply` instructions, with what becomes
/// of them; the transformation of four input channels of a tile `transform`.
fn form(tiles: u64, ic: usize, oc: usize, multiply: u64, transform: u64) -> Option<u64> {
    let pairs = oc.div_ceil(2) as u64;
    let products = tiles.div_ceil(4).checked_mul(pairs)?.checked_mul(multiply)?;
    let inputs = tiles.checked_mul(ic.div_ceil(4) as u64)?.checked_mul(transform)?;
    products.checked_add(inputs)
}

/// Rows and columns of the output.
fn pooled(input: Shape, window: &Window, pool: &Window) -> Option<[usize; 2]> {
    let [h, w] = window.positions(input.h, input.w)?;
    pool.positions(h, w)
}

fn product(factors: &[usize]) -> Option<u64> {
    factors.iter().try_fold(1_u64, |product, factor| product.checked_mul(*factor as u64))
}

#[cfg(test)]
mod tests {
    use super::{compact_winograd4, deep, winograd, winograd4};
    use thumbnet_graph::{Padding, Shape, Window};

    /// Counts of firmware/boards/qemu-kernel-tests.
    #[test]
    fn estimates_are_near_what_the_emulator_counts() {
        let near = |estimate: Option<u64>, counted: u64| {
            let estimate = estimate.expect("small");
            assert!(estimate.abs_diff(counted) * 5 < counted, "{estimate}, counted {counted}");
        };
        let padding = Padding { top: 1, left: 1, bottom: 1, right: 1 };
        let [valid, pool] = [Window::square(3, 1), Window::square(2, 2)];
        let [same, half] = [valid, Window::square(3, 2)].map(|window| Window { padding, ..window });
        let seed = Shape::new(13, 13, 32);
        near(deep(seed, &valid, &pool, 64), 1_645_120);
        near(winograd(seed, &valid, &pool, 64), 936_640);
        let [a, b, c] = [(32, 16), (16, 32), (8, 64)].map(|(side, c)| Shape::new(side, side, c));
        near(deep(a, &same, &Window::UNIT, 16), 2_529_000);
        near(deep(c, &same, &Window::UNIT, 64), 2_070_000);
        near(deep(a, &half, &Window::UNIT, 32), 1_181_960);
        near(deep(b, &half, &Window::UNIT, 64), 1_074_440);
        near(winograd(a, &same, &Window::UNIT, 16), 1_901_520);
        near(winograd4(a, &same, 16), 1_054_000);
        near(winograd4(b, &same, 32), 740_560);
        near(winograd4(c, &same, 64), 587_440);
        near(compact_winograd4(a, &same, 16), 1_487_760);
        near(compact_winograd4(b, &same, 32), 1_172_520);
        near(compact_winograd4(c, &same, 64), 1_018_520);
    }
}
