//! Calls of kernels in the order in which they happen: whole steps, and steps that run by stripes.
//!
//! Steps that run by stripes make only some rows of their maps at a time, and a map between two of them is a buffer
//! of a few rows. No row is made twice: what the next round still needs is moved to the front of its buffer.

use crate::program::{Program, Region, Step};
use std::ops::Range;
use thumbnet_graph::{Padding, Shape, Window};

/// One call of a step's kernel: for the whole map or for some rows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Index of the step.
    pub step: usize,
    /// Shape of what the call reads of the first input.
    pub input_shape: Shape,
    /// Shape of what it makes.
    pub output_shape: Shape,
    /// Padding around what it reads: above only for the first rows of a map, below only for the last.
    pub padding: Padding,
    /// Where it reads.
    pub inputs: Vec<Region>,
    /// Where it writes.
    pub output: Region,
}

impl Run {
    /// The step's window over what this call reads.
    pub fn window(&self, window: &Window) -> Window {
        Window { padding: self.padding, ..*window }
    }
}

/// Consecutive steps that run by stripes: round after round, some rows of each.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// The steps.
    pub steps: Range<usize>,
    /// In execution order.
    pub rounds: Vec<Round>,
}

/// Some rows of each step.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// In execution order; a step has none before its first rows are needed, and when all are there.
    pub runs: Vec<Run>,
    /// What is moved after that, each to lower addresses.
    pub moves: Vec<Move>,
}

/// Rows that the next round needs again, moved to the front of their buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The rows.
    pub from: Region,
    /// Offset of the buffer.
    pub to: usize,
}

/// What is executed next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stage<'p> {
    /// A step as a whole, by its index.
    Whole(usize),
    /// Some steps by stripes.
    Stream(&'p Stream),
}

impl Program {
    /// All that is to be executed, in order.
    pub fn stages(&self) -> Vec<Stage<'_>> {
        let mut stages = Vec::new();
        let mut index = 0;
        while index < self.steps.len() {
            let stream = self.streams.iter().find(|stream| stream.steps.start == index);
            let stage = stream.map_or(Stage::Whole(index), Stage::Stream);
            index = stream.map_or(index + 1, |stream| stream.steps.end);
            stages.push(stage);
        }
        stages
    }

    /// The calls of one step, in order.
    pub fn runs(&self, step: usize) -> Vec<Run> {
        let Some(stream) = self.streams.iter().find(|stream| stream.steps.contains(&step)) else {
            return vec![self.steps[step].run(step)];
        };
        let runs = stream.rounds.iter().flat_map(|round| &round.runs);
        runs.filter(|run| run.step == step).cloned().collect()
    }
}

impl Step {
    /// The call for the whole map, of the step with this index.
    pub fn run(&self, index: usize) -> Run {
        Run {
            step: index,
            input_shape: self.input_shape,
            output_shape: self.output_shape,
            padding: self.call.window().map_or(Padding::NONE, |window| window.padding),
            inputs: self.inputs.clone(),
            output: self.output,
        }
    }
}
