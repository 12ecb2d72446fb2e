//! Convolutions.

use super::random::mixed_scales;
use super::{Random, Scratch, cells};
use alloc::vec;
use alloc::vec::Vec;
use thumbnet_kernels::Backend;
use thumbnet_kernels::geometry::{Padding, Shape, Window};
use thumbnet_kernels::map::{Map, map};
use thumbnet_kernels::packed::{
    PackedConv2d, compact_winograd4_scratch_bytes, deep_kernel_exists, deep_scratch_bytes,
    pack_compact_winograd4, pack_deep, pack_pointwise, pack_shallow, pack_winograd, pack_winograd4,
    pointwise_kernel_exists, pointwise_scratch_bytes, shallow_kernel_exists, shallow_scratch_bytes,
    winograd_kernel_exists, winograd_scratch_bytes, winograd4_kernel_exists,
    winograd4_scratch_bytes,
};
use thumbnet_kernels::portable::{Conv2d, conv2d};
use thumbnet_kernels::requantize::{FixedPoint, Float, Mixed, Requantize};
use thumbnet_kernels::scalar::conv2d_scratch_bytes;

const TWO_TO_32: f32 = 4_294_967_296.0;

/// Which packed convolution runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Deep,
    Pointwise,
    Shallow,
    Winograd,
    Winograd4,
    CompactWinograd4,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Deep,
        Self::Pointwise,
        Self::Shallow,
        Self::Winograd,
        Self::Winograd4,
        Self::CompactWinograd4,
    ];

    /// Whether it is a Winograd form with tiles of 4 x 4 outputs.
    pub fn has_large_tiles(self) -> bool {
        matches!(self, Self::Winograd4 | Self::CompactWinograd4)
    }

    /// Runs a backend's kernel.
    pub fn run<B: Backend>(
        self,
        layer: &PackedConv2d<'_, impl Requantize>,
        input: &Map,
        scratch: &mut [i8],
        output: &Map,
    ) {
        match self {
            Self::Deep => B::deep_conv2d(layer, input, scratch, output),
            Self::Pointwise => B::pointwise_conv2d(layer, input, scratch, output),
            Self::Shallow => B::shallow_conv2d(layer, input, scratch, output),
            Self::Winograd => B::winograd_conv2d(layer, input, scratch, output),
            Self::Winograd4 => B::winograd4_conv2d(layer, input, scratch, output),
            Self::CompactWinograd4 => B::compact_winograd4_conv2d(layer, input, scratch, output),
        }
    }
}

/// A convolution that owns its constants.
#[derive(Clone, Debug)]
pub struct Convolution {
    pub input: Shape,
    pub oc: usize,
    pub window: Window,
    pub pool: Window,
    pub zero_point: i8,
    pub weights: Vec<i8>,
    pub bias: Vec<i32>,
    pub multipliers: Vec<i32>,
    /// The factors of the other form of requantization.
    pub factors: Vec<f32>,
    pub output_zero_point: i8,
    pub clamp: [i8; 2],
    pub codes: Vec<i8>,
}

impl Convolution {
    /// Random constants for given shapes.
    pub fn new(seed: u64, input: Shape, oc: usize, window: Window, pool: Window) -> Self {
        let mut random = Random::new(seed);
        let filter_len = window.taps() * input.c;
        let bound = (filter_len * 128 * 127) as u32;
        let multipliers: Vec<i32> = (0..oc).map(|_| random.multiplier()).collect();
        let limits = [random.code().min(0), random.code().max(0)];
        Self {
            input,
            oc,
            window,
            pool,
            zero_point: random.code(),
            weights: random.weights(oc * filter_len),
            bias: (0..oc).map(|_| random.bias(bound)).collect(),
            factors: multipliers.iter().map(|multiplier| *multiplier as f32 / TWO_TO_32).collect(),
            multipliers,
            output_zero_point: random.code(),
            // Half of the layers have no clamp of their own.
            clamp: if seed.is_multiple_of(2) { [i8::MIN, i8::MAX] } else { limits },
            codes: (0..input.len()).map(|_| random.code()).collect(),
        }
    }

