//! What a batch normalization is once it is part of the convolution before it: the bias, and the ReLU.

use crate::engine::elementwise;
use crate::engine::layer::{Backward, Forward, Layer, Sizes};
use crate::engine::real::Real;

pub(crate) struct Offset {
    pub size: usize,
    pub channels: usize,
    pub relu: bool,
}

impl<T: Real> Layer<T> for Offset {
    /// The weights, scales of 1, stay as they are.
    fn sizes(&self) -> Sizes {
        let (weights, bias) = (self.channels, self.channels);
        Sizes { input: self.size, output: self.size, weights, bias, ..Sizes::default() }
    }

    fn forward(&self, pass: Forward<'_, T>) {
        pass.output.copy_from_slice(pass.inputs[0]);
        elementwise::add_bias(pass.output, pass.bias, self.relu);
    }

    fn backward(&self, pass: Backward<'_, T>) {
        if self.relu {
            elementwise::mask_by_relu(pass.output_gradient, pass.output);
        }
        elementwise::add_positions(pass.bias_gradient, pass.output_gradient);
        if let Some(input_gradient) = pass.input_gradients[0].as_deref_mut() {
            input_gradient.copy_from_slice(pass.output_gradient);
        }
    }
}
