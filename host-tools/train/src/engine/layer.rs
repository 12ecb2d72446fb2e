//! What the engine asks of a layer: sizes, the way forward, the way back.

use super::real::Real;

/// One stage of a network, over the pictures of a chunk at a time. It owns shapes only: values live
/// with the caller, so that chunks run side by side.
pub(crate) trait Layer<T: Real>: Send + Sync {
    fn sizes(&self) -> Sizes;

    /// Computes `output` from `input`.
    fn forward(&self, pass: Forward<'_, T>);

    /// Computes the gradients of the loss by input, weights and bias from the one by output.
    fn backward(&self, pass: Backward<'_, T>);

    /// Writes what `backward` needs of the weights besides themselves, once after every step.
    fn transpose(&self, _weights: &[T], _transposed: &mut [T]) {}
}

/// Elements a layer needs; all but the parameters' are per picture, and so is `choices` in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sizes {
    pub input: usize,
    pub output: usize,
    pub weights: usize,
    pub bias: usize,
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
    pub input: &'a [T],
    pub output: &'a mut [T],
    pub choices: &'a mut [u8],
    pub scratch: &'a mut [T],
}

/// A chunk on its way back.
pub(crate) struct Backward<'a, T> {
    pub pictures: usize,
    pub transposed: &'a [T],
    pub input: &'a [T],
    pub output: &'a [T],
    pub choices: &'a [u8],
    /// Given; the layer masks it by its activation in place.
    pub output_gradient: &'a mut [T],
    /// Replaced; `None` for the first layer, whose input does not learn.
    pub input_gradient: Option<&'a mut [T]>,
    /// Added to; empty if [`Sizes::gradient_by_batch`].
    pub weight_gradient: &'a mut [T],
    /// Added to.
    pub bias_gradient: &'a mut [T],
    pub scratch: &'a mut [T],
}
