//! Packed layers and the plain layers that they must equal. Shared with the tests on the emulated target,
//! so it needs alloc only.

use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;
use thumbnet_kernels::Backend;
use thumbnet_kernels::armv7em::depthwise_scratch_bytes;
use thumbnet_kernels::geometry::{Padding, Shape, Window};
use thumbnet_kernels::map::{Map, map};
use thumbnet_kernels::packed::{
    PackedConv2d, PackedDense, compact_winograd4_scratch_bytes, deep_kernel_exists,
    deep_scratch_bytes, pack_compact_winograd4, pack_deep, pack_dense, pack_pointwise,
    pack_shallow, pack_winograd, pack_winograd4, pointwise_kernel_exists, pointwise_scratch_bytes,
    shallow_kernel_exists, shallow_scratch_bytes, winograd_kernel_exists, winograd_scratch_bytes,
    winograd4_kernel_exists, winograd4_scratch_bytes,
};
use thumbnet_kernels::portable::{
    AveragePool2d, Conv2d, Dense, DepthwiseConv2d, MaxPool2d, conv2d, dense, depthwise_conv2d,
};
use thumbnet_kernels::requantize::{FixedPoint, Float, Mixed, Requantize};

const TWO_TO_32: f32 = 4_294_967_296.0;

/// A map that holds `codes`.
pub fn cells(codes: &[i8]) -> Vec<Cell<i8>> {
    codes.iter().copied().map(Cell::new).collect()
}

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
                Kind::Deep => {
                    ([1 + random.below(4), 1 + random.below(5)], 1 + random.below(20), [1, 1])
                }
                Kind::Pointwise => ([1, 1], 1 + random.below(70), [1, 1]),
                Kind::Winograd | Kind::Winograd4 | Kind::CompactWinograd4 => {
                    ([3, 3], 1 + random.below(20), [1, 1])
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
            let input = Shape::new(1 + random.below(11), 1 + random.below(size), ic);
            let exists = match kind {
                Kind::Deep => deep_kernel_exists(&window, &pool),
                Kind::Pointwise => pointwise_kernel_exists(&window, &pool),
                Kind::Shallow => shallow_kernel_exists(&window, &pool, ic),
                Kind::Winograd => winograd_kernel_exists(&window, &pool),
                Kind::Winograd4 | Kind::CompactWinograd4 => winograd4_kernel_exists(&window, &pool),
            };
            let positions = window.positions(input.h, input.w);
            if exists && positions.and_then(|[h, w]| pool.positions(h, w)).is_some() {
                let mut case = Self::new(seed, input, 1 + random.below(21), window, pool);
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
        let bytes = self.scratch_bytes(kind);
        // Words, so that it is aligned; dirty, because an arena is.
        let mut scratch = vec![[0x7e_i8; 8]; bytes / 8];
        let scratch = scratch.as_flattened_mut();
        kind.run::<B>(&layer, &cells(&self.codes), scratch, map(&mut output));
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

/// A dense layer that owns its constants.
#[derive(Clone, Debug)]
pub struct FullyConnected {
    pub weights: Vec<i8>,
    pub bias: Vec<i32>,
    pub multipliers: Vec<i32>,
    pub zero_point: i8,
    pub codes: Vec<i8>,
}

impl FullyConnected {
    /// Random constants for given sizes.
    pub fn new(seed: u64, inputs: usize, outputs: usize) -> Self {
        let mut random = Random::new(seed);
        Self {
            weights: random.weights(inputs * outputs),
            bias: (0..outputs).map(|_| random.bias((inputs * 128 * 127) as u32)).collect(),
            multipliers: (0..outputs).map(|_| random.multiplier()).collect(),
            zero_point: random.code(),
            codes: (0..inputs).map(|_| random.code()).collect(),
        }
    }

    /// The largest sums that fit the mixed lanes: all weights `even` and `odd` by channel, all inputs `code`.
    pub fn extreme(inputs: usize, [even, odd]: [i8; 2], code: i8) -> Self {
        let outputs = 11; // a whole eight, a pair, and one with a lane to itself
        let mut case = Self::new(7, inputs, outputs);
        let filters = case.weights.chunks_mut(inputs).enumerate();
        filters.for_each(|(channel, filter)| filter.fill([even, odd][channel % 2]));
        case.codes.fill(code);
        case.bias.fill(0);
        case.multipliers.fill(20_000);
        case
    }

    /// Its requantization.
    pub fn requantize(&self) -> FixedPoint<'_> {
        let Self { multipliers, zero_point, .. } = self;
        FixedPoint { multipliers, zero_point: *zero_point, min: -128, max: 127 }
    }

    /// The output of the plain layer.
    pub fn plain(&self) -> Vec<i8> {
        let requantize = self.requantize();
        let layer = Dense { weights: &self.weights, bias: &self.bias, requantize };
        let mut output = vec![0x55; self.bias.len()];
        dense(&layer, &cells(&self.codes), map(&mut output));
        output
    }

    /// The output of a backend's packed layer.
    pub fn run<B: Backend>(&self) -> Vec<i8> {
        let weights = pack_dense(&self.weights, self.codes.len()).expect("these weights mix");
        let requantize = self.requantize();
        let layer = PackedDense { weights: &weights, bias: &self.bias, requantize };
        let mut output = vec![0x55; self.bias.len()];
        B::packed_dense(&layer, &cells(&self.codes), map(&mut output));
        output
    }
}

/// A depthwise convolution that owns its constants. It is not packed, but backends have kernels for it.
#[derive(Clone, Debug)]
pub struct Depthwise {
    pub input: Shape,
    pub window: Window,
    pub zero_point: i8,
    pub weights: Vec<i8>,
    pub bias: Vec<i32>,
    pub multipliers: Vec<i32>,
    pub output_zero_point: i8,
    pub codes: Vec<i8>,
}

impl Depthwise {
    /// Random constants for given shapes.
    pub fn new(seed: u64, input: Shape, window: Window) -> Self {
        let mut random = Random::new(seed);
        Self {
            input,
            window,
            zero_point: random.code(),
            weights: (0..window.taps() * input.c).map(|_| random.code()).collect(),
            bias: (0..input.c).map(|_| random.bias((window.taps() * 128 * 128) as u32)).collect(),
            multipliers: (0..input.c).map(|_| random.multiplier()).collect(),
            output_zero_point: random.code(),
            codes: (0..input.len()).map(|_| random.code()).collect(),
        }
    }

    /// A layer of random shape, mostly 3 x 3.
    pub fn random(seed: u64) -> Self {
        let mut random = Random::new(!seed);
        loop {
            let [top, left, bottom, right] = [0; 4].map(|_| random.below(4));
            let kernel = if random.below(5) == 0 { [1 + random.below(4), 2] } else { [3, 3] };
            let window = Window {
                kernel,
                stride: [1 + random.below(3), 1 + random.below(3)],
                dilation: [1 + random.below(7) / 6, 1 + random.below(7) / 6],
                padding: Padding { top, left, bottom, right },
            };
            let input = Shape::new(1 + random.below(7), 1 + random.below(40), 1 + random.below(11));
            if window.positions(input.h, input.w).is_some() {
                return Self::new(seed, input, window);
            }
        }
    }

    /// The layer's descriptor.
    pub fn layer(&self) -> DepthwiseConv2d<'_, FixedPoint<'_>> {
        let Self { input, window, zero_point, weights, bias, multipliers, .. } = self;
        let [h, w] = window.positions(input.h, input.w).expect("checked");
        let requantize =
            FixedPoint { multipliers, zero_point: self.output_zero_point, min: -128, max: 127 };
        DepthwiseConv2d {
            input: *input,
            output: Shape::new(h, w, input.c),
            window: *window,
            input_zero_point: *zero_point,
            weights,
            bias,
            requantize,
        }
    }

    /// The output of the portable layer.
    pub fn plain(&self) -> Vec<i8> {
        let layer = self.layer();
        let mut output = vec![0x55; layer.output.len()];
        depthwise_conv2d(&layer, &cells(&self.codes), map(&mut output));
        output
    }

    /// The scratch memory that the fast kernel needs; 0 where there is none.
    pub fn scratch_bytes(&self) -> usize {
        depthwise_scratch_bytes(&self.window, self.input).unwrap_or(0)
    }

    /// The output of a backend's layer.
    pub fn run<B: Backend>(&self) -> Vec<i8> {
        let layer = self.layer();
        let mut output = vec![0x55; layer.output.len()];
        self.run_layer::<B, _>(&layer, &cells(&self.codes), map(&mut output));
        output
    }

    /// Factors like the multipliers.
    pub fn factors(&self) -> Vec<f32> {
        self.multipliers.iter().copied().map(factor).collect()
    }

    /// Multipliers and factors, pair by pair.
    pub fn mixed_scales(&self) -> Vec<i32> {
        mixed_scales(&self.multipliers, &self.factors())
    }

    /// The output of the same layer in f32, by a backend and by the plain kernel.
    pub fn run_float<B: Backend>(&self) -> [Vec<i8>; 2] {
        let (factors, zero_point) = (self.factors(), self.output_zero_point);
        self.run_form::<B>(Float { factors: &factors, zero_point, min: -128, max: 127 })
    }

    /// The same in both forms, with a clamp.
    pub fn run_mixed<B: Backend>(&self) -> [Vec<i8>; 2] {
        let (scales, zero_point) = (self.mixed_scales(), self.output_zero_point);
        self.run_form::<B>(Mixed { scales: &scales, zero_point, min: -100, max: 90 })
    }

    fn run_form<B: Backend>(&self, requantize: impl Requantize) -> [Vec<i8>; 2] {
        let Self { input, window, zero_point, weights, bias, .. } = self;
        let output = self.layer().output;
        let layer = DepthwiseConv2d {
            input: *input,
            output,
            window: *window,
            input_zero_point: *zero_point,
            weights,
            bias,
            requantize,
        };
        let [mut result, mut plain] = [(); 2].map(|()| vec![0x55; output.len()]);
        self.run_layer::<B, _>(&layer, &cells(&self.codes), map(&mut result));
        depthwise_conv2d(&layer, &cells(&self.codes), map(&mut plain));
        [result, plain]
    }

    /// The output where it lies on the input, `shift` whole pixels before its start.
    pub fn run_in_place<B: Backend>(&self, shift: usize) -> Vec<i8> {
        let layer = self.layer();
        let shift = shift * self.input.c;
        let mut arena = vec![0x55; shift + self.codes.len().max(layer.output.len())];
        arena[shift..shift + self.codes.len()].copy_from_slice(&self.codes);
        let arena = map(&mut arena);
        let [input, output] = [&arena[shift..][..self.codes.len()], &arena[..layer.output.len()]];
        self.run_layer::<B, _>(&layer, input, output);
        output.iter().map(Cell::get).collect()
    }

    fn run_layer<B: Backend, R: Requantize>(
        &self,
        layer: &DepthwiseConv2d<'_, R>,
        input: &Map,
        output: &Map,
    ) {
        let mut scratch = vec![[0x55_i8; 8]; self.scratch_bytes().div_ceil(8)];
        B::depthwise_conv2d(layer, input, scratch.as_flattened_mut(), output);
    }
}

/// The outputs of a max pool and of an average pool of random codes, by a backend.
pub fn pools<B: Backend>(seed: u64, input: Shape, window: Window) -> [Vec<i8>; 2] {
    let mut random = Random::new(seed);
    let codes: Vec<i8> = (0..input.len()).map(|_| random.code()).collect();
    let [h, w] = window.positions(input.h, input.w).expect("a window that fits");
    let output = Shape::new(h, w, input.c);
    let [mut largest, mut average] = [(); 2].map(|()| vec![0x55; output.len()]);
    B::max_pool2d(&MaxPool2d { input, output, window }, &cells(&codes), map(&mut largest));
    let multipliers = [i32::MAX / window.taps() as i32];
    let requantize = FixedPoint { multipliers: &multipliers, zero_point: 3, min: -128, max: 127 };
    let layer = AveragePool2d { input, output, window, input_zero_point: 5, bias: -17, requantize };
    B::average_pool2d(&layer, &cells(&codes), map(&mut average));
    [largest, average]
}

/// Pairs of multipliers and of factors, so that runs of each are short and long.
fn mixed_scales(multipliers: &[i32], factors: &[f32]) -> Vec<i32> {
    let channels = multipliers.iter().zip(factors).enumerate();
    let scale = |(channel, (multiplier, factor)): (usize, (&i32, &f32))| {
        let is_float = multipliers[channel / 2 * 2] % 3 == 0;
        if is_float { (factor.to_bits() | Mixed::FLOAT) as i32 } else { *multiplier }
    };
    channels.map(scale).collect()
}

/// The factor of a multiplier, now and then one with ties.
fn factor(multiplier: i32) -> f32 {
    let factor = multiplier as f32 / 4_294_967_296.0;
    if multiplier % 4 == 0 { f32::from_bits(factor.to_bits() & 0xfff0_0000) } else { factor }
}

/// A small generator of our own, so that a seed means the same everywhere (xorshift64*).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    pub fn below(&mut self, limit: usize) -> usize {
        ((u64::from(self.next()) * limit as u64) >> 32) as usize
    }

    /// A third of the codes are extremes, so that saturation and sign errors show.
    pub fn code(&mut self) -> i8 {
        match self.below(6) {
            0 => -128,
            1 => 127,
            _ => self.next() as i8,
        }
    }

    /// Weights as a symmetric quantizer makes them, -127..=127.
    pub fn weights(&mut self, len: usize) -> Vec<i8> {
        (0..len).map(|_| self.code().max(-127)).collect()
    }

    /// Of ordinary size, now and then so that accumulators of up to `bound` come near the ends of i32.
    fn bias(&mut self, bound: u32) -> i32 {
        match self.below(8) {
            0 => i32::MAX - bound as i32,
            1 => i32::MIN + bound as i32,
            _ => self.below(40_000) as i32 - 20_000,
        }
    }

    /// From 0 to 2^31, mostly where an accumulator of a few thousand fills int8.
    fn multiplier(&mut self) -> i32 {
        match self.below(8) {
            0 => i32::MAX,
            1 => 0,
            _ => self.below(200_000_000) as i32,
        }
    }
}
