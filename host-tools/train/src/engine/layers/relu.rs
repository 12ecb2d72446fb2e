//! A ReLU on its own, where no convolution or dense layer takes it in.

use crate::engine::elementwise;
use crate::engine::layer::{Backward, Forward, Layer, Sizes};
use crate::engine::real::Real;

pub(crate) struct Relu {
    pub size: usize,
}

impl<T: Real> Layer<T> for Relu {
    fn sizes(&self) -> Sizes {
        Sizes { input: self.size, output: self.size, ..Sizes::default() }
    }

    fn forward(&self, pass: Forward<'_, T>) {
        elementwise::relu(pass.inputs[0], pass.output);
    }

    fn backward(&self, pass: Backward<'_, T>) {
        elementwise::mask_by_relu(pass.output_gradient, pass.output);
        if let Some(input_gradient) = pass.input_gradients[0].as_deref_mut() {
            input_gradient.copy_from_slice(pass.output_gradient);
        }
    }
}
