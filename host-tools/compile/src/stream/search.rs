//! Which steps run by stripes, and by how many rows.
//!
//! ```text
//! while a group of steps around the one that needs the most memory lowers that enough:
//!     of all such groups and sizes of stripes within the budget, that which needs the least
//! ```

use super::cost;
use super::reach::can_stream;
use super::schedule::Schedule;
use crate::lifetimes::Lifetimes;
use crate::lower::Lowered;
use crate::options::InstructionSet;
use crate::pack::{pack_quickly, peak};
use std::ops::Range;
use thumbnet_graph::Int8Graph;

/// Steps of the longest group.
const MOST_STEPS: usize = 24;
/// Groups of one program.
const MOST_STREAMS: usize = 4;
/// Groups of which all sizes of stripes are tried, and of these those that are packed: those that seem the best.
const BEST: usize = 12;
/// Rows of the last step's output in a stripe.
const ROWS: [usize; 8] = [1, 2, 3, 4, 6, 8, 12, 16];
/// Groups tried for one peak, in graphs of usual size; each takes time that grows with the square of their nodes.
const MOST_WORK: usize = 20_000_000;

/// What stripes may cost, and what they must bring.
pub(super) struct Budget {
    /// Instructions more than without.
    instructions: u64,
    /// Less memory than this is worth nothing.
    enough_bytes: usize,
    /// A group must save one part in so many.
    least_part: usize,
}

impl Budget {
    /// As little memory as there can be for so many instructions.
    pub fn cheap(instructions: u64) -> Self {
        Self { instructions, enough_bytes: 0, least_part: 16 }
    }

    /// So much memory, by as few instructions as it takes.
    pub fn forced(enough_bytes: usize) -> Self {
        Self { instructions: u64::MAX, enough_bytes, least_part: usize::MAX }
    }
}

/// The steps of a program, and what they cost as a whole.
pub(super) struct Search<'a> {
    graph: &'a Int8Graph,
    lowered: &'a [Lowered],
    set: InstructionSet,
    /// By tensor, the last step that reads it.
    last_uses: Vec<usize>,
    /// By step.
    costs: Vec<u64>,
}

/// A group that might run by stripes.
struct Candidate {
    schedule: Schedule,
    bytes: usize,
    /// Instructions more than as a whole.
    cost: u64,
}

impl<'a> Search<'a> {
    pub fn of(graph: &'a Int8Graph, lowered: &'a [Lowered], set: InstructionSet) -> Self {
        let mut last_uses = vec![0; graph.tensors.len()];
        for (step, lowered) in lowered.iter().enumerate() {
            lowered.inputs.iter().for_each(|id| last_uses[id.0] = step);
        }
        last_uses[graph.output.0] = usize::MAX;
        let costs = lowered.iter().map(|step| cost::of_step(graph, step, set)).collect();
        Self { graph, lowered, set, last_uses, costs }
    }

    /// Instructions without stripes.
    pub fn instructions(&self) -> u64 {
        self.costs.iter().copied().fold(0, u64::saturating_add)
    }

    /// The groups that lower the peak of memory within `budget`, in order.
    pub fn streams(&self, budget: &Budget) -> Vec<Schedule> {
        let mut streams: Vec<Schedule> = Vec::new();
        let mut left = budget.instructions;
        while streams.len() < MOST_STREAMS {
            let (bytes, step) = self.peak(&streams);
            if bytes <= budget.enough_bytes {
                break;
            }
            let Some(best) = self.best(&streams, step, left, budget) else { break };
            if best.bytes >= bytes - bytes / budget.least_part {
                break;
            }
            left -= best.cost;
            streams.push(best.schedule);
            streams.sort_by_key(|stream| stream.steps.start);
        }
        streams
    }

    /// Most memory that is needed at one time, and when.
    fn peak(&self, streams: &[Schedule]) -> (usize, usize) {
        let lifetimes = Lifetimes::of(self.graph, self.lowered, streams);
        peak(&lifetimes.buffers, &lifetimes.pairs)
    }

