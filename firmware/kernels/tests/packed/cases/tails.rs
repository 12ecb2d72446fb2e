//! Convolutions of every tail of channels, of pixels and of rows: what does not fill the registers of a kernel.

use super::{Convolution, Kind};
use alloc::vec::Vec;
use thumbnet_kernels::geometry::{Padding, Shape, Window};

const VALID: Window = Window { kernel: [3, 3], ..Window::UNIT };
const SAME: Window = Window { padding: Padding { top: 1, left: 1, bottom: 1, right: 1 }, ..VALID };
const POOL: Window = Window { kernel: [2, 2], stride: [2, 2], ..Window::UNIT };

/// Those of a kernel, maps of one pixel among them.
pub fn tails(kind: Kind) -> Vec<Convolution> {
    match kind {
        Kind::Deep => deep(),
        Kind::Pointwise => pointwise(),
        Kind::Shallow => shallow(),
        Kind::Winograd => winograd(),
        Kind::Winograd4 | Kind::CompactWinograd4 => large_tiles(),
    }
}

fn deep() -> Vec<Convolution> {
    let new = Convolution::new;
    let channels = (1..=17).flat_map(|channels| {
        [
            new(1, Shape::new(5, 6, channels), 4, VALID, POOL),
            new(2, Shape::new(5, 6, channels), channels, VALID, Window::UNIT),
            new(3, Shape::new(1, 1, channels), channels, SAME, Window::UNIT),
        ]
    });
    let widths = (1..=9).map(|width| new(5, Shape::new(2, width, 8), 5, SAME, Window::UNIT));
    channels.chain(widths).collect()
}

fn shallow() -> Vec<Convolution> {
    let new = Convolution::new;
    let channels = (1..=17).flat_map(|channels| {
        [
            new(3, Shape::new(6, 5, 1), channels, VALID, POOL),
            new(4, Shape::new(6, 5, 1), channels, VALID, Window::UNIT),
            new(5, Shape::new(1, 1, 3), channels, SAME, Window::UNIT),
        ]
    });
    let widths = (1..=9).map(|width| new(6, Shape::new(2, width, 3), 5, SAME, Window::UNIT));
    channels.chain(widths).collect()
}

fn pointwise() -> Vec<Convolution> {
    let new = |seed, shape, oc| Convolution::new(seed, shape, oc, Window::UNIT, Window::UNIT);
    let channels = (1..=33).flat_map(|channels| {
        [
            new(1, Shape::new(1, channels, 3), 4),
            new(2, Shape::new(3, 3, channels), 3),
            new(3, Shape::new(2, 3, 16), channels),
            new(4, Shape::new(1, 1, 32), channels),
        ]
    });
    channels.collect()
}

fn winograd() -> Vec<Convolution> {
    let pools = [Window::UNIT, POOL, Window { stride: [1, 1], ..POOL }];
    let of_pool = |pool: Window| {
        let new = move |seed, shape, oc, window| Convolution::new(seed, shape, oc, window, pool);
        let sizes = (2..=9).map(move |size| new(5, Shape::new(size, 11 - size, 5), 3, SAME));
        let channels = (1..=17).flat_map(move |channels| {
            [
                new(1, Shape::new(5, 6, channels), 4, VALID),
                new(2, Shape::new(5, 6, 8), channels, VALID),
            ]
        });
        sizes.chain(channels)
    };
    let one_pixel = Convolution::new(3, Shape::new(1, 1, 7), 5, SAME, Window::UNIT);
    pools.into_iter().flat_map(of_pool).chain([one_pixel]).collect()
}

/// Accumulators are to stay below 2^25.
fn large_tiles() -> Vec<Convolution> {
    let new = |seed, shape, oc, window| {
        let mut case = Convolution::new(seed, shape, oc, window, Window::UNIT);
        case.bias.iter_mut().for_each(|bias| *bias %= 1 << 20);
        case
    };
    let sizes = (1..=18).map(|size| new(5, Shape::new(size, 19 - size, 5), 3, SAME));
    let channels = (1..=17).flat_map(|channels| {
        [
            new(1, Shape::new(7, 10, channels), 4, VALID),
            new(2, Shape::new(7, 10, 8), channels, SAME),
            new(3, Shape::new(1, 1, 8), channels, SAME),
        ]
    });
    sizes.chain(channels).collect()
}
