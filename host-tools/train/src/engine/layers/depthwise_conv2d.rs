//! Convolution of each channel on its own. Weights `[kh, kw, c]`.
//!
//! A row of sums is made tap by tap, over all its values at once: where the stride is 1, values of a row that meet the
//! same tap lie side by side in memory, and so do a tap's weights once they are repeated along the row. A wider stride
//! goes position by position.

use super::frame::Frame;
use crate::engine::elementwise::{self, vectorized};
use crate::engine::layer::{Backward, Forward, Layer, Sizes};
use crate::engine::real::Real;
use thumbnet_graph::{Shape, Window};

pub(crate) struct DepthwiseConv2d {
    frame: Frame,
    window: Window,
    output: Shape,
    biased: bool,
    relu: bool,
}

impl DepthwiseConv2d {
    /// # Panics
    /// If the window does not fit, which the plan has checked.
    pub fn new(input: Shape, window: Window, biased: bool, relu: bool) -> Self {
        let [h, w] = window.positions(input.h, input.w).expect("the plan checked the window");
        let frame = Frame::new(input, window.padding);
        Self { frame, window, output: Shape::new(h, w, input.c), biased, relu }
    }

    /// Values of a row that one step of a tap takes: the whole row, or one position.
    fn run(&self) -> usize {
        let c = self.output.c;
        if self.window.stride[1] == 1 { self.output.w * c } else { c }
    }

    /// Calls `visit(input, output, tap)` with where each run begins in the framed input and in the output.
    #[inline(always)]
    fn for_each_run(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let ([_, kw], [sy, sx]) = (self.window.kernel, self.window.stride);
        let (c, row) = (self.output.c, self.frame.framed.w * self.output.c);
        let runs = self.output.w * c / self.run();
        for y in 0..self.output.h {
            for tap in 0..self.window.taps() {
                let first = (y * sy + tap / kw) * row + tap % kw * c;
                for x in 0..runs {
                    visit(first + x * sx * c, (y * self.output.w + x) * c, tap);
                }
            }
        }
    }

    /// Each tap's weights, as often as a run has positions.
    fn repeat<T: Real>(&self, weights: &[T], repeated: &mut [T]) {
        let taps = weights.chunks_exact(self.output.c);
        for (tap, repeated) in taps.zip(repeated.chunks_exact_mut(self.run())) {
            for position in repeated.chunks_exact_mut(self.output.c) {
                position.copy_from_slice(tap);
            }
        }
    }

    /// Cuts scratch into the framed input, its gradient, repeated weights and their gradient.
    fn cut<'a, T>(&self, scratch: &'a mut [T]) -> [&'a mut [T]; 4] {
        let (framed, repeated) = (self.frame.len(), self.window.taps() * self.run());
        let (input, rest) = scratch.split_at_mut(framed);
        let (gradient, rest) = rest.split_at_mut(framed);
        let (weights, weight_gradient) = rest.split_at_mut(repeated);
        [input, gradient, weights, weight_gradient]
    }

    fn convolve<T: Real>(&self, input: &[T], repeated: &[T], output: &mut [T]) {
        let run = self.run();
        output.fill(T::ZERO);
        vectorized(
            #[inline(always)]
            || {
                self.for_each_run(
                    #[inline(always)]
                    |from, to, tap| {
                        let values = input[from..][..run].iter().zip(&repeated[tap * run..][..run]);
                        for (sum, (&value, &weight)) in output[to..][..run].iter_mut().zip(values) {
                            *sum += value * weight;
                        }
                    },
                );
            },
        );
    }

    fn add_weight_gradient<T: Real>(&self, input: &[T], gradient: &[T], repeated: &mut [T]) {
        let run = self.run();
        vectorized(
            #[inline(always)]
            || {
                self.for_each_run(
                    #[inline(always)]
                    |from, to, tap| {
                        let values = input[from..][..run].iter().zip(&gradient[to..][..run]);
                        let sums = &mut repeated[tap * run..][..run];
                        for (sum, (&value, &gradient)) in sums.iter_mut().zip(values) {
                            *sum += value * gradient;
                        }
                    },
                );
            },
        );
    }

    fn add_input_gradient<T: Real>(&self, gradient: &[T], repeated: &[T], target: &mut [T]) {
        let run = self.run();
        vectorized(
            #[inline(always)]
            || {
                self.for_each_run(
                    #[inline(always)]
                    |from, to, tap| {
                        let values =
                            gradient[to..][..run].iter().zip(&repeated[tap * run..][..run]);
                        for (sum, (&gradient, &weight)) in
                            target[from..][..run].iter_mut().zip(values)
                        {
                            *sum += gradient * weight;
                        }
                    },
                );
            },
        );
    }
}

impl<T: Real> Layer<T> for DepthwiseConv2d {
    fn sizes(&self) -> Sizes {
        let repeated = self.window.taps() * self.run();
        Sizes {
            input: self.frame.map.len(),
            output: self.output.len(),
            weights: self.window.taps() * self.output.c,
            bias: if self.biased { self.output.c } else { 0 },
            scratch: 2 * self.frame.len() + 2 * repeated,
            kernels: self.output.c,
            ..Sizes::default()
        }
    }

    fn forward(&self, pass: Forward<'_, T>) {
        let [framed, _, repeated, _] = self.cut(pass.scratch);
        framed.fill(T::ZERO);
        self.repeat(pass.weights, repeated);
        let inputs = pass.inputs[0].chunks_exact(self.frame.map.len());
        for (input, output) in inputs.zip(pass.output.chunks_exact_mut(self.output.len())) {
            self.convolve(self.frame.put(input, framed), repeated, output);
            elementwise::add_bias(output, pass.bias, self.relu);
        }
    }

    fn backward(&self, pass: Backward<'_, T>) {
        if self.relu {
            elementwise::mask_by_relu(pass.output_gradient, pass.output);
        }
        elementwise::add_positions(pass.bias_gradient, pass.output_gradient);
        let [framed, framed_gradient, repeated, repeated_gradient] = self.cut(pass.scratch);
        framed.fill(T::ZERO);
        repeated_gradient.fill(T::ZERO);
        self.repeat(pass.weights, repeated);
        let map = self.frame.map.len();
        let mut input_gradient = pass.input_gradients[0].as_deref_mut();
        let gradients = pass.output_gradient.chunks_exact(self.output.len());
        for (index, (input, gradient)) in
            pass.inputs[0].chunks_exact(map).zip(gradients).enumerate()
        {
            self.add_weight_gradient(self.frame.put(input, framed), gradient, repeated_gradient);
            let Some(target) = input_gradient.as_deref_mut() else { continue };
            let target = &mut target[index * map..][..map];
            if self.frame.len() > 0 {
                framed_gradient.fill(T::ZERO);
                self.add_input_gradient(gradient, repeated, framed_gradient);
                self.frame.crop(framed_gradient, target);
            } else {
                target.fill(T::ZERO);
                self.add_input_gradient(gradient, repeated, target);
            }
        }
        let taps = pass.weight_gradient.chunks_exact_mut(self.output.c);
        for (tap, repeated) in taps.zip(repeated_gradient.chunks_exact(self.run())) {
            elementwise::add_positions(tap, repeated);
        }
    }
}