    /// The best group around `step`.
    fn best(
        &self,
        streams: &[Schedule],
        step: usize,
        most_cost: u64,
        budget: &Budget,
    ) -> Option<Candidate> {
        let ranges = self.ranges(streams, step);
        let mut smallest: Vec<Candidate> = ranges
            .into_iter()
            .filter_map(|steps| self.candidate(streams, steps, ROWS[0]))
            .collect();
        smallest.sort_by_key(|group| (group.bytes, group.schedule.steps.len()));
        let smallest = smallest.into_iter().take(BEST);
        let of_all_sizes = smallest.flat_map(|group| self.sizes(streams, group, most_cost, budget));
        let key = |group: &Candidate| {
            let steps = group.schedule.steps.len();
            (group.bytes.max(budget.enough_bytes), group.cost, group.bytes, steps)
        };
        let mut affordable: Vec<Candidate> = of_all_sizes.collect();
        affordable.sort_by_key(key);
        // What is left are the gaps between buffers.
        let packed = |group| self.packed(streams, group);
        let best = affordable.into_iter().take(BEST).map(packed).min_by_key(key)?;
        // Larger stripes may need no more memory, where that is not what the peak is made of.
        let steps = best.schedule.steps.clone();
        let larger = ROWS.iter().filter_map(|rows| self.candidate(streams, steps.clone(), *rows));
        let larger = larger.filter(|group| group.cost <= most_cost).map(packed);
        larger.chain([best]).min_by_key(key)
    }

    /// `group` with all sizes of stripes that cost no more than `most_cost`; only with the smallest of these where as
    /// little memory as there can be is wanted.
    fn sizes(
        &self,
        streams: &[Schedule],
        group: Candidate,
        most_cost: u64,
        budget: &Budget,
    ) -> Vec<Candidate> {
        let steps = group.schedule.steps.clone();
        let others = ROWS[1..].iter();
        let others = others.filter_map(|rows| self.candidate(streams, steps.clone(), *rows));
        let affordable = [group].into_iter().chain(others).filter(|group| group.cost <= most_cost);
        affordable.take(if budget.enough_bytes == 0 { 1 } else { ROWS.len() }).collect()
    }

    /// `group` with what it takes when all buffers have their places.
    fn packed(&self, streams: &[Schedule], group: Candidate) -> Candidate {
        let all = with(streams, &group.schedule);
        let lifetimes = Lifetimes::of(self.graph, self.lowered, &all);
        Candidate { bytes: pack_quickly(&lifetimes.buffers, &lifetimes.pairs).bytes, ..group }
    }

    /// Ranges of steps around `step` that can run by stripes and do not yet.
    fn ranges(&self, streams: &[Schedule], step: usize) -> Vec<Range<usize>> {
        let free = |index: &usize| {
            can_stream(self.graph, &self.lowered[*index])
                && !streams.iter().any(|stream| stream.steps.contains(index))
        };
        if step >= self.lowered.len() || !free(&step) {
            return Vec::new();
        }
        let starts = (0..=step).rev().take_while(free).take(MOST_STEPS);
        let ends: Vec<usize> =
            (step..self.lowered.len()).take_while(free).take(MOST_STEPS).collect();
        let ranges = starts.flat_map(|start| ends.iter().map(move |last| start..last + 1));
        let square = self.lowered.len().pow(2).max(1);
        ranges
            .filter(|steps| (2..=MOST_STEPS).contains(&steps.len()))
            .take((MOST_WORK / square).max(BEST))
            .collect()
    }

    fn candidate(
        &self,
        streams: &[Schedule],
        steps: Range<usize>,
        rows: usize,
    ) -> Option<Candidate> {
        let schedule =
            Schedule::of(self.graph, self.lowered, &self.last_uses, steps.clone(), rows)?;
        let by_stripes = cost::of_schedule(self.graph, self.lowered, &schedule, self.set);
        let whole = self.costs[steps].iter().copied().fold(0, u64::saturating_add);
        let (bytes, _) = self.peak(&with(streams, &schedule));
        Some(Candidate { bytes, cost: by_stripes.saturating_sub(whole), schedule })
    }
}

fn with(streams: &[Schedule], one: &Schedule) -> Vec<Schedule> {
    streams.iter().chain([one]).cloned().collect()
}
