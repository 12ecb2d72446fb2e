//! Values forgotten at random while learning; what is kept grows, so that sums stay alike.

use crate::engine::layer::{Backward, Forward, Layer, Sizes};
use crate::engine::real::Real;
use thumbnet_data::Random;

pub(crate) struct Dropout {
    pub size: usize,
    pub rate: f64,
}

impl Dropout {
    fn growth<T: Real>(&self) -> T {
        T::from_f64(1.0 / (1.0 - self.rate))
    }
}

impl<T: Real> Layer<T> for Dropout {
    fn sizes(&self) -> Sizes {
        Sizes { input: self.size, output: self.size, choices: self.size, ..Sizes::default() }
    }

    fn forward(&self, pass: Forward<'_, T>) {
        let input = pass.inputs[0];
        let Some(noise) = pass.noise else {
            pass.output.copy_from_slice(input);
            return;
        };
        let mut random = Random::new(noise.seed, noise.stream);
        let growth = self.growth();
        for ((output, choice), &value) in pass.output.iter_mut().zip(pass.choices).zip(input) {
            *choice = u8::from(random.between(0.0, 1.0) >= self.rate);
            *output = if *choice == 1 { value * growth } else { T::ZERO };
        }
    }

    fn backward(&self, pass: Backward<'_, T>) {
        let Some(input_gradient) = pass.input_gradients[0].as_deref_mut() else { return };
        let growth = self.growth();
        let sources = pass.output_gradient.iter().zip(pass.choices);
        for (target, (&gradient, &choice)) in input_gradient.iter_mut().zip(sources) {
            *target = if choice == 1 { gradient * growth } else { T::ZERO };
        }
    }
}
