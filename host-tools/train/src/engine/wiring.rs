//! Which values each stage reads, and where the chunks of a batch must wait for each other.

use super::layer::Layer;
use super::real::Real;
use crate::plan::Plan;
use std::ops::Range;

/// The way through the stages.
#[derive(Clone, Debug)]
pub(crate) struct Wiring {
    pub inputs: Vec<Vec<Input>>,
    /// Stages that a chunk runs without a word from the others. All but the first begin with a stage that needs sums
    /// over the batch.
    pub segments: Vec<Range<usize>>,
}

/// A value that a stage reads: 0 is the pictures, `n + 1` what stage `n` makes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input {
    pub value: usize,
    /// Whether a later stage reads the value too: on the way back its gradient is there already, and this stage's part
    /// is added.
    pub adds: bool,
}

impl Wiring {
    pub fn new<T: Real>(plan: &Plan, layers: &[Box<dyn Layer<T>>]) -> Self {
        let mut read_later = vec![false; plan.stages.len() + 1];
        let mut inputs: Vec<Vec<Input>> = Vec::with_capacity(plan.stages.len());
        for stage in plan.stages.iter().rev() {
            let input = |&value: &usize| Input {
                value,
                adds: std::mem::replace(&mut read_later[value], true),
            };
            inputs.push(stage.inputs.iter().map(input).collect());
        }
        inputs.reverse();
        let waits = |stage: &usize| layers[*stage].over_batch().is_some();
        let starts = std::iter::once(0).chain((0..layers.len()).filter(waits));
        let starts: Vec<usize> = starts.collect();
        let ends = starts[1..].iter().copied().chain([plan.stages.len()]);
        let segments = starts.iter().zip(ends).map(|(&start, end)| start..end).collect();
        Self { inputs, segments }
    }
}
