//! About how many instructions a program will take, before there is firmware to count them in: so that networks can be
//! compared and chosen before they are trained.
//!
//! Convolutions with packed weights for many channels have a model of their own, [`cost`]; everything else is so much for
//! each multiplication and so much for each output, fitted to what the emulator counts (`thumbnet profile`). Over whole
//! networks it is within some 10 %, 25 where nothing is packed.

use crate::call::{Call, PackedLayout};
use crate::cost;
use crate::options::InstructionSet;
use crate::program::{Program, Step};
use crate::run::Run;
use thumbnet_graph::{Padding, Shape, Window};

/// Instructions for a multiplication-accumulation, for an output with its share of the loops around it, and for all that is
/// done once for a channel.
struct Rate {
    mac: f64,
    output: f64,
    channel: f64,
}

/// What one call of a kernel has to do.
pub(crate) struct Work {
    /// What it reads of its first input.
    pub input: Shape,
    /// What it makes.
    pub output: Shape,
    /// Padding around what it reads.
    pub padding: Padding,
    /// Multiply-accumulates.
    pub macs: u64,
}

impl Program {
    /// Instructions of one inference, estimated. The program is one for this instruction set, on a core that has it;
    /// the plain kernels' figures are those of a Cortex-M0.
    pub fn estimated_instructions(&self, instruction_set: InstructionSet) -> u64 {
        let step = |(index, step): (usize, &Step)| {
            let runs = self.runs(index);
            let work = |run: &Run| Work::of(step.macs, step.output_shape, run);
            runs.iter()
                .map(|run| instructions(&step.call, &work(run), instruction_set))
                .fold(0, u64::saturating_add)
        };
        self.steps.iter().enumerate().map(step).fold(0, u64::saturating_add)
    }
}

impl Work {
    /// Of a run of a step that needs `macs` for its whole `output`.
    fn of(macs: u64, output: Shape, run: &Run) -> Self {
        Self {
            input: run.input_shape,
            output: run.output_shape,
            padding: run.padding,
            macs: share(macs, run.output_shape.h, output.h),
        }
    }
}

/// `all * part / whole`.
pub(crate) fn share(all: u64, part: usize, whole: usize) -> u64 {
    (u128::from(all) * part as u128 / whole.max(1) as u128) as u64
}

/// Instructions of one call of a kernel, estimated.
pub(crate) fn instructions(call: &Call, work: &Work, instruction_set: InstructionSet) -> u64 {
    let modelled = match call {
        Call::PackedConv2d { layout, window, pool, bias, .. } => {
            let window = Window { padding: work.padding, ..*window };
            modelled(*layout, work.input, &window, pool, bias.len())
        }
        _ => None,
    };
    modelled.unwrap_or_else(|| {
        let Rate { mac, output, channel } = rate(call, instruction_set);
        let channels = work.output.c as f64;
        let outputs = outputs(call, work.output) as f64;
        (work.macs as f64 * mac + outputs * output + channels * channel) as u64
    })
}

fn modelled(
    layout: PackedLayout,
    input: Shape,
    window: &Window,
    pool: &Window,
    channels: usize,
) -> Option<u64> {
    match layout {
        PackedLayout::Deep => cost::deep(input, window, pool, channels),
        PackedLayout::Winograd => cost::winograd(input, window, pool, channels),
        PackedLayout::Winograd4 => cost::winograd4(input, window, channels),
        PackedLayout::CompactWinograd4 => cost::compact_winograd4(input, window, channels),
        PackedLayout::Shallow => shallow(input, window, pool, channels),
        PackedLayout::Pointwise => None,
    }
}

/// The kernel for few input channels: filters go four at a time, and each pixel has its window to be filled in.
fn shallow(input: Shape, window: &Window, pool: &Window, channels: usize) -> Option<u64> {
    let [h, w] = window.positions(input.h, input.w)?;
    let [h, w] = pool.positions(h, w)?;
    let pixels = (h * w).checked_mul(pool.taps())? as f64;
    let filters = channels.next_multiple_of(4) as f64;
    let taps = (window.taps() * input.c) as f64;
    Some((pixels * (60.0 + filters * (3.0 + 1.2 * taps))) as u64)
}

/// Values that the kernel makes; those that a fused pool then takes the largest of count one by one.
fn outputs(call: &Call, output: Shape) -> u64 {
    let pooled = match call {
        Call::Conv2d { pool, .. } | Call::PackedConv2d { pool, .. } => pool.taps() as u64,
        _ => 1,
    };
    (output.len() as u64).saturating_mul(pooled)
}

/// Fitted to the emulator's counts of the shipped models and of MLPerf Tiny's.
fn rate(call: &Call, instruction_set: InstructionSet) -> Rate {
    let fast = instruction_set == InstructionSet::Armv7em;
    let [mac, output, channel] = match call {
        Call::PackedConv2d { .. } => [0.74, 9.0, 0.0],
        Call::PackedDense { .. } => [1.0, 27.0, 0.0],
        Call::DepthwiseConv2d { window, .. } if fast => {
            let strided = window.stride != [1, 1];
            [2.0, if strided { 10.5 } else { 1.5 }, 343.0]
        }
        Call::Conv2d { .. } if fast => [4.5, 110.0, 0.0],
        Call::Conv2d { .. } | Call::DepthwiseConv2d { .. } => [4.4, 86.0, 0.0],
        Call::Dense { .. } if fast => [3.3, 45.0, 0.0],
        Call::Dense { .. } => [5.7, 86.0, 0.0],
        Call::MaxPool2d { window, .. } if fast => [0.0, taps(window, 1.3) + 4.0, 0.0],
        Call::MaxPool2d { window, .. } => [0.0, taps(window, 4.0) + 8.0, 0.0],
        Call::AveragePool2d { window, .. } => [0.0, taps(window, 4.0) + 20.0, 0.0],
        Call::AveragePoolFloat(pool) => {
            let is_whole_map = pool.output.h * pool.output.w == 1;
            [0.0, taps(&pool.window, 7.3) + if is_whole_map { 20.0 } else { 160.0 }, 0.0]
        }
        Call::Add(_) => [0.0, 10.0, 0.0],
        Call::AddFloat(_) if fast => [0.0, 15.0, 0.0],
        Call::AddFloat(_) => [0.0, 36.0, 0.0],
        Call::Combine(_) => [0.0, 43.0, 0.0],
        Call::Lookup { .. } | Call::Concat { .. } | Call::Rearrange(_) | Call::Pad(_) => {
            [0.0, 5.0, 0.0]
        }
    };
    Rate { mac, output, channel }
}

fn taps(window: &Window, each: f64) -> f64 {
    window.taps() as f64 * each
}
