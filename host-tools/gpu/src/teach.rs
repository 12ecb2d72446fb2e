//! One batch: its way forward and back, on one device or on several.

use crate::forward::Dropouts;
use crate::loss::loss;
use crate::network::{Network, StageTensors, tensor};
#[cfg(feature = "several")]
use crate::several::Several;
use burn_core::tensor::{Device, Gradients, Tensor};
use thumbnet_train::{Batch, Loss};

/// What batches are taught by.
pub(crate) struct Teacher {
    device: Device,
    loss: Loss,
    #[cfg(feature = "several")]
    several: Option<Several>,
}

/// What a batch taught.
pub(crate) struct Lesson {
    /// `[n, classes]`, in the batch's order.
    pub logits: Tensor<2>,
    pub gradients: Vec<StageTensors>,
    /// Mean and variance over the batch of every stage that normalizes by them.
    pub statistics: Vec<Option<[Tensor<1>; 2]>>,
}

/// Pictures on their way to a device.
#[derive(Clone, Debug)]
pub struct Shard {
    /// The place of the first of them in its batch.
    #[cfg_attr(not(feature = "several"), expect(dead_code, reason = "there is only one"))]
    pub first: usize,
    pub pictures: usize,
    /// Of the whole batch.
    pub batch: usize,
    pub pixels: Vec<f32>,
    pub targets: Vec<f32>,
    pub counts: Vec<f32>,
    pub loss: Loss,
}

/// A shard's part in its batch's loss and what else came of it.
pub(crate) struct Taught {
    pub logits: Tensor<2>,
    pub gradients: Gradients,
    pub statistics: Vec<Option<[Tensor<1>; 2]>>,
}

impl Teacher {
    pub fn new(devices: &[Device], loss: Loss) -> Self {
        Self {
            device: devices[0].clone(),
            loss,
            #[cfg(feature = "several")]
            several: (devices.len() > 1).then(|| Several::new(devices)),
        }
    }

    /// # Errors
    /// The words of what went wrong on one of several devices.
    pub fn teach(&self, network: &Network, batch: &Batch) -> Result<Lesson, String> {
        #[cfg(feature = "several")]
        if let Some(several) = &self.several {
            return several.teach(network, batch, self.loss);
        }
        let shard = Shard::new(batch, 0..batch.pictures, self.loss);
        let mut taught = shard.teach(network, &self.device);
        let gradients = network.take_gradients(&mut taught.gradients);
        Ok(Lesson { logits: taught.logits, gradients, statistics: taught.statistics })
    }
}

impl Shard {
    /// The pictures of these places.
    pub(crate) fn new(batch: &Batch, places: std::ops::Range<usize>, loss: Loss) -> Self {
        let part = |values: &[f32]| {
            let size = values.len() / batch.pictures;
            values[places.start * size..places.end * size].to_vec()
        };
        Self {
            first: places.start,
            pictures: places.len(),
            batch: batch.pictures,
            pixels: part(&batch.pixels),
            targets: part(&batch.targets),
            counts: part(&batch.counts),
            loss,
        }
    }

    /// Forward and back on the device that the network is on.
    pub(crate) fn teach(self, network: &Network, device: &Device) -> Taught {
        let (pictures, input) = (self.pictures, network.plan.input);
        let shape = [pictures, input.h, input.w, input.c];
        let pixels: Tensor<4> = tensor(self.pixels, shape, device);
        let targets = tensor(self.targets, [pictures, network.plan.classes], device);
        let counts = tensor(self.counts, [pictures], device);
        let outcome = network.forward(pixels.permute([0, 3, 1, 2]), Dropouts::Drawn);
        let loss = loss(self.loss, outcome.logits(), targets, counts);
        let share = pictures as f64 / self.batch as f64;
        let loss = if pictures == self.batch { loss } else { loss * share };
        let logits = outcome.logits().inner();
        let inner = |statistics: Option<[Tensor<1>; 2]>| {
            statistics.map(|statistics| statistics.map(|values| values.inner()))
        };
        let statistics = outcome.statistics.into_iter().map(inner).collect();
        Taught { logits, gradients: loss.backward(), statistics }
    }
}
