//! All cases of each kernel: random ones, every tail, the largest values. One list for whoever runs them, so that the
//! emulated target misses none of the desktop's.

use super::extremes::extremes;
use super::pools::{random_pool, random_sum};
use super::tails::tails;
use super::{Convolution, Depthwise, FullyConnected, Kind, Random};
use alloc::vec::Vec;
use thumbnet_kernels::geometry::{Padding, Shape, Window};
use thumbnet_kernels::portable::AddFloat;

/// Random cases of a kernel.
const RANDOM: u64 = 400;
/// Every case is run, except under Miri, to which each is seconds: some random ones.
pub const STEP: usize = if cfg!(miri) { 150 } else { 1 };

/// Of a packed convolution.
pub fn convolutions(kind: Kind) -> impl Iterator<Item = Convolution> {
    let random = seeds(RANDOM).map(move |seed| Convolution::random(seed, kind));
    random.chain(unless_miri(move || tails(kind).into_iter().chain(extremes(kind))))
}

/// Of the packed dense layer.
pub fn dense_layers() -> impl Iterator<Item = FullyConnected> {
    let random = seeds(RANDOM / 2).map(|seed| {
        let mut random = Random::new(seed);
        FullyConnected::new(seed, 1 + random.below(90), 1 + random.below(40))
    });
    let tails = (1..=34).flat_map(|inputs| {
        let outputs = [1, 2, 7, 8, 9, 10, 15, 16, 17];
        outputs.map(|outputs| FullyConnected::new(3, inputs, outputs))
    });
    // Around whole runs of 512, after each of which lanes are taken apart.
    let long = [511, 512, 513, 527, 1024, 1600, 2047].into_iter().flat_map(|inputs| {
        let weights = [[127, 127], [-127, 127], [127, -127], [-127, -127]];
        let extreme =
            move |code| weights.map(|weights| FullyConnected::extreme(inputs, weights, code));
        let outputs = 1 + Random::new(inputs as u64).below(20);
        let random = FullyConnected::new(3, inputs, outputs);
        [-128, 127].into_iter().flat_map(extreme).chain([random])
    });
    random.chain(unless_miri(|| tails.chain(long)))
}

/// Of the depthwise convolution.
pub fn depthwise_layers() -> impl Iterator<Item = Depthwise> {
    let padding = Padding { top: 1, left: 1, bottom: 1, right: 1 };
    let tails = [1, 2].into_iter().flat_map(move |stride| {
        let window = Window { padding, ..Window::square(3, stride) };
        let wide = (1..=13).map(move |c| Depthwise::new(9, Shape::new(5, 37, c), window));
        wide.chain((1..=8).map(move |c| Depthwise::new(10, Shape::new(1, 1, c), window)))
    });
    seeds(RANDOM).map(Depthwise::random).chain(unless_miri(|| tails))
}

/// Of both pools: a seed for the codes, a map and a window.
pub fn pool_layers() -> impl Iterator<Item = (u64, Shape, Window)> {
    let random = seeds(RANDOM).map(|seed| {
        let (input, window) = random_pool(seed);
        (seed, input, window)
    });
    // 256 taps fit a halfword at either end, 272 do not.
    let large = [[16, 16], [16, 17], [25, 5]].map(|side| (side, side, [1, 1]));
    let dilated = ([9, 7], [2, 2], [2, 2]);
    let large = large.into_iter().chain([dilated]).flat_map(|([h, w], kernel, dilation)| {
        let window = Window { kernel, dilation, ..Window::UNIT };
        [1, 4, 7, 8, 12, 19].map(|channels| (5, Shape::new(h, w, channels), window))
    });
    random.chain(unless_miri(|| large))
}

/// Of the sum of two maps: some layers with every pair of codes and a tail, many with maps of all lengths.
pub fn all_sums() -> impl Iterator<Item = (AddFloat, [Vec<i8>; 2])> {
    let all_pairs = unless_miri(|| {
        let lhs: Vec<i8> = (i8::MIN..=i8::MAX).flat_map(|code| [code; 257]).collect();
        let rhs: Vec<i8> = (i8::MIN..=i8::MAX).cycle().take(lhs.len()).collect();
        (0..20).map(move |seed| (random_sum(seed), [lhs.clone(), rhs.clone()]))
    });
    let lengths = seeds(RANDOM).map(|seed| {
        let mut random = Random::new(seed);
        let len = random.below(40);
        let maps = [0; 2].map(|_| (0..len).map(|_| random.code()).collect());
        (random_sum(seed), maps)
    });
    lengths.chain(all_pairs)
}

/// The seeds of so many random cases.
fn seeds(count: u64) -> impl Iterator<Item = u64> {
    (0..count).step_by(STEP)
}

/// What `make` gives; nothing under Miri.
fn unless_miri<I: Iterator>(make: impl FnOnce() -> I) -> impl Iterator<Item = I::Item> {
    (!cfg!(miri)).then(make).into_iter().flatten()
}
