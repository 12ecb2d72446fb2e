//! Convolution, with the ReLU and the max pool that follow it. Weights `[kh, kw, ic, oc]`.
//!
//! One picture at a time, so that its maps stay in the nearest cache. Where a pool follows, the map of sums exists
//! for one picture only, and rows and columns that no window reads are never computed: pooling the sums
//! and then adding bias and clamping gives the same values as the other order.

use super::dense::transpose;
use super::max_pool2d::PoolGeometry;
use crate::engine::elementwise;
use crate::engine::layer::{Backward, Forward, Layer, Sizes};
use crate::engine::product::{AStrides, BStrides, Product};
use crate::engine::real::Real;
use thumbnet_graph::{Shape, Window};

pub(crate) struct Conv2d {
    input: Shape,
    /// The input with its border of zeros.
    padded: Shape,
    window: Window,
    /// The sums that are computed: all, or those that the pool reads.
    sums: Shape,
    relu: bool,
    pool: Option<PoolGeometry>,
}

impl Conv2d {
    /// # Panics
    /// If the windows do not fit, which the plan has checked.
    pub fn new(
        input: Shape,
        window: Window,
        filters: usize,
        relu: bool,
        pool: Option<Window>,
    ) -> Self {
        let [h, w] = window.positions(input.h, input.w).expect("the plan checked the window");
        let border = window.padding;
        let padded = Shape::new(
            border.top + input.h + border.bottom,
            border.left + input.w + border.right,
            input.c,
        );
        let mut sums = Shape::new(h, w, filters);
        let pool = pool.map(|pool| {
            let [rows, columns] = pool.positions(h, w).expect("the plan checked the pool");
            sums.h = (rows - 1) * pool.stride[0] + pool.kernel[0];
            sums.w = (columns - 1) * pool.stride[1] + pool.kernel[1];
            PoolGeometry::new(sums, pool)
        });
        Self { input, padded, window, sums, relu, pool }
    }

    fn output(&self) -> Shape {
        self.pool.map_or(self.sums, |pool| pool.output)
    }

    fn is_padded(&self) -> bool {
        self.padded != self.input
    }

    /// Cuts scratch into the padded input, its gradient and the map of sums.
    fn cut<'a, T>(&self, scratch: &'a mut [T]) -> (&'a mut [T], &'a mut [T], &'a mut [T]) {
        let padded = if self.is_padded() { self.padded.len() } else { 0 };
        let (input, rest) = scratch.split_at_mut(padded);
        let (gradient, sums) = rest.split_at_mut(padded);
        (input, gradient, sums)
    }

    /// The picture within its border of zeros, which `padded` already has; itself if there is no border.
    fn framed<'a, T: Real>(&self, picture: &'a [T], padded: &'a mut [T]) -> &'a [T] {
        if !self.is_padded() {
            return picture;
        }
        self.for_each_row(|at, padded_at, len| {
            padded[padded_at..][..len].copy_from_slice(&picture[at..][..len]);
        });
        padded
    }

    /// The inverse of `framed`.
    fn crop<T: Real>(&self, padded: &[T], target: &mut [T]) {
        self.for_each_row(|at, padded_at, len| {
            target[at..][..len].copy_from_slice(&padded[padded_at..][..len]);
        });
    }

    fn for_each_row(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let (len, padded_len) = (self.input.w * self.input.c, self.padded.w * self.padded.c);
        let border = self.window.padding;
        for y in 0..self.input.h {
            visit(y * len, (y + border.top) * padded_len + border.left * self.input.c, len);
        }
    }

    /// `sums[y, x, :] = Σ input[y * sy + i, x * sx + j, ic] * weights[i, j, ic, :]`: one product a row.
    fn convolve<T: Real>(&self, input: &[T], weights: &[T], sums: &mut [T]) {
        let ([kh, kw], [sy, sx]) = (self.window.kernel, self.window.stride);
        let (ic, oc) = (self.input.c, self.sums.c);
        let row = self.padded.w * ic;
        let product = Product {
            rows: self.sums.w,
            columns: oc,
            runs: kh,
            steps: kw * ic,
            a: AStrides { row: sx * ic, run: row, step: 1 },
            b: BStrides { run: kw * ic * oc, step: oc },
            c_row: oc,
            accumulate: false,
        };
        for (y, sums) in sums.chunks_exact_mut(self.sums.w * oc).enumerate() {
            product.run(&input[y * sy * row..], weights, sums);
        }
    }

    /// `gradient[i, j, ic, :] += Σ input[y * sy + i, x * sx + j, ic] * sums_gradient[y, x, :]`: one
    /// product a row of the kernel.
    fn add_weight_gradient<T: Real>(&self, input: &[T], sums_gradient: &[T], gradient: &mut [T]) {
        let ([_, kw], [sy, sx]) = (self.window.kernel, self.window.stride);
        let (ic, oc) = (self.input.c, self.sums.c);
        let row = self.padded.w * ic;
        let product = Product {
            rows: kw * ic,
            columns: oc,
            runs: self.sums.h,
            steps: self.sums.w,
            a: AStrides { row: 1, run: sy * row, step: sx * ic },
            b: BStrides { run: self.sums.w * oc, step: oc },
            c_row: oc,
            accumulate: true,
        };
        for (i, gradient) in gradient.chunks_exact_mut(kw * ic * oc).enumerate() {
            product.run(&input[i * row..], sums_gradient, gradient);
        }
    }

    /// `gradient[y * sy + i, x * sx + j, :] += Σ sums_gradient[y, x, oc] * transposed[i, j, oc, :]`: one product
    /// a row and tap.
    fn add_input_gradient<T: Real>(
        &self,
        sums_gradient: &[T],
        transposed: &[T],
        gradient: &mut [T],
    ) {
        let ([_, kw], [sy, sx]) = (self.window.kernel, self.window.stride);
        let (ic, oc) = (self.input.c, self.sums.c);
        let product = Product {
            rows: self.sums.w,
            columns: ic,
            runs: 1,
            steps: oc,
            a: AStrides { row: oc, run: 0, step: 1 },
            b: BStrides { run: 0, step: ic },
            c_row: sx * ic,
            accumulate: true,
        };
        for (tap, weights) in transposed.chunks_exact(oc * ic).enumerate() {
            let (i, j) = (tap / kw, tap % kw);
            for (y, sums_gradient) in sums_gradient.chunks_exact(self.sums.w * oc).enumerate() {
                let at = ((y * sy + i) * self.padded.w + j) * ic;
                product.run(sums_gradient, weights, &mut gradient[at..]);
            }
        }
    }
}

