//! Average pool: the mean of each window; over the whole map it is the global one.

use super::max_pool2d::PoolGeometry;
use crate::engine::elementwise::vectorized;
use crate::engine::layer::{Backward, Forward, Layer, Sizes};
use crate::engine::real::Real;
use thumbnet_graph::{Shape, Window};

pub(crate) struct AveragePool2d {
    geometry: PoolGeometry,
    taps: usize,
}

impl AveragePool2d {
    pub fn new(input: Shape, window: Window) -> Self {
        Self { geometry: PoolGeometry::new(input, window), taps: window.taps() }
    }

    fn share<T: Real>(&self) -> T {
        T::from_f64(1.0 / self.taps as f64)
    }
}

impl<T: Real> Layer<T> for AveragePool2d {
    fn sizes(&self) -> Sizes {
        let (input, output) = (self.geometry.input.len(), self.geometry.output.len());
        Sizes { input, output, ..Sizes::default() }
    }

    fn forward(&self, pass: Forward<'_, T>) {
        let (input, output) = (self.geometry.input.len(), self.geometry.output.len());
        let inputs = pass.inputs[0].chunks_exact(input);
        for (input, output) in inputs.zip(pass.output.chunks_exact_mut(output)) {
            self.average(input, output);
        }
    }

    fn backward(&self, pass: Backward<'_, T>) {
        let Some(input_gradient) = pass.input_gradients[0].as_deref_mut() else { return };
        let (input, output) = (self.geometry.input.len(), self.geometry.output.len());
        let inputs = input_gradient.chunks_exact_mut(input);
        for (input, output) in inputs.zip(pass.output_gradient.chunks_exact(output)) {
            self.spread(output, input);
        }
    }
}

impl AveragePool2d {
    fn average<T: Real>(&self, input: &[T], output: &mut [T]) {
        let (c, share) = (self.geometry.input.c, self.share::<T>());
        vectorized(
            #[inline(always)]
            || {
                self.geometry.for_each_window(
                    #[inline(always)]
                    |start, at| {
                        let output = &mut output[at..][..c];
                        output.fill(T::ZERO);
                        for tap in 0..self.taps {
                            let values = &input[start + self.geometry.tap_offset(tap)..][..c];
                            for (sum, &value) in output.iter_mut().zip(values) {
                                *sum += value;
                            }
                        }
                        for sum in output {
                            *sum *= share;
                        }
                    },
                )
            },
        );
    }

    fn spread<T: Real>(&self, output_gradient: &[T], input_gradient: &mut [T]) {
        let (c, share) = (self.geometry.input.c, self.share::<T>());
        input_gradient.fill(T::ZERO);
        vectorized(
            #[inline(always)]
            || {
                self.geometry.for_each_window(
                    #[inline(always)]
                    |start, at| {
                        for tap in 0..self.taps {
                            let target =
                                &mut input_gradient[start + self.geometry.tap_offset(tap)..][..c];
                            for (target, &gradient) in
                                target.iter_mut().zip(&output_gradient[at..][..c])
                            {
                                *target += gradient * share;
                            }
                        }
                    },
                )
            },
        );
    }
}
