//! A batch on several devices, by burn's own step over them: each learns from its part, the first adds the gradients up.
//! What normalizes over batches does so over each device's part.

use crate::network::{Network, StageTensors};
use crate::teach::{Lesson, Shard};
use burn_core::data::dataloader::{DataLoaderIterator, Progress};
use burn_core::data::dataset::DatasetError;
use burn_core::module::Module;
use burn_core::tensor::{Device, ExecutionError, Tensor};
use burn_optim::GradientsParams;
use burn_train::train::MultiDevicesTrainStep;
use burn_train::{InferenceStep, ItemLazy, TrainOutput, TrainStep};
use thumbnet_train::{Batch, Loss};

/// The devices, each with a thread of burn's.
pub(crate) struct Several {
    step: MultiDevicesTrainStep<Network>,
    devices: Vec<Device>,
}

/// What a device made of its part, but for the gradients.
pub struct Part {
    first: usize,
    /// Of the batch.
    share: f64,
    logits: Tensor<2>,
    statistics: Vec<Option<[Tensor<1>; 2]>>,
}

impl ItemLazy for Part {
    fn sync(self) -> Result<Self, ExecutionError> {
        Ok(self)
    }
}

impl TrainStep for Network {
    type Input = Shard;
    type Output = Part;

    fn step(&self, shard: Shard) -> TrainOutput<Part> {
        let device = self.devices().swap_remove(0).autodiff();
        let (first, share) = (shard.first, shard.pictures as f64 / shard.batch as f64);
        let taught = shard.teach(self, &device);
        let part = Part { first, share, logits: taught.logits, statistics: taught.statistics };
        TrainOutput::new(self, taught.gradients, part)
    }
}

/// burn wants it of everything that learns; epochs are judged by the trainer.
impl InferenceStep for Network {
    type Input = Shard;
    type Output = Part;

    fn step(&self, shard: Shard) -> Part {
        TrainStep::step(self, shard).item
    }
}

impl Several {
    pub fn new(devices: &[Device]) -> Self {
        Self { step: MultiDevicesTrainStep::new(devices), devices: devices.to_vec() }
    }

    /// # Errors
    /// The words of the devices that failed.
    pub fn teach(&self, network: &Network, batch: &Batch, loss: Loss) -> Result<Lesson, String> {
        let size = batch.pictures.div_ceil(self.devices.len());
        let shard = |number: usize| {
            let places =
                (number * size).min(batch.pictures)..((number + 1) * size).min(batch.pictures);
            let shard = (!places.is_empty()).then(|| Shard::new(batch, places, loss));
            Box::new(Once(shard)) as Box<dyn DataLoaderIterator<Shard>>
        };
        let mut shards: Vec<_> = (0..self.devices.len()).map(shard).collect();
        let (parts, _) = self.step.step(&mut shards, network).map_err(|error| error.to_string())?;
        let mut parts: Vec<TrainOutput<Part>> = parts.into_iter().map(|part| part.output).collect();
        // In the order of their places, whichever was ready first: sums have one order.
        parts.sort_by_key(|part| part.item.first);
        let home = self.devices[0].clone().inner();
        Ok(join(network, parts, &home))
    }
}

/// One part for one device.
struct Once(Option<Shard>);

impl Iterator for Once {
    type Item = Result<Shard, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(Ok)
    }
}

impl DataLoaderIterator<Shard> for Once {
    fn progress(&self) -> Progress {
        Progress::new(1, 1, None)
    }
}

/// The batch's lesson on one device.
fn join(network: &Network, parts: Vec<TrainOutput<Part>>, home: &Device) -> Lesson {
    let mut gradients: Vec<StageTensors> = Vec::new();
    let mut items = Vec::new();
    for TrainOutput { grads, item } in parts {
        let part = of_part(network, grads, home);
        gradients = match gradients.is_empty() {
            true => part,
            false => gradients.into_iter().zip(part).map(|(sum, part)| sum.plus(part)).collect(),
        };
        items.push(item);
    }
    let logits = items.iter().map(|part| part.logits.clone().to_device(home)).collect();
    let statistics = (0..network.stages.len()).map(|stage| whole(&items, stage, home)).collect();
    Lesson { logits: Tensor::cat(logits, 0), gradients, statistics }
}

/// Parameters are known by number on every device.
fn of_part(network: &Network, mut gradients: GradientsParams, home: &Device) -> Vec<StageTensors> {
    let mut stages = Vec::with_capacity(network.stages.len());
    for own in &network.stages {
        let weights = own.weights.as_ref().and_then(|weights| gradients.remove::<4>(weights.id));
        let bias = own.bias.as_ref().and_then(|bias| gradients.remove::<1>(bias.id));
        stages.push(StageTensors {
            weights: weights.map(|weights| weights.to_device(home)),
            bias: bias.map(|bias| bias.to_device(home)),
        });
    }
    stages
}

impl StageTensors {
    fn plus(self, other: Self) -> Self {
        Self {
            weights: self.weights.zip(other.weights).map(|(a, b)| a + b),
            bias: self.bias.zip(other.bias).map(|(a, b)| a + b),
        }
    }
}

/// Mean and variance over the whole batch from those of its parts.
fn whole(parts: &[Part], stage: usize, home: &Device) -> Option<[Tensor<1>; 2]> {
    let mut sums: Option<[Tensor<1>; 2]> = None;
    for part in parts {
        let [mean, variance] = part.statistics[stage].clone()?.map(|values| values.to_device(home));
        let squares = (variance + mean.clone().square()) * part.share;
        let mean = mean * part.share;
        sums = Some(match sums {
            None => [mean, squares],
            Some([mean_sum, square_sum]) => [mean_sum + mean, square_sum + squares],
        });
    }
    sums.map(|[mean, squares]| [mean.clone(), squares - mean.square()])
}
