//! Batch normalization: every channel with mean 0 and variance 1 over the batch, then scaled and moved, then clamped by
//! the ReLU. Weights `[c]` are the scales, bias `[c]` the offsets.
//!
//! On the device it is part of the convolution before it, with averages over many batches in place of the batch's own
//! mean and variance.

use crate::engine::elementwise::{mask_by_relu, vectorized};
use crate::engine::layer::{Backward, Forward, Layer, OverBatch, Sizes};
use crate::engine::real::Real;

/// Added to a normalization's variance: guards against division by the root of 0.
pub const EPSILON: f64 = 1e-3;
/// Share of a new batch in the running averages.
const RUNNING_SHARE: f64 = 0.05;

pub(crate) struct BatchNorm {
    pub positions: usize,
    pub channels: usize,
    pub relu: bool,
}

impl BatchNorm {
    fn count(&self, pictures: usize) -> f64 {
        (pictures * self.positions) as f64
    }
}

impl<T: Real> Layer<T> for BatchNorm {
    fn sizes(&self) -> Sizes {
        let (map, channels) = (self.positions * self.channels, self.channels);
        Sizes {
            input: map,
            output: map,
            weights: channels,
            bias: channels,
            batch_sums: 2 * channels,
            batch: 4 * channels,
            scratch: 3 * channels,
            ..Sizes::default()
        }
    }

    fn over_batch(&self) -> Option<&dyn OverBatch<T>> {
        Some(self)
    }

    /// `input * a + b`, where `a = scale / deviation` and `b = offset - mean * a`.
    fn forward(&self, pass: Forward<'_, T>) {
        let (mean, inverse) = pass.batch[..2 * self.channels].split_at(self.channels);
        let (a, b) = pass.scratch[..2 * self.channels].split_at_mut(self.channels);
        for (channel, (a, b)) in a.iter_mut().zip(b.iter_mut()).enumerate() {
            *a = pass.weights[channel] * inverse[channel];
            *b = pass.bias[channel] - mean[channel] * *a;
        }
        let (a, b, relu) = (&*a, &*b, self.relu);
        vectorized(
            #[inline(always)]
            || {
                let inputs = pass.inputs[0].chunks_exact(a.len());
                for (output, input) in pass.output.chunks_exact_mut(a.len()).zip(inputs) {
                    for (((output, &input), &a), &b) in output.iter_mut().zip(input).zip(a).zip(b) {
                        let value = input * a + b;
                        *output = if relu && value < T::ZERO { T::ZERO } else { value };
                    }
                }
            },
        );
    }

    /// With `g` the output's gradient and `n` the normalized input:
    /// `scale / deviation * (g - mean(g) - n * mean(g * n))`, as `g * a + input * b + c`.
    fn backward(&self, pass: Backward<'_, T>) {
        let channels = self.channels;
        let Some(input_gradient) = pass.input_gradients[0].as_deref_mut() else { return };
        let [mean, inverse, mean_g, mean_gn] = quarters(pass.batch, channels);
        let (a, rest) = pass.scratch.split_at_mut(channels);
        let (b, c) = rest.split_at_mut(channels);
        for channel in 0..channels {
            a[channel] = pass.weights[channel] * inverse[channel];
            b[channel] = -(a[channel] * inverse[channel] * mean_gn[channel]);
            c[channel] = -(a[channel] * mean_g[channel] + b[channel] * mean[channel]);
        }
        let (a, b, c) = (&*a, &*b, &*c);
        vectorized(
            #[inline(always)]
            || {
                let sources = pass.inputs[0].chunks_exact(channels);
                let sources = sources.zip(pass.output_gradient.chunks_exact(channels));
                for (target, (input, gradient)) in
                    input_gradient.chunks_exact_mut(channels).zip(sources)
                {
                    let sources = input.iter().zip(gradient);
                    let factors = a.iter().zip(b).zip(c);
                    for ((target, (&input, &gradient)), ((&a, &b), &c)) in
                        target.iter_mut().zip(sources).zip(factors)
                    {
                        *target = gradient * a + input * b + c;
                    }
                }
            },
        );
    }
}

