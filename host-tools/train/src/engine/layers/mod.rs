//! The layers that the firmware can run, each with its way forward and its way back.

mod average_pool2d;
pub(crate) mod batch_norm;
mod conv2d;
pub(crate) mod dense;
mod depthwise_conv2d;
mod dropout;
mod frame;
mod join;
mod max_pool2d;
mod offset;
mod relu;

use super::layer::Layer;
use super::real::Real;
use crate::plan::{Stage, StageKind};

/// The layer that runs a stage after its normalization, if it is one, has become part of the convolution before it.
pub(crate) fn folded_layer<T: Real>(stage: &Stage) -> Box<dyn Layer<T>> {
    match &stage.kind {
        StageKind::BatchNorm { relu, .. } => {
            let (size, channels) = (stage.input.len(), stage.input.c);
            Box::new(offset::Offset { size, channels, relu: *relu })
        }
        _ => layer(stage),
    }
}

/// The layer that runs `stage`.
pub(crate) fn layer<T: Real>(stage: &Stage) -> Box<dyn Layer<T>> {
    let size = stage.input.len();
    match &stage.kind {
        StageKind::Conv2d { window, groups, biased, relu, pool, .. } => {
            let pool = pool.as_ref().map(|pool| pool.window);
            let sums = conv2d::Sums { window: *window, groups: *groups, filters: stage.output.c };
            let after = conv2d::After { biased: *biased, relu: *relu, pool };
            Box::new(conv2d::Conv2d::new(stage.input, sums, after))
        }
        StageKind::DepthwiseConv2d { window, biased, relu, .. } => {
            Box::new(depthwise_conv2d::DepthwiseConv2d::new(stage.input, *window, *biased, *relu))
        }
        StageKind::BatchNorm { relu, .. } => {
            let (positions, channels) = (stage.input.h * stage.input.w, stage.input.c);
            Box::new(batch_norm::BatchNorm { positions, channels, relu: *relu })
        }
        StageKind::Dense { units, relu, .. } => {
            Box::new(dense::Dense { inputs: size, units: *units, relu: *relu })
        }
        StageKind::MaxPool2d(pool) => {
            Box::new(max_pool2d::MaxPool2d::new(stage.input, pool.window))
        }
        StageKind::AveragePool2d(pool) => {
            Box::new(average_pool2d::AveragePool2d::new(stage.input, pool.window))
        }
        StageKind::Relu { .. } => Box::new(relu::Relu { size }),
        StageKind::Dropout { rate } => Box::new(dropout::Dropout { size, rate: *rate }),
        StageKind::Add { relu, .. } => Box::new(join::Add { size, relu: *relu }),
        StageKind::Concat { channels, .. } => {
            let positions = stage.input.h * stage.input.w;
            Box::new(join::Concat { positions, channels: channels.clone() })
        }
    }
}
