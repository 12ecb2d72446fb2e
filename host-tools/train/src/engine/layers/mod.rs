//! The layers that the firmware can run, each with its way forward and its way back.

mod average_pool2d;
mod conv2d;
pub(crate) mod dense;
mod max_pool2d;
mod relu;

use super::layer::Layer;
use super::real::Real;
use crate::plan::{Stage, StageKind};

/// The layer that runs `stage`.
pub(crate) fn layer<T: Real>(stage: &Stage) -> Box<dyn Layer<T>> {
    match &stage.kind {
        StageKind::Conv2d { window, filters, relu, pool, .. } => {
            let pool = pool.as_ref().map(|pool| pool.window);
            Box::new(conv2d::Conv2d::new(stage.input, *window, *filters, *relu, pool))
        }
        StageKind::Dense { units, relu, .. } => {
            Box::new(dense::Dense { inputs: stage.input.len(), units: *units, relu: *relu })
        }
        StageKind::MaxPool2d(pool) => {
            Box::new(max_pool2d::MaxPool2d::new(stage.input, pool.window))
        }
        StageKind::AveragePool2d(pool) => {
            Box::new(average_pool2d::AveragePool2d::new(stage.input, pool.window))
        }
        StageKind::Relu { .. } => Box::new(relu::Relu { size: stage.input.len() }),
    }
}
