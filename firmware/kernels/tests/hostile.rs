//! No descriptor makes a kernel panic, whatever it says, with overflow checks on; and what it does not
//! describe it does not write.

use std::cell::Cell;
use thumbnet_kernels::geometry::{Padding, Shape, Window};
use thumbnet_kernels::map::map;
use thumbnet_kernels::packed::{
    PackedConv2d, PackedDense, compact_winograd4_scratch_bytes, deep_kernel_exists,
    deep_scratch_bytes, shallow_kernel_exists, shallow_scratch_bytes, winograd_kernel_exists,
    winograd_scratch_bytes, winograd4_kernel_exists, winograd4_scratch_bytes,
};
use thumbnet_kernels::portable::{
    Add, AddFloat, AveragePool2d, AveragePoolFloat, Combine, Concat, Conv2d, Dense,
    DepthwiseConv2d, Function, Lookup, Loop, MaxPool2d, Pad, Rearrange, Rule, SumOrder,
};
use thumbnet_kernels::requantize::{FixedPoint, Rounding};
use thumbnet_kernels::{Armv7em, Backend, Portable, Scalar};

/// xorshift64*, seeded.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as usize % limit
    }

    /// Mostly small, now and then absurd.
    fn size(&mut self) -> usize {
        let absurd = [0, usize::MAX, usize::MAX / 2 + 1, 1 << 31, (1 << 32) - 1, 1 << 16, 65];
        match self.below(12) {
            0 => absurd[self.below(absurd.len())],
            _ => 1 + self.below(5),
        }
    }

    fn sizes<const N: usize>(&mut self) -> [usize; N] {
        [0; N].map(|_| self.size())
    }

    fn shape(&mut self) -> Shape {
        let [h, w, c] = self.sizes();
        Shape::new(h, w, c)
    }

    fn window(&mut self) -> Window {
        let padding = [0; 4].map(|_| if self.below(3) == 0 { self.size() } else { 0 });
        let [top, left, bottom, right] = padding;
        let unit = self.below(2) == 0;
        Window {
            kernel: self.sizes(),
            stride: if unit { [1, 1] } else { self.sizes() },
            dilation: if self.below(4) > 0 { [1, 1] } else { self.sizes() },
            padding: Padding { top, left, bottom, right },
        }
    }

    /// The product of some sizes if a test can afford it, sometimes one more or less.
    fn len(&mut self, sizes: &[usize]) -> usize {
        let product = sizes.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
        let len = product.filter(|len| *len <= 4096).unwrap_or(16);
        match self.below(8) {
            0 => len + 1,
            1 => len.saturating_sub(1),
            _ => len,
        }
    }
}

fn cells(codes: &[i8]) -> Vec<Cell<i8>> {
    codes.iter().copied().map(Cell::new).collect()
}

/// Random sizes, mostly consistent: the output is what the windows make of the input.
struct Sizes {
    input: Shape,
    output: Shape,
    window: Window,
    pool: Window,
}

impl Sizes {
    fn random(random: &mut Random) -> Self {
        let [input, mut output] = [random.shape(), random.shape()];
        let window = random.window();
        let pool = if random.below(2) == 0 { Window::UNIT } else { random.window() };
        let positions = window.positions(input.h, input.w);
        if let Some([h, w]) = positions.and_then(|[h, w]| pool.positions(h, w))
            && random.below(8) > 0
        {
            output = Shape { h, w, ..output };
        }
        Self { input, output, window, pool }
    }
}

