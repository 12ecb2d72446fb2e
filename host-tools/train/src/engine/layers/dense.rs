//! Dense layer: every output from every input. Weights `[inputs, units]`.

use crate::engine::elementwise;
use crate::engine::layer::{Backward, Forward, Layer, Sizes};
use crate::engine::product::{AStrides, BStrides, Product};
use crate::engine::real::Real;

pub(crate) struct Dense {
    pub inputs: usize,
    pub units: usize,
    pub relu: bool,
}

impl<T: Real> Layer<T> for Dense {
    fn sizes(&self) -> Sizes {
        Sizes {
            input: self.inputs,
            output: self.units,
            weights: self.inputs * self.units,
            bias: self.units,
            transposed: self.inputs * self.units,
            gradient_by_batch: true,
            kernels: self.units,
            ..Sizes::default()
        }
    }

    fn forward(&self, pass: Forward<'_, T>) {
        let product = pictures_by_matrix(pass.pictures, self.inputs, self.units);
        product.run(pass.inputs[0], pass.weights, pass.output);
        elementwise::add_bias(pass.output, pass.bias, self.relu);
    }

    fn backward(&self, pass: Backward<'_, T>) {
        if self.relu {
            elementwise::mask_by_relu(pass.output_gradient, pass.output);
        }
        elementwise::add_positions(pass.bias_gradient, pass.output_gradient);
        if let Some(input_gradient) = pass.input_gradients[0].as_deref_mut() {
            let product = pictures_by_matrix(pass.pictures, self.units, self.inputs);
            product.run(pass.output_gradient, pass.transposed, input_gradient);
        }
    }

    fn transpose(&self, weights: &[T], transposed: &mut [T]) {
        transpose(weights, self.units, transposed);
    }
}

/// The weights' gradient over a whole batch: `gradient` is `[rows, units]`, for the inputs from `first` on.
/// `inputs` is a matrix `[pictures, size]` given as `(values, size, first)`, `output_gradients` is
/// `[pictures, units]`.
pub(crate) fn weight_gradient<T: Real>(
    (inputs, size, first): (&[T], usize, usize),
    output_gradients: &[T],
    units: usize,
    gradient: &mut [T],
    accumulate: bool,
) {
    let product = Product {
        rows: gradient.len() / units,
        columns: units,
        runs: 1,
        steps: output_gradients.len() / units,
        a: AStrides { row: 1, run: 0, step: size },
        b: BStrides { run: 0, step: units },
        c_row: units,
        accumulate,
    };
    product.run(&inputs[first..], output_gradients, gradient);
}

/// `[rows, columns]` to `[columns, rows]`.
pub(crate) fn transpose<T: Real>(matrix: &[T], columns: usize, transposed: &mut [T]) {
    let rows = matrix.len() / columns;
    // In blocks, so that a cache line of the source is used up before it is evicted.
    const BLOCK: usize = 16;
    for first in (0..rows).step_by(BLOCK) {
        let last = (first + BLOCK).min(rows);
        for column in 0..columns {
            let target = &mut transposed[column * rows..][first..last];
            for (target, row) in target.iter_mut().zip(first..) {
                *target = matrix[row * columns + column];
            }
        }
    }
}

/// `[pictures, from]` by `[from, to]`.
fn pictures_by_matrix(pictures: usize, from: usize, to: usize) -> Product {
    Product {
        rows: pictures,
        columns: to,
        runs: 1,
        steps: from,
        a: AStrides { row: from, run: 0, step: 1 },
        b: BStrides { run: 0, step: to },
        c_row: to,
        accumulate: false,
    }
}