    /// A layer of random shape that the packed kernel `kind` can compute.
    pub fn random(seed: u64, kind: Kind) -> Self {
        let mut random = Random::new(!seed);
        loop {
            let padding = [0; 4].map(|_| random.below(if kind == Kind::Pointwise { 1 } else { 3 }));
            let [top, left, bottom, right] = padding;
            let (kernel, ic, dilation) = match kind {
                Kind::Deep => ([1 + random.below(4), 1 + random.below(5)], random.size(20), [1, 1]),
                Kind::Pointwise => ([1, 1], random.size(70), [1, 1]),
                Kind::Winograd | Kind::Winograd4 | Kind::CompactWinograd4 => {
                    ([3, 3], random.size(20), [1, 1])
                }
                Kind::Shallow => {
                    let squares = [(2, 1), (3, 1), (3, 2), (5, 1), (3, 3), (3, 4), (7, 1), (5, 3)];
                    let (kernel, ic) = match squares.get(random.below(squares.len() + 1)) {
                        Some(&(side, ic)) => ([side, side], ic),
                        None => ([10, 4], 1),
                    };
                    (kernel, ic, [1 + random.below(2), 1 + random.below(2)])
                }
            };
            let stride = match kind {
                Kind::Winograd | Kind::Winograd4 | Kind::CompactWinograd4 => [1, 1],
                _ => [1 + random.below(3), 1 + random.below(2)],
            };
            let window =
                Window { kernel, stride, dilation, padding: Padding { top, left, bottom, right } };
            let pool = match random.below(3) {
                _ if kind.has_large_tiles() => Window::UNIT,
                0 => Window::UNIT,
                1 => Window::square(2, 1 + random.below(3)),
                _ => Window { kernel: [1 + random.below(3), 2], ..Window::square(2, 2) },
            };
            let size = if kind.has_large_tiles() { 19 } else { 9 };
            let input = Shape::new(random.size(11), random.size(size), ic);
            let exists = match kind {
                Kind::Deep => deep_kernel_exists(&window, &pool),
                Kind::Pointwise => pointwise_kernel_exists(&window, &pool),
                Kind::Shallow => shallow_kernel_exists(&window, &pool, ic),
                Kind::Winograd => winograd_kernel_exists(&window, &pool),
                Kind::Winograd4 | Kind::CompactWinograd4 => winograd4_kernel_exists(&window, &pool),
            };
            let positions = window.positions(input.h, input.w);
            if exists && positions.and_then(|[h, w]| pool.positions(h, w)).is_some() {
                let mut case = Self::new(seed, input, random.size(21), window, pool);
                if kind.has_large_tiles() {
                    // Accumulators are to stay below 2^25.
                    case.bias.iter_mut().for_each(|bias| *bias %= 1 << 20);
                }
                return case;
            }
        }
    }

    pub fn output(&self) -> Shape {
        let positions = self.window.positions(self.input.h, self.input.w);
        let [h, w] = positions.and_then(|[h, w]| self.pool.positions(h, w)).expect("checked");
        Shape::new(h, w, self.oc)
    }