impl<T: Real> Layer<T> for Conv2d {
    fn sizes(&self) -> Sizes {
        let [kh, kw] = self.window.kernel;
        let weights = kh * kw * self.input.c * self.sums.c;
        let padded = if self.is_padded() { 2 * self.padded.len() } else { 0 };
        let sums = if self.pool.is_some() { self.sums.len() } else { 0 };
        let output = self.output().len();
        Sizes {
            input: self.input.len(),
            output,
            weights,
            bias: self.sums.c,
            transposed: weights,
            choices: if self.pool.is_some() { output } else { 0 },
            scratch: padded + sums,
            gradient_by_batch: false,
        }
    }

    fn forward(&self, pass: Forward<'_, T>) {
        let output_len = self.output().len();
        let (padded, _, sums) = self.cut(pass.scratch);
        padded.fill(T::ZERO);
        let inputs = pass.input.chunks_exact(self.input.len());
        for (index, (input, output)) in
            inputs.zip(pass.output.chunks_exact_mut(output_len)).enumerate()
        {
            let input = self.framed(input, padded);
            if let Some(pool) = &self.pool {
                let sums = &mut sums[..self.sums.len()];
                self.convolve(input, pass.weights, sums);
                let choices = &mut pass.choices[index * output_len..][..output_len];
                pool.forward(sums, output, choices);
            } else {
                self.convolve(input, pass.weights, output);
            }
            elementwise::add_bias(output, pass.bias, self.relu);
        }
    }

    fn backward(&self, mut pass: Backward<'_, T>) {
        if self.relu {
            elementwise::mask_by_relu(pass.output_gradient, pass.output);
        }
        elementwise::add_positions(pass.bias_gradient, pass.output_gradient);
        let output_len = self.output().len();
        let (padded, padded_gradient, sums) = self.cut(pass.scratch);
        padded.fill(T::ZERO);
        for index in 0..pass.pictures {
            let input = &pass.input[index * self.input.len()..][..self.input.len()];
            let input = self.framed(input, padded);
            let gradient = &pass.output_gradient[index * output_len..][..output_len];
            let gradient = if let Some(pool) = &self.pool {
                let sums = &mut sums[..self.sums.len()];
                pool.backward(gradient, &pass.choices[index * output_len..][..output_len], sums);
                &*sums
            } else {
                gradient
            };
            self.add_weight_gradient(input, gradient, pass.weight_gradient);
            let Some(input_gradient) = pass.input_gradient.as_deref_mut() else { continue };
            let target = &mut input_gradient[index * self.input.len()..][..self.input.len()];
            if self.is_padded() {
                padded_gradient.fill(T::ZERO);
                self.add_input_gradient(gradient, pass.transposed, padded_gradient);
                self.crop(padded_gradient, target);
            } else {
                target.fill(T::ZERO);
                self.add_input_gradient(gradient, pass.transposed, target);
            }
        }
    }

    /// Each tap's `[ic, oc]` to `[oc, ic]`.
    fn transpose(&self, weights: &[T], transposed: &mut [T]) {
        let tap = self.input.c * self.sums.c;
        for (weights, transposed) in weights.chunks_exact(tap).zip(transposed.chunks_exact_mut(tap))
        {
            transpose(weights, self.sums.c, transposed);
        }
    }
}
