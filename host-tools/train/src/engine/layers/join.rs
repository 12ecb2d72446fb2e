//! Where paths meet: the sum of two maps, or several side by side.

use crate::engine::elementwise;
use crate::engine::layer::{Backward, Forward, Layer, Sizes};
use crate::engine::real::Real;

/// The sum of two maps.
pub(crate) struct Add {
    pub size: usize,
    pub relu: bool,
}

impl<T: Real> Layer<T> for Add {
    fn sizes(&self) -> Sizes {
        Sizes { input: 2 * self.size, output: self.size, ..Sizes::default() }
    }

    fn forward(&self, pass: Forward<'_, T>) {
        elementwise::sum(pass.inputs[0], pass.inputs[1], pass.output, self.relu);
    }

    fn backward(&self, pass: Backward<'_, T>) {
        if self.relu {
            elementwise::mask_by_relu(pass.output_gradient, pass.output);
        }
        for gradient in pass.input_gradients.iter_mut().flatten() {
            gradient.copy_from_slice(pass.output_gradient);
        }
    }
}

/// Maps of the same rows and columns, channels beside channels.
pub(crate) struct Concat {
    /// Rows times columns.
    pub positions: usize,
    /// Of each map.
    pub channels: Vec<usize>,
}

impl Concat {
    /// Where each map's channels begin among all, and how many they are.
    fn parts(&self) -> impl Iterator<Item = (usize, usize)> {
        self.channels.iter().scan(0, |next, &channels| {
            let first = *next;
            *next += channels;
            Some((first, channels))
        })
    }
}

impl<T: Real> Layer<T> for Concat {
    fn sizes(&self) -> Sizes {
        let size = self.positions * self.channels.iter().sum::<usize>();
        Sizes { input: size, output: size, ..Sizes::default() }
    }

    fn forward(&self, pass: Forward<'_, T>) {
        let all: usize = self.channels.iter().sum();
        for (input, (first, channels)) in pass.inputs.iter().zip(self.parts()) {
            let positions = pass.output.chunks_exact_mut(all);
            for (output, input) in positions.zip(input.chunks_exact(channels)) {
                output[first..][..channels].copy_from_slice(input);
            }
        }
    }

    fn backward(&self, pass: Backward<'_, T>) {
        let all: usize = self.channels.iter().sum();
        for (gradient, (first, channels)) in pass.input_gradients.iter_mut().zip(self.parts()) {
            let Some(gradient) = gradient else { continue };
            let positions = pass.output_gradient.chunks_exact(all);
            for (target, source) in gradient.chunks_exact_mut(channels).zip(positions) {
                target.copy_from_slice(&source[first..][..channels]);
            }
        }
    }
}