impl<T: Real> OverBatch<T> for BatchNorm {
    /// Sums and sums of squares.
    fn sum_forward(&self, input: &[T], sums: &mut [f64]) {
        let (map, channels) = (self.positions * self.channels, self.channels);
        let mut part = vec![T::ZERO; 2 * channels];
        sums.fill(0.0);
        for picture in input.chunks_exact(map) {
            let (sum, squares) = part.split_at_mut(channels);
            vectorized(
                #[inline(always)]
                || {
                    for position in picture.chunks_exact(channels) {
                        for ((sum, squares), &value) in
                            sum.iter_mut().zip(squares.iter_mut()).zip(position)
                        {
                            *sum += value;
                            *squares += value * value;
                        }
                    }
                },
            );
            drain(&mut part, sums);
        }
    }

    fn finish_forward(&self, pictures: usize, sums: &[f64], batch: &mut [T], running: &mut [T]) {
        let (count, channels) = (self.count(pictures), self.channels);
        for channel in 0..channels {
            let mean = sums[channel] / count;
            let variance = (sums[channels + channel] / count - mean * mean).max(0.0);
            batch[channel] = T::from_f64(mean);
            batch[channels + channel] = T::from_f64(1.0 / (variance + EPSILON).sqrt());
            follow(&mut running[channel], mean);
            follow(&mut running[channels + channel], variance);
        }
    }

    /// Sums of the gradient and of gradient times normalized input, which are the gradients by offset and scale too.
    fn sum_backward(&self, pass: Backward<'_, T>, sums: &mut [f64]) {
        if self.relu {
            mask_by_relu(pass.output_gradient, pass.output);
        }
        let (map, channels) = (self.positions * self.channels, self.channels);
        let [mean, inverse, ..] = quarters(pass.batch, channels);
        let mut part = vec![T::ZERO; 2 * channels];
        sums.fill(0.0);
        let pictures = pass.inputs[0].chunks_exact(map).zip(pass.output_gradient.chunks_exact(map));
        for (inputs, gradients) in pictures {
            let (sum, products) = part.split_at_mut(channels);
            vectorized(
                #[inline(always)]
                || {
                    let positions = inputs.chunks_exact(channels);
                    for (input, gradient) in positions.zip(gradients.chunks_exact(channels)) {
                        let sums = sum.iter_mut().zip(products.iter_mut());
                        let values = input.iter().zip(gradient).zip(mean);
                        for ((sum, product), ((&input, &gradient), &mean)) in sums.zip(values) {
                            *sum += gradient;
                            *product += gradient * (input - mean);
                        }
                    }
                },
            );
            for (product, &inverse) in products.iter_mut().zip(inverse) {
                *product *= inverse;
            }
            drain(&mut part, sums);
        }
        let (sum, products) = sums.split_at(channels);
        add(pass.bias_gradient, sum);
        add(pass.weight_gradient, products);
    }

    fn finish_backward(&self, pictures: usize, sums: &[f64], batch: &mut [T]) {
        let count = self.count(pictures);
        for (mean, sum) in batch[2 * self.channels..].iter_mut().zip(sums) {
            *mean = T::from_f64(sum / count);
        }
    }

    fn fixed(&self, running: &[T], batch: &mut [T]) {
        let (mean, variance) = running.split_at(self.channels);
        batch[..self.channels].copy_from_slice(mean);
        for (inverse, variance) in batch[self.channels..].iter_mut().zip(variance) {
            *inverse = T::from_f64(1.0 / (variance.to_f64() + EPSILON).sqrt());
        }
    }
}

fn follow<T: Real>(running: &mut T, now: f64) {
    let old = running.to_f64();
    *running = T::from_f64(old + (now - old) * RUNNING_SHARE);
}

/// Mean, one over the deviation, and the two means of the way back.
fn quarters<T>(batch: &[T], channels: usize) -> [&[T]; 4] {
    std::array::from_fn(|part| &batch[part * channels..][..channels])
}

/// Moves a picture's sums, short enough for `T`, to those of many pictures.
fn drain<T: Real>(part: &mut [T], sums: &mut [f64]) {
    for (part, sum) in part.iter_mut().zip(sums) {
        *sum += part.to_f64();
        *part = T::ZERO;
    }
}

fn add<T: Real>(target: &mut [T], values: &[f64]) {
    for (target, &value) in target.iter_mut().zip(values) {
        *target += T::from_f64(value);
    }
}
