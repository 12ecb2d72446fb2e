//! Consecutive steps by stripes, some rows of each at a time, where that takes less RAM.
//!
//! A row of a map needs only some rows of the map before. So a group of steps can go on together, and of the maps
//! between them only the rows that are still to be read are in memory:
//!
//! ```text
//! for each round:
//!     for each step of the group: the rows that this round needs and that are not there yet
//!     the rows that the next round needs again are moved to the front of their buffers
//! ```
//!
//! No row is made twice, and the kernels are the same: one call makes rows of a map as if they were a map, with padding
//! above and below only where the whole map has it. What it costs are calls and moves.
//!
//! Where speed or size is asked for, nothing runs by stripes unless it would not fit the board's RAM else: then whatever it
//! costs. Else it does where that saves more RAM than it takes flash, and costs few instructions.

mod cost;
mod reach;
mod schedule;
mod search;

pub(crate) use reach::Reach;
pub(crate) use schedule::{Band, Schedule, Stripe, row_bytes};

use crate::error::thousands;
use crate::lower::Lowered;
use crate::names;
use crate::options::{Optimize, Options};
use crate::plan;
use crate::program::Program;
use search::{Budget, Search};
use thumbnet_graph::Int8Graph;

/// Of all instructions, what stripes may cost where they are not forced by the size of the RAM.
const MOST_PERCENT: u64 = 3;

/// What stripes must save where they are not forced: a kernel that is called with several descriptors is no longer
/// made for one, and the image grows by 1 to 7 kB.
const LEAST_BYTES: usize = 4 << 10;

/// The program of `lowered`, by stripes as far as `options` want that.
pub(crate) fn plan(
    graph: &Int8Graph,
    lowered: &[Lowered],
    options: &Options,
    digest: [u8; 8],
) -> Program {
    let program = |streams: &[Schedule]| plan::plan(graph, lowered, streams, digest);
    let whole = program(&[]);
    if !options.stream || !options.fuse {
        return whole;
    }
    let fits = |program: &Program| options.ram_bytes.is_none_or(|ram| program.arena_bytes <= ram);
    let is_balanced = options.optimize == Optimize::Balanced;
    if !is_balanced && fits(&whole) {
        return whole;
    }
    let search = Search::of(graph, lowered, options.instruction_set);
    let whole_bytes = whole.arena_bytes;
    let better = |before: Program, budget: Budget| {
        let streamed = program(&search.streams(&budget));
        if streamed.arena_bytes < before.arena_bytes { streamed } else { before }
    };
    let mut best = whole;
    if is_balanced {
        let few = search.instructions() / 100 * MOST_PERCENT;
        let streamed = program(&search.streams(&Budget::cheap(few)));
        if streamed.arena_bytes + LEAST_BYTES <= whole_bytes {
            best = streamed;
        }
    }
    for enough_bytes in [options.ram_bytes, Some(0)].into_iter().flatten() {
        if !fits(&best) {
            best = better(best, Budget::forced(enough_bytes));
        }
    }
    explain(&mut best, whole_bytes);
    best
}

/// Says of each step by stripes that it is one, and why.
fn explain(program: &mut Program, whole_bytes: usize) {
    let bytes = program.arena_bytes;
    for stream in &program.streams {
        let last = names::plain(&program.steps[stream.steps.end - 1].name);
        let why = format!(
            "in {} stripes with all up to {}: {} B of activations and scratch instead of {} B",
            stream.rounds.len(),
            last.chars().take(24).collect::<String>(),
            thousands(bytes),
            thousands(whole_bytes)
        );
        for step in &mut program.steps[stream.steps.clone()] {
            step.choice.add(&why);
        }
    }
}