/// Runs every kernel; returns whether the convolution's descriptor was sound.
fn run_everything<B: Backend>(seed: u64) -> bool {
    let random = &mut Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let Sizes { input, output, window, pool } = Sizes::random(random);
    let codes = vec![1; random.len(&[input.h, input.w, input.c])];
    let mut out = vec![0; random.len(&[output.h, output.w, output.c])];
    let weights = vec![1; random.len(&[output.c, window.kernel[0], window.kernel[1], input.c])];
    let bias = vec![1; random.len(&[output.c])];
    let multipliers = vec![1; random.len(&[output.c])];
    let requantize = FixedPoint { multipliers: &multipliers, zero_point: 0, min: -128, max: 127 };
    let (bias, weights, input_zero_point) = (&bias[..], &weights[..], 3);

    let layer = Conv2d { input, output, window, pool, input_zero_point, weights, bias, requantize };
    let sound = layer.describes(&cells(&codes), map(&mut out));
    let mut scratch = vec![0; random.below(1000)];
    B::conv2d(&layer, &cells(&codes), &mut scratch, map(&mut out));
    B::max_pool2d(&MaxPool2d { input, output, window }, &cells(&codes), map(&mut out));
    let layer = AveragePool2d { input, output, window, input_zero_point, bias: 0, requantize };
    B::average_pool2d(&layer, &cells(&codes), map(&mut out));
    B::dense(&Dense { weights, bias, requantize }, &cells(&codes), map(&mut out));
    let add = Add {
        zero_points: [-128, 127, 0],
        shifts: [random.size() as u32, 1],
        output_shift: random.size() as u32,
        min: -128,
        max: 127,
    };
    B::add(&add, &cells(&codes), &cells(&codes), map(&mut out));
    let scales = [0; 3].map(|_| f32::from_bits((random.below(1 << 16) as u32) << 16));
    let add = AddFloat { zero_points: [-128, 127, 0], scales, min: -128, max: 127 };
    B::add_float(&add, &cells(&codes), &cells(&codes), map(&mut out));

    let channelwise = vec![1; random.len(&[window.kernel[0], window.kernel[1], input.c])];
    let output = Shape { c: input.c, ..output };
    let mut out = vec![0; random.len(&[output.h, output.w, output.c])];
    let bias = vec![1; random.len(&[output.c])];
    let (weights, bias) = (&channelwise[..], &bias[..]);
    let layer =
        DepthwiseConv2d { input, output, window, input_zero_point, weights, bias, requantize };
    let mut scratch = vec![0; random.below(3000)];
    B::depthwise_conv2d(&layer, &cells(&codes), &mut scratch, map(&mut out));
    run_packed::<B>(random);
    run_codes::<B>(random);
    sound
}

/// The kernels that only other tools' files need.
fn run_codes<B: Backend>(random: &mut Random) {
    let Sizes { input, output, window, .. } = Sizes::random(random);
    let output = Shape { c: input.c, ..output };
    let codes = vec![1; random.len(&[input.h, input.w, input.c])];
    let mut out = vec![0; random.len(&[output.h, output.w, output.c])];
    let mut number = || f32::from_bits((random.below(1 << 16) as u32) << 16);
    let numbers = [0; 4].map(|_| number());
    let [scale, other, factor, addend] = numbers;
    let wild = random.below(1 << 16) as u16 as i16;
    let rounding = Rounding { addend, offset: wild, min: -128, max: 127 };
    for order in [SumOrder::Rows, SumOrder::Columns, SumOrder::Lanes, SumOrder::Packets] {
        let pool = AveragePoolFloat {
            input,
            output,
            window,
            order,
            counts_padding: random.below(2) == 0,
            input_zero_point: -128,
            scales: [scale, other],
            rounding,
        };
        B::average_pool_float(&pool, &cells(&codes), map(&mut out));
    }
    let zero_points = [-128, 127];
    let scales = [scale, other, factor];
    let pixel = vec![1; random.len(&[input.c])];
    for rule in [
        Rule::Real { function: Function::Multiply, zero_points, scales },
        Rule::FusedSum { factors: [scale, other], addend, code_offset: wild },
        Rule::ScaledProduct { zero_points, factor },
    ] {
        let mut same = vec![0; codes.len()];
        let layer = Combine { rule, rounding };
        B::combine(&layer, &cells(&codes), &cells(&pixel), map(&mut same));
        B::combine(&layer, &cells(&codes), &cells(&codes), map(&mut out));
    }
    let channels = if random.below(2) == 0 { 1 } else { input.c };
    let tables = vec![1; random.len(&[256, channels])];
    let mut same = vec![0; codes.len()];
    B::lookup(&Lookup { tables: &tables }, &cells(&codes), map(&mut same));
    B::lookup(&Lookup { tables: &tables }, &cells(&codes), map(&mut out));
    let lengths = [input.c, random.size()];
    let [one, other] =
        [cells(&codes), cells(&vec![1; random.len(&[input.h, input.w, lengths[1]])])];
    let mut joined = vec![0; one.len() + other.len()];
    B::concat(&Concat { lengths: &lengths }, &[&one, &other], map(&mut joined));
    B::concat(&Concat { lengths: &lengths }, &[&one], map(&mut out));
    B::concat(&Concat { lengths: &[] }, &[], map(&mut out));
    let loops = [0; 6].map(|_| match random.below(3) {
        0 => Loop::ONCE,
        _ => Loop { count: random.size(), stride: random.size().cast_signed() },
    });
    let counts = loops.map(|each| each.count);
    let mut copy = vec![0; random.len(&counts)];
    B::rearrange(&Rearrange { start: random.size(), loops }, &one, map(&mut copy));
    let Padding { top, left, bottom, right } = window.padding;
    let [h, w] = [[top, input.h, bottom], [left, input.w, right]]
        .map(|parts| parts.into_iter().fold(0, usize::saturating_add));
    let mut framed = vec![0; random.len(&[h, w, input.c])];
    B::pad(&Pad { input, padding: window.padding, value: 1 }, &one, map(&mut framed));
}

