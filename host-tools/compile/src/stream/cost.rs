//! What it costs to run steps by stripes.

use super::schedule::{Schedule, Stripe, row_bytes};
use crate::estimate::{Work, instructions, share};
use crate::lower::Lowered;
use crate::options::InstructionSet;
use thumbnet_graph::{Int8Graph, Padding, Shape};

/// Instructions of a call that are not in the kernel's loops: to set it up, to observe it.
const CALL: u64 = 200;

/// Instructions of a step as a whole.
pub(super) fn of_step(graph: &Int8Graph, lowered: &Lowered, set: InstructionSet) -> u64 {
    let work = Work {
        input: graph.tensor(lowered.inputs[0]).shape,
        output: graph.tensor(lowered.output).shape,
        padding: lowered.call.window().map_or(Padding::NONE, |window| window.padding),
        macs: lowered.macs,
    };
    CALL + instructions(&lowered.call, &work, set)
}

/// Instructions of a group by stripes.
pub(super) fn of_schedule(
    graph: &Int8Graph,
    lowered: &[Lowered],
    schedule: &Schedule,
    set: InstructionSet,
) -> u64 {
    let stripes = schedule.rounds.iter().flatten();
    let calls = stripes.map(|stripe| of_stripe(graph, &lowered[stripe.step], stripe, set));
    calls.fold(moves(graph, schedule), u64::saturating_add)
}

fn of_stripe(graph: &Int8Graph, lowered: &Lowered, stripe: &Stripe, set: InstructionSet) -> u64 {
    let [input, output] = [lowered.inputs[0], lowered.output].map(|id| graph.tensor(id).shape);
    let work = Work {
        input: Shape { h: stripe.input.len(), ..input },
        output: Shape { h: stripe.output.len(), ..output },
        padding: stripe.padding,
        macs: share(lowered.macs, stripe.output.len(), output.h),
    };
    CALL + instructions(&lowered.call, &work, set)
}

/// About one instruction a byte: they go by words.
fn moves(graph: &Int8Graph, schedule: &Schedule) -> u64 {
    let moved = schedule.bands.iter().map(|(id, band)| {
        let rows = band.first.iter().skip(1).zip(&band.end).map(|(next, end)| end - next);
        rows.sum::<usize>() * row_bytes(graph.tensor(*id).shape)
    });
    moved.sum::<usize>() as u64
}
