//! Convolution, with the ReLU and the max pool that follow it. Weights `[kh, kw, ic / groups, oc]`.
//!
//! One picture at a time, so that its maps stay in the nearest cache. Where a pool follows, the map of sums exists
//! for one picture only, and rows and columns that no window reads are never computed: pooling the sums
//! and then adding bias and clamping gives the same values as the other order.

mod products;

use super::max_pool2d::PoolGeometry;
use crate::engine::elementwise;
use crate::engine::layer::{Backward, Forward, Layer, Sizes};
use crate::engine::real::Real;
use products::Products;
use thumbnet_graph::{Shape, Window};

/// What is summed.
pub(crate) struct Sums {
    pub window: Window,
    pub groups: usize,
    pub filters: usize,
}

/// What follows the sums.
pub(crate) struct After {
    pub biased: bool,
    pub relu: bool,
    pub pool: Option<Window>,
}

pub(crate) struct Conv2d {
    products: Products,
    biased: bool,
    relu: bool,
    pool: Option<PoolGeometry>,
}

impl Conv2d {
    /// # Panics
    /// If the windows do not fit, which the plan has checked.
    pub fn new(input: Shape, sums: Sums, after: After) -> Self {
        let [h, w] = sums.window.positions(input.h, input.w).expect("the plan checked the window");
        let mut map = Shape::new(h, w, sums.filters);
        let pool = after.pool.map(|pool| {
            let [rows, columns] = pool.positions(h, w).expect("the plan checked the pool");
            map.h = (rows - 1) * pool.stride[0] + pool.kernel[0];
            map.w = (columns - 1) * pool.stride[1] + pool.kernel[1];
            PoolGeometry::new(map, pool)
        });
        let products = Products::new(input, sums.window, sums.groups, map);
        Self { products, biased: after.biased, relu: after.relu, pool }
    }

    fn output(&self) -> usize {
        self.pool.map_or(self.products.sums.len(), |pool| pool.output.len())
    }

    /// Cuts scratch into the framed input, its gradient, the framed gradient of the sums and the map of sums.
    fn cut<'a, T>(&self, scratch: &'a mut [T]) -> [&'a mut [T]; 4] {
        let (framed, framed_sums) = (self.products.input.len(), self.products.sums_frame().len());
        let (input, rest) = scratch.split_at_mut(framed);
        let (gradient, rest) = rest.split_at_mut(framed);
        let (sums_gradient, sums) = rest.split_at_mut(framed_sums);
        [input, gradient, sums_gradient, sums]
    }
}

impl<T: Real> Layer<T> for Conv2d {
    fn sizes(&self) -> Sizes {
        let Products { input, sums, .. } = &self.products;
        let unpooled = if self.pool.is_some() { sums.len() } else { 0 };
        let output = self.output();
        Sizes {
            input: input.map.len(),
            output,
            weights: self.products.weights(),
            bias: if self.biased { sums.c } else { 0 },
            transposed: self.products.weights(),
            choices: if self.pool.is_some() { output } else { 0 },
            scratch: 2 * input.len() + self.products.sums_frame().len() + unpooled,
            kernels: sums.c,
            ..Sizes::default()
        }
    }

    fn forward(&self, pass: Forward<'_, T>) {
        let size = self.output();
        let [framed, _, _, sums] = self.cut(pass.scratch);
        framed.fill(T::ZERO);
        let inputs = pass.inputs[0].chunks_exact(self.products.input.map.len());
        for (index, (input, output)) in inputs.zip(pass.output.chunks_exact_mut(size)).enumerate() {
            let input = self.products.input.put(input, framed);
            if let Some(pool) = &self.pool {
                let sums = &mut sums[..self.products.sums.len()];
                self.products.convolve(input, pass.weights, sums);
                pool.forward(sums, output, &mut pass.choices[index * size..][..size]);
            } else {
                self.products.convolve(input, pass.weights, output);
            }
            elementwise::add_bias(output, pass.bias, self.relu);
        }
    }

    fn backward(&self, pass: Backward<'_, T>) {
        if self.relu {
            elementwise::mask_by_relu(pass.output_gradient, pass.output);
        }
        elementwise::add_positions(pass.bias_gradient, pass.output_gradient);
        let (size, map) = (self.output(), self.products.input.map.len());
        let [framed, framed_gradient, framed_sums, sums] = self.cut(pass.scratch);
        framed.fill(T::ZERO);
        framed_sums.fill(T::ZERO);
        let mut input_gradient = pass.input_gradients[0].as_deref_mut();
        for (index, input) in pass.inputs[0].chunks_exact(map).enumerate() {
            let input = self.products.input.put(input, framed);
            let gradient = &pass.output_gradient[index * size..][..size];
            let gradient = if let Some(pool) = &self.pool {
                let sums = &mut sums[..self.products.sums.len()];
                pool.backward(gradient, &pass.choices[index * size..][..size], sums);
                &*sums
            } else {
                gradient
            };
            self.products.add_weight_gradient(input, gradient, pass.weight_gradient);
            let Some(target) = input_gradient.as_deref_mut() else { continue };
            let target = &mut target[index * map..][..map];
            let rooms = (&mut *framed_sums, &mut *framed_gradient);
            self.products.input_gradient(gradient, pass.transposed, target, rooms);
        }
    }

    fn transpose(&self, weights: &[T], transposed: &mut [T]) {
        self.products.transpose(weights, transposed);
    }
}