fn run_packed<B: Backend>(random: &mut Random) {
    let Sizes { input, output, window, pool } = Sizes::random(random);
    let codes = vec![1; random.len(&[input.h, input.w, input.c])];
    let mut out = vec![0; random.len(&[output.h, output.w, output.c])];
    let bias = vec![1; random.len(&[output.c])];
    let requantize = FixedPoint { multipliers: &bias, zero_point: 0, min: -128, max: 127 };
    let [kernel_h, kernel_w] = window.kernel;
    let eights = [output.c.div_ceil(4), kernel_h, kernel_w, input.c.div_ceil(8), 8];
    let taps = kernel_h.saturating_mul(kernel_w).saturating_mul(input.c);
    for weights in [random.len(&eights), random.len(&[output.c.div_ceil(2), taps.div_ceil(2)])] {
        let weights = vec![0x0101_0101; weights];
        let layer = PackedConv2d {
            input,
            output,
            window,
            pool,
            input_zero_point: -5,
            weights: &weights,
            bias: &bias,
            requantize,
        };
        let mut scratch = vec![[0; 8]; random.below(1_200)];
        let scratch = scratch.as_flattened_mut();
        let start = random.below(5).min(scratch.len()); // not aligned, as it should be
        B::deep_conv2d(&layer, &cells(&codes), &mut scratch[start..], map(&mut out));
        B::pointwise_conv2d(&layer, &cells(&codes), &mut scratch[start..], map(&mut out));
        B::shallow_conv2d(&layer, &cells(&codes), &mut scratch[start..], map(&mut out));
        // Sound more often with the only window that there is a kernel for.
        let window = Window { padding: window.padding, ..Window::square(3, 1) };
        let positions = window.positions(input.h, input.w);
        let [h, w] = positions.and_then(|[h, w]| pool.positions(h, w)).unwrap_or([1, 1]);
        let output = Shape { h, w, ..output };
        let mut out = vec![0; random.len(&[h, w, output.c])];
        let words = random.len(&[output.c.div_ceil(2), 16, input.c.div_ceil(8), 8]);
        let weights = vec![0x7f81_0101; words];
        let layer = PackedConv2d { window, output, weights: &weights, ..layer };
        B::winograd_conv2d(&layer, &cells(&codes), &mut scratch[start..], map(&mut out));
        let words_of_pair = input.c.div_ceil(8).saturating_mul(36 * 8).saturating_add(16);
        let weights = vec![0x7f81_0101; random.len(&[output.c.div_ceil(2), words_of_pair])];
        let layer = PackedConv2d { weights: &weights, ..layer };
        B::winograd4_conv2d(&layer, &cells(&codes), &mut scratch[start..], map(&mut out));
        let words_of_pair = input.c.div_ceil(8).saturating_mul(36).saturating_add(10);
        let weights = vec![0x7f81_0101; random.len(&[output.c.div_ceil(2), words_of_pair])];
        let layer = PackedConv2d { weights: &weights, ..layer };
        B::compact_winograd4_conv2d(&layer, &cells(&codes), &mut scratch[start..], map(&mut out));
    }
    let words = random.len(&[output.c.div_ceil(2), codes.len().div_ceil(16), 8]);
    let weights = vec![0x0101_0101; words];
    let mut out = vec![0; bias.len()];
    B::packed_dense(
        &PackedDense { weights: &weights, bias: &bias, requantize },
        &cells(&codes),
        map(&mut out),
    );
}

#[test]
fn no_descriptor_makes_a_kernel_panic() {
    let mut sound = 0;
    for seed in 0..40_000 {
        sound += u32::from(run_everything::<Portable>(seed));
        run_everything::<Armv7em>(seed);
        run_everything::<Scalar>(seed);
    }
    assert!(
        sound > 1_000,
        "only {sound} sound descriptors: too few to test what follows the check"
    );
}

#[test]
fn no_question_about_a_kernel_panics() {
    let random = &mut Random(1);
    for _ in 0..100_000 {
        let Sizes { input, output, window, pool } = Sizes::random(random);
        deep_kernel_exists(&window, &pool);
        shallow_kernel_exists(&window, &pool, input.c);
        deep_scratch_bytes(&window, &pool, input);
        shallow_scratch_bytes(&window, input);
        winograd_kernel_exists(&window, &pool);
        winograd_scratch_bytes(input);
        winograd4_kernel_exists(&window, &pool);
        winograd4_scratch_bytes(input);
        compact_winograd4_scratch_bytes(input);
        window.maps(input, output);
    }
}
