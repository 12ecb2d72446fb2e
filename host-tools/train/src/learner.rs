//! Where a network learns: the engine on this machine's cores, or a device that the caller brings.

use crate::engine::{
    BatchResult, Criterion, Engine, Lesson, Parameters, Step, Target, averaged, moments,
};
use crate::error::TrainError;
use crate::plan::Plan;
use crate::recipe::{Optimizer, Recipe, Training};
use rayon::prelude::*;

/// A device that networks learn on in place of this machine's cores.
pub trait Device {
    /// What it is called, for messages.
    fn name(&self) -> String;

    /// A network on the device that learns from here on.
    ///
    /// # Errors
    /// If the device is not there or has no room.
    fn begin(&self, start: Start<'_>) -> Result<Box<dyn Learner>, TrainError>;
}

/// Where a training begins or goes on.
pub struct Start<'a> {
    /// What is to learn.
    pub plan: &'a Plan,
    /// Losses, optimizer and its constants. Rates, pictures and targets come with each step.
    pub training: &'a Training,
    /// What has been learned so far.
    pub state: State,
    /// Steps taken so far.
    pub steps: u64,
    /// So many stages, from the first, stay as they are: what normalizes over batches uses its running averages there.
    pub frozen: usize,
}

/// A network that learns, batch by batch.
pub trait Learner {
    /// Learns from a batch: one step. Returns the logits from before it, `[n, classes]`.
    ///
    /// # Errors
    /// If the device fails.
    fn learn(&mut self, batch: &Batch, step: &StepRates) -> Result<Vec<f32>, TrainError>;

    /// What has been learned so far.
    ///
    /// # Errors
    /// If the device fails.
    fn state(&mut self) -> Result<State, TrainError>;
}

/// What a training has come to between two steps.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Of each stage, in the plan's order.
    pub parameters: Vec<Parameters<f32>>,
    /// The moving average of weights and biases, if the recipe wants one and a step was taken.
    pub average: Option<Vec<Parameters<f32>>>,
    /// What the optimizer remembers of each weight: first and second moment of Adam, the velocity of `sgd` (the last step
    /// along the gradients, momentum included); empty before the first step.
    pub moments: Vec<Vec<Parameters<f32>>>,
}

/// A step's rates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepRates {
    /// The learning rate.
    pub learning_rate: f64,
    /// How much of the way to the new weights their average goes, if there is one.
    pub average_share: Option<f64>,
}

/// Pictures to learn from at once, as they are to be seen.
#[derive(Clone, Debug)]
pub struct Batch {
    /// How many there are.
    pub pictures: usize,
    /// What their bytes are worth, `[n, h, w, c]`.
    pub pixels: Vec<f32>,
    /// What the softmax of their logits should be, `[n, classes]`.
    pub targets: Vec<f32>,
    /// What each counts in the loss, `[n]`.
    pub counts: Vec<f32>,
    shown: Vec<Target>,
}

impl Batch {
    /// The pictures of these indices.
    pub(crate) fn new(plan: &Plan, lesson: &Lesson<'_>, indices: &[u32]) -> Self {
        let values: [f32; 256] = std::array::from_fn(|byte| plan.value(byte as u8) as f32);
        let size = plan.input.len();
        let mut pixels = vec![0.0; indices.len() * size];
        let read = |(&index, pixels): (&u32, &mut [f32])| {
            let mut bytes = Vec::new();
            let shown = lesson.picture(index, &mut bytes);
            for (pixel, &byte) in pixels.iter_mut().zip(&bytes) {
                *pixel = values[usize::from(byte)];
            }
            shown
        };
        let shown: Vec<Target> =
            indices.par_iter().zip(pixels.par_chunks_mut(size)).map(read).collect();
        let targets = shown.iter().flat_map(|&shown| lesson.criterion.targets(shown, plan.classes));
        let targets = targets.map(|target| target as f32).collect();
        let counts = shown.iter().map(|shown| shown.weight as f32).collect();
        Self { pictures: indices.len(), pixels, targets, counts, shown }
    }

    /// How the logits do.
    pub(crate) fn judge(&self, criterion: Criterion, mut logits: Vec<f32>) -> BatchResult {
        let mut result = BatchResult::default();
        let classes = logits.len() / self.pictures;
        for (logits, &shown) in logits.chunks_exact_mut(classes).zip(&self.shown) {
            result.correct += usize::from(crate::metrics::largest(logits) == shown.label);
            result.loss += criterion.gradient(logits, shown, 1.0);
        }
        result
    }
}

impl State {
    /// Before the first step.
    pub(crate) fn new(parameters: Vec<Parameters<f32>>) -> Self {
        Self { parameters, average: None, moments: Vec::new() }
    }

    /// Of the engine.
    pub(crate) fn of(engine: &Engine<f32>, optimizer: Optimizer) -> Self {
        let of_order = |order: usize| engine.moments().map(move |moments| moments[order].clone());
        Self {
            parameters: engine.parameters.clone(),
            average: engine.average().map(|average| average.into_iter().cloned().collect()),
            moments: (0..moments(optimizer)).map(|order| of_order(order).collect()).collect(),
        }
    }

    /// Gives the engine what it remembers besides parameters.
    pub(crate) fn restore(&self, engine: &mut Engine<f32>) {
        if let Some(average) = &self.average {
            engine.set_average(average.clone());
        }
        for (stage, moments) in engine.moments_mut().enumerate() {
            for (moment, state) in moments.into_iter().zip(&self.moments) {
                moment.clone_from(&state[stage]);
            }
        }
    }

    /// The parameters of the network to be evaluated and kept: the averages, if there are any.
    pub(crate) fn network_parameters(&self) -> Vec<Parameters<f32>> {
        averaged(&self.parameters, self.average.as_ref().map(|average| average.iter().collect()))
    }
}

/// What learns.
pub(crate) enum Learning {
    Engine(Box<Engine<f32>>),
    Device(Box<dyn Learner>),
}

impl Learning {
    /// Learns from the pictures of these indices: one step.
    pub fn learn(
        &mut self,
        plan: &Plan,
        lesson: &Lesson<'_>,
        indices: &[u32],
        step: &Step,
    ) -> Result<BatchResult, TrainError> {
        match self {
            Self::Engine(engine) => Ok(engine.learn(lesson, indices, step)),
            Self::Device(learner) => {
                let batch = Batch::new(plan, lesson, indices);
                let (learning_rate, average_share) = (step.learning_rate, step.average_share);
                let logits = learner.learn(&batch, &StepRates { learning_rate, average_share })?;
                Ok(batch.judge(lesson.criterion, logits))
            }
        }
    }

    /// What has been learned so far.
    pub fn state(&mut self, optimizer: Optimizer) -> Result<State, TrainError> {
        match self {
            Self::Engine(engine) => Ok(State::of(engine, optimizer)),
            Self::Device(learner) => learner.state(),
        }
    }
}

/// Checks that a recipe can be learned on a device.
///
/// # Errors
/// [`TrainError::Field`] naming what only the engine on this machine's cores can do.
pub(crate) fn check(recipe: &Recipe, device: &dyn Device) -> Result<(), TrainError> {
    let name = device.name();
    let refused = |field, advice: &str| {
        let problem = format!("{name} cannot do that: {advice}, or train on the CPU");
        Err(TrainError::Field { field, problem })
    };
    if recipe.training.quantized_epochs > 0 {
        return refused("training.quantized_epochs", "leave it out");
    }
    if recipe.training.optimizer == Optimizer::Gd {
        return refused(
            "training.optimizer",
            "gd takes all pictures at once; use adam, adamw or sgd",
        );
    }
    Ok(())
}
