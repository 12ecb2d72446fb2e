//! What the engine asks of a layer: sizes, the way forward, the way back.

use super::real::Real;

/// One stage of a network, over the pictures of a chunk at a time. It owns shapes only: values live
/// with the caller, so that chunks run side by side.
pub(crate) trait Layer<T: Real>: Send + Sync {
    fn sizes(&self) -> Sizes;

    /// Computes `output` from `inputs`.
    fn forward(&self, pass: Forward<'_, T>);

    /// Computes the gradients of the loss by inputs, weights and bias from the one by output.
    fn backward(&self, pass: Backward<'_, T>);

    /// Writes what `backward` needs of the weights besides themselves, once after every step.
    fn transpose(&self, _weights: &[T], _transposed: &mut [T]) {}

    /// What this layer computes over all pictures of a batch, if it does.
    fn over_batch(&self) -> Option<&dyn OverBatch<T>> {
        None
    }
}

/// A layer that needs sums over all pictures of a batch, before its way forward and before its way back. Each chunk gives
/// its part; the parts are added up in order.
pub(crate) trait OverBatch<T: Real>: Sync {
    /// Writes a chunk's sums before the way forward, [`Sizes::batch_sums`] of them.
    fn sum_forward(&self, input: &[T], sums: &mut [f64]);

    /// What forward and backward are given as `batch`, from the sums over all pictures, of which there are `pictures`;
    /// `running` averages follow.
    fn finish_forward(&self, pictures: usize, sums: &[f64], batch: &mut [T], running: &mut [T]);

    /// Writes a chunk's sums before the way back, and its part of the parameters' gradients; masks the gradient by the
    /// activation in place.
    fn sum_backward(&self, pass: Backward<'_, T>, sums: &mut [f64]);

    /// Completes `batch` for the way back.
    fn finish_backward(&self, pictures: usize, sums: &[f64], batch: &mut [T]);

    /// What forward is given as `batch` where nothing is learned: the running averages.
    fn fixed(&self, running: &[T], batch: &mut [T]);
}

/// Elements a layer needs; all but the parameters' and the batch's are per picture, and so is `choices` in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sizes {
    /// Of all inputs together.
    pub input: usize,
    pub output: usize,
    pub weights: usize,
    pub bias: usize,
    /// Output channels of a convolution or dense layer, whose weights decay where the recipe says so and are int8 on the
    /// device; 0 for other layers.
    pub kernels: usize,
    /// Sums over a batch, for layers with [`Layer::over_batch`].
    pub batch_sums: usize,
    /// What comes of them.
    pub batch: usize,
    /// Weights in the order the way back wants; 0 if not used.
    pub transposed: usize,
    /// What forward decided and backward must know: the place of each window's maximum.
    pub choices: usize,
    /// Working space for one picture, reused by the next.
    pub scratch: usize,
    /// Whether the weights' gradient is one product over the whole batch, made by the engine, rather than a
    /// sum over chunks: cheaper where there are more weights than multiplications a picture.
    pub gradient_by_batch: bool,
}

/// A chunk on its way forward. Slices hold `pictures` maps one after another.
pub(crate) struct Forward<'a, T> {
    pub pictures: usize,
    pub weights: &'a [T],
    pub bias: &'a [T],
    /// What [`OverBatch`] made.
    pub batch: &'a [T],
    pub inputs: &'a [&'a [T]],
    pub output: &'a mut [T],
    pub choices: &'a mut [u8],
    pub scratch: &'a mut [T],
    /// Where chance comes from while learning; `None` where nothing is learned.
    pub noise: Option<Noise>,
}

/// Where a layer's chance comes from: the same whichever thread runs the chunk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Noise {
    pub seed: u64,
    pub stream: u64,
}

/// A chunk on its way back.
pub(crate) struct Backward<'a, T> {
    pub pictures: usize,
    pub weights: &'a [T],
    pub transposed: &'a [T],
    pub batch: &'a [T],
    pub inputs: &'a [&'a [T]],
    pub output: &'a [T],
    pub choices: &'a [u8],
    /// Given; the layer masks it by its activation in place.
    pub output_gradient: &'a mut [T],
    /// One for each input, replaced; `None` for the pictures themselves, which do not learn.
    pub input_gradients: &'a mut [Option<&'a mut [T]>],
    /// Added to; empty if [`Sizes::gradient_by_batch`].
    pub weight_gradient: &'a mut [T],
    /// Added to.
    pub bias_gradient: &'a mut [T],
    pub scratch: &'a mut [T],
}
