//! Depthwise convolutions.

use super::random::{factor, mixed_scales};
use super::{Random, Scratch, cells};
use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;
use thumbnet_kernels::Backend;
use thumbnet_kernels::armv7em::depthwise_scratch_bytes;
use thumbnet_kernels::geometry::{Padding, Shape, Window};
use thumbnet_kernels::map::{Map, map};
use thumbnet_kernels::portable::{DepthwiseConv2d, depthwise_conv2d};
use thumbnet_kernels::requantize::{FixedPoint, Float, Mixed, Requantize};

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
            let input = Shape::new(random.size(7), random.size(40), random.size(11));
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
        let mut scratch = Scratch::new(self.scratch_bytes());
        B::depthwise_conv2d(layer, input, scratch.bytes(), output);
    }
}
