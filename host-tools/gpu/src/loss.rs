//! The trainer's losses over rows of logits.

use burn_core::tensor::Tensor;
use burn_core::tensor::activation::{log_softmax, softmax};
use thumbnet_train::Loss;

/// The mean loss over a batch: of each picture, times what it counts.
///
/// `logits` and `targets` are `[n, classes]`, where a row of targets sums to 1; `counts` is `[n]`.
pub fn loss(kind: Loss, logits: Tensor<2>, targets: Tensor<2>, counts: Tensor<1>) -> Tensor<1> {
    let [pictures, _] = logits.dims();
    let each = match kind {
        Loss::CrossEntropy => -(log_softmax(logits, 1) * targets).sum_dim(1),
        Loss::MeanAbsoluteError => (softmax(logits, 1) - targets).abs().mean_dim(1),
    };
    (each.reshape([pictures]) * counts).mean()
}