    /// Requantization in fixed point.
    pub fn fixed(&self) -> FixedPoint<'_> {
        let Self { multipliers, output_zero_point: zero_point, clamp: [min, max], .. } = self;
        FixedPoint { multipliers, zero_point: *zero_point, min: *min, max: *max }
    }

    /// Requantization in f32.
    pub fn float(&self) -> Float<'_> {
        let Self { factors, output_zero_point: zero_point, clamp: [min, max], .. } = self;
        Float { factors, zero_point: *zero_point, min: *min, max: *max }
    }

    /// Scales of both forms, pair by pair.
    pub fn mixed_scales(&self) -> Vec<i32> {
        mixed_scales(&self.multipliers, &self.factors)
    }

    /// Requantization with such scales.
    pub fn mixed<'a>(&self, scales: &'a [i32]) -> Mixed<'a> {
        let Self { output_zero_point: zero_point, clamp: [min, max], .. } = self;
        Mixed { scales, zero_point: *zero_point, min: *min, max: *max }
    }

    /// The descriptor of the plain layer.
    pub fn layer<R: Requantize>(&self, requantize: R) -> Conv2d<'_, R> {
        Conv2d {
            input: self.input,
            output: self.output(),
            window: self.window,
            pool: self.pool,
            input_zero_point: self.zero_point,
            weights: &self.weights,
            bias: &self.bias,
            requantize,
        }
    }

    /// The output of the plain layer.
    pub fn plain(&self, requantize: impl Requantize) -> Vec<i8> {
        let layer = self.layer(requantize);
        let mut output = vec![0x55; layer.output.len()];
        conv2d(&layer, &cells(&self.codes), map(&mut output));
        output
    }

    /// The output of a backend's plain layer, in the scratch memory that the fastest of them wants.
    pub fn run_plain<B: Backend>(&self, requantize: impl Requantize) -> Vec<i8> {
        let layer = self.layer(requantize);
        let mut output = vec![0x55; layer.output.len()];
        let mut scratch = Scratch::new(conv2d_scratch_bytes(&self.window, self.input));
        B::conv2d(&layer, &cells(&self.codes), scratch.bytes(), map(&mut output));
        output
    }

    /// The packed weights.
    pub fn pack(&self, kind: Kind) -> Vec<i32> {
        match kind {
            Kind::Deep => pack_deep(&self.weights, &self.window, self.input.c),
            Kind::Pointwise => pack_pointwise(&self.weights, self.input.c),
            Kind::Shallow => pack_shallow(&self.weights, &self.window, self.input.c),
            Kind::Winograd => pack_winograd(&self.weights, self.input.c),
            Kind::Winograd4 => pack_winograd4(&self.weights, &self.bias, self.input.c),
            Kind::CompactWinograd4 => {
                pack_compact_winograd4(&self.weights, &self.bias, self.input.c)
            }
        }
        .expect("these weights mix")
    }

    /// The descriptor of the packed layer.
    pub fn packed<'a, R: Requantize>(
        &'a self,
        weights: &'a [i32],
        requantize: R,
    ) -> PackedConv2d<'a, R> {
        PackedConv2d {
            input: self.input,
            output: self.output(),
            window: self.window,
            pool: self.pool,
            input_zero_point: self.zero_point,
            weights,
            bias: &self.bias,
            requantize,
        }
    }

    /// The output of a backend's packed layer, in scratch memory of just the right size.
    pub fn run<B: Backend>(&self, kind: Kind, requantize: impl Requantize) -> Vec<i8> {
        let weights = self.pack(kind);
        let layer = self.packed(&weights, requantize);
        let mut output = vec![0x55; layer.output.len()];
        let mut scratch = Scratch::new(self.scratch_bytes(kind));
        kind.run::<B>(&layer, &cells(&self.codes), scratch.bytes(), map(&mut output));
        output
    }

    /// The scratch memory that the packed layer needs.
    pub fn scratch_bytes(&self, kind: Kind) -> usize {
        match kind {
            Kind::Deep => deep_scratch_bytes(&self.window, &self.pool, self.input),
            Kind::Pointwise => pointwise_scratch_bytes(self.input),
            Kind::Shallow => shallow_scratch_bytes(&self.window, self.input),
            Kind::Winograd => winograd_scratch_bytes(self.input),
            Kind::Winograd4 => winograd4_scratch_bytes(self.input),
            Kind::CompactWinograd4 => compact_winograd4_scratch_bytes(self.input),
        }
    }
}
