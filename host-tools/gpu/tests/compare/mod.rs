//! How far burn is from the engine.

use crate::batch::Batch;
use burn_core::tensor::{DType, Device, Tensor, TensorData};
use std::sync::Arc;
use thumbnet_gpu::{Dropouts, Network, Outcome, loss};
use thumbnet_train::{Gradient, Loss, Parameters, Plan, StageKind, gradient};

/// What is asked for is 1e-5 of a tensor's largest value. Sums of some thousand products in double precision, in another
/// order, stay far below; a mistake in a formula does not.
pub const TOLERANCE: f64 = 1e-9;

/// Share of the target spread over all classes.
const SMOOTHING: f64 = 0.1;

/// The largest distance of any value, average or gradient, as a share of the largest value of its tensor.
pub fn distance(plan: Plan, batch: &Batch, kind: Loss) -> f64 {
    distance_from(plan, batch, &batch.parameters, kind, &Device::flex().autodiff())
}

/// The same where burn's network has these parameters.
pub fn distance_from(
    plan: Plan,
    batch: &Batch,
    parameters: &[Parameters<f64>],
    kind: Loss,
    device: &Device,
) -> f64 {
    let expected = gradient(&plan, &batch.parameters, &batch.pictures, kind, SMOOTHING);
    let plan = Arc::new(plan);
    let network = Network::new(plan.clone(), parameters, 0, device);
    let dropouts = dropouts(&plan, &expected, device);
    let outcome = network.forward(pixels(&plan, batch, device), Dropouts::Given(&dropouts));
    let loss = loss(kind, outcome.logits(), targets(&plan, batch, device), ones(batch, device));
    let gradients = network.gradients(&mut loss.backward()).expect("the device answers");

    let mut distances = vec![apart(&numbers(loss), &[expected.loss])];
    for (value, expected) in outcome.values.iter().zip(&expected.values) {
        distances.push(apart(&numbers(value.clone().permute([0, 2, 3, 1])), expected));
    }
    for (gradients, expected) in gradients.iter().zip(&expected.parameters) {
        distances.push(apart(&gradients.weights, &expected.weights));
        distances.push(apart(&gradients.bias, &expected.bias));
    }
    distances.extend(averages(&outcome, batch, &expected));
    distances
        .into_iter()
        .fold(0.0, |worst, distance| if distance > worst { distance } else { worst })
}

/// The running averages that follow from the batch's mean and variance.
fn averages(outcome: &Outcome, batch: &Batch, expected: &Gradient) -> Vec<f64> {
    let stages = outcome.statistics.iter().zip(&batch.parameters).zip(&expected.parameters);
    let average = |((statistics, before), after): ((_, &Parameters<f64>), &Parameters<f64>)| {
        let Some([mean, variance]): &Option<[Tensor<1>; 2]> = statistics else { return 0.0 };
        let of_batch = [numbers(mean.clone()), numbers(variance.clone())].concat();
        let follow = |(before, of_batch): (&f64, f64)| before + (of_batch - before) * 0.05;
        let running: Vec<f64> = before.running.iter().zip(of_batch).map(follow).collect();
        apart(&running, &after.running)
    };
    stages.map(average).collect()
}

/// The largest difference as a share of the largest expected value; not a number is as far as can be.
fn apart(values: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(values.len(), expected.len(), "tensors of one size");
    let largest = expected.iter().fold(f64::MIN_POSITIVE, |a, &b| a.max(b.abs()));
    let differences = values.iter().zip(expected).map(|(value, expected)| (value - expected).abs());
    differences.fold(0.0, |worst, apart| if apart <= worst { worst } else { apart }) / largest
}

fn pixels(plan: &Plan, batch: &Batch, device: &Device) -> Tensor<4> {
    let bytes = batch.pictures.pixels();
    let values: Vec<f64> = bytes.iter().map(|&byte| plan.value(byte)).collect();
    let shape = [batch.pictures.len(), plan.input.h, plan.input.w, plan.input.c];
    tensor(values, shape, device).permute([0, 3, 1, 2])
}

fn targets(plan: &Plan, batch: &Batch, device: &Device) -> Tensor<2> {
    let (classes, labels) = (plan.classes, &batch.pictures.labels);
    let mut targets = vec![SMOOTHING / classes as f64; labels.len() * classes];
    for (row, &label) in targets.chunks_exact_mut(classes).zip(labels) {
        row[label] += 1.0 - SMOOTHING;
    }
    tensor(targets, [labels.len(), classes], device)
}

fn ones(batch: &Batch, device: &Device) -> Tensor<1> {
    tensor(vec![1.0; batch.pictures.len()], [batch.pictures.len()], device)
}

/// What the engine's dropouts multiplied by. Where their input is 0, so is its gradient, whatever the factor.
fn dropouts(plan: &Plan, expected: &Gradient, device: &Device) -> Vec<Option<Tensor<4>>> {
    let of_stage = |(index, stage): (usize, &thumbnet_train::Stage)| {
        let StageKind::Dropout { rate } = stage.kind else { return None };
        let output = &expected.values[index + 1];
        let kept = |&value: &f64| if value == 0.0 { 0.0 } else { 1.0 / (1.0 - rate) };
        let shape = stage.output;
        let shape = [output.len() / shape.len(), shape.h, shape.w, shape.c];
        let factors: Vec<f64> = output.iter().map(kept).collect();
        Some(tensor(factors, shape, device).permute([0, 3, 1, 2]))
    };
    plan.stages.iter().enumerate().map(of_stage).collect()
}

fn tensor<const D: usize>(values: Vec<f64>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), (device, DType::F64))
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().try_to_vec().expect("numbers in double precision")
}
