//! Proof of a memory plan: whatever a call reads is there, whole and in its place, and so are the logits at the end.
//!
//! The program is executed with names in place of bytes: "byte 96 of map 3". It is judged by what was planned alone, not by how,
//! so that a fault of the planner is an error here and not wrong answers on a device.

use crate::error::CompileError;
use crate::lower::Lowered;
use crate::program::{Program, Region};
use crate::run::{Move, Run, Stage};
use crate::stream::{Reach, row_bytes};
use thumbnet_graph::{Int8Graph, TensorId};

/// Fails if `program`, whose steps are these of `graph`, reads what is not there.
pub(crate) fn prove(
    graph: &Int8Graph,
    lowered: &[Lowered],
    program: &Program,
) -> Result<(), CompileError> {
    let mut proof = Proof { graph, lowered, arena: Arena::default(), rows: vec![0; lowered.len()] };
    proof.arena.write(program.input, graph.input, 0);
    for stage in program.stages() {
        match stage {
            Stage::Whole(index) => proof.run(program, &program.steps[index].run(index))?,
            Stage::Stream(stream) => {
                for round in &stream.rounds {
                    for run in &round.runs {
                        proof.run(program, run)?;
                    }
                    round.moves.iter().for_each(|moved| proof.arena.copy(*moved));
                }
            }
        }
    }
    let whole = graph.tensor(graph.output).shape.len();
    if program.output.bytes == whole && proof.arena.holds(program.output, graph.output, 0) {
        return Ok(());
    }
    Err(proof.lost("the end", graph.output))
}

struct Proof<'a> {
    graph: &'a Int8Graph,
    lowered: &'a [Lowered],
    arena: Arena,
    /// How many rows of its output each step has made.
    rows: Vec<usize>,
}

impl Proof<'_> {
    fn run(&mut self, program: &Program, run: &Run) -> Result<(), CompileError> {
        let step = &self.lowered[run.step];
        let made = self.rows[run.step];
        let reach = Reach::of(self.graph, step);
        for (&map, &region) in step.inputs.iter().zip(&run.inputs) {
            let shape = self.graph.tensor(map).shape;
            // A kernel that makes whole maps only reads all of its inputs.
            let rows = reach.map_or(0..shape.h, |reach| {
                reach.first(made)..reach.end(made + run.output_shape.h).min(shape.h)
            });
            let index = rows.start.saturating_mul(row_bytes(shape));
            let is_enough = region.bytes >= rows.len().saturating_mul(row_bytes(shape));
            if !is_enough || !self.arena.holds(region, map, index) {
                return Err(self.lost(&step.name, map));
            }
        }
        if let Some(scratch) = program.steps[run.step].scratch {
            self.arena.forget(scratch);
        }
        let index = made.saturating_mul(row_bytes(self.graph.tensor(step.output).shape));
        self.arena.write(run.output, step.output, index);
        self.rows[run.step] += run.output_shape.h;
        Ok(())
    }

    fn lost(&self, step: &str, map: TensorId) -> CompileError {
        CompileError::MemoryPlan {
            step: step.to_owned(),
            map: self.graph.tensor(map).name.chars().take(60).collect(),
        }
    }
}

/// What is known to be in memory.
#[derive(Default)]
struct Arena {
    /// Disjoint, in any order.
    parts: Vec<Part>,
}

/// Bytes `start..end` of the arena are those of a map from `index` on.
#[derive(Clone, Copy)]
struct Part {
    start: usize,
    end: usize,
    map: TensorId,
    index: usize,
}

impl Part {
    /// What of it lies in `start..end`.
    fn within(self, start: usize, end: usize) -> Option<Self> {
        let (from, to) = (self.start.max(start), self.end.min(end));
        let index = self.index + (from.saturating_sub(self.start));
        (from < to).then_some(Self { start: from, end: to, index, ..self })
    }
}

impl Arena {
    fn forget(&mut self, Region { offset, bytes }: Region) {
        let end = offset + bytes;
        let around = |part: &Part| [part.within(0, offset), part.within(end, usize::MAX)];
        self.parts = self.parts.iter().flat_map(around).flatten().collect();
    }

    fn write(&mut self, region: Region, map: TensorId, index: usize) {
        self.forget(region);
        self.parts.push(Part { start: region.offset, end: region.end(), map, index });
    }

    fn copy(&mut self, Move { from, to }: Move) {
        let inside = |part: &Part| part.within(from.offset, from.end());
        let moved: Vec<Part> = self.parts.iter().filter_map(inside).collect();
        self.forget(Region { offset: to, bytes: from.bytes });
        self.parts.extend(moved.into_iter().map(|part| Part {
            start: to + (part.start - from.offset),
            end: to + (part.end - from.offset),
            ..part
        }));
    }

    /// Whether the region holds the bytes of a map from `index` on.
    fn holds(&self, region: Region, map: TensorId, index: usize) -> bool {
        let mut at = region.offset;
        while at < region.end() {
            let here = |part: &&Part| {
                part.map == map
                    && (part.start..part.end).contains(&at)
                    && part.index + (at - part.start) == index + (at - region.offset)
            };
            let Some(part) = self.parts.iter().find(here) else { return false };
            at = part.end;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::prove;
    use crate::error::CompileError;
    use crate::program::Region;
    use crate::{Options, Program, fuse, lower, stream};
    use thumbnet_graph::Int8Graph;
    use thumbnet_graph::testing::{int8_graph, seed_cnn};

    /// The steps of a network with plain kernels, and their program by as many stripes as possible.
    fn planned(graph: &Int8Graph) -> (Vec<lower::Lowered>, Program) {
        let options = Options { ram_bytes: Some(0), ..Options::default() };
        let groups = fuse::group(graph, true);
        let lowered: Vec<_> =
            groups.iter().map(|group| lower::lower(graph, group).unwrap()).collect();
        let program = stream::plan(graph, &lowered, &options, [0; 8]);
        (lowered, program)
    }

    #[test]
    fn what_the_planner_makes_is_proved() {
        for seed in 0..300 {
            let graph = int8_graph(seed);
            let (lowered, program) = planned(&graph);
            assert!(prove(&graph, &lowered, &program).is_ok(), "{seed}");
        }
    }

    /// Changes the program, which must be proved before and refused after.
    fn refused(change: impl Fn(&mut Program)) {
        let graph = seed_cnn(1);
        let (lowered, mut program) = planned(&graph);
        assert!(!program.streams.is_empty());
        assert!(prove(&graph, &lowered, &program).is_ok());
        change(&mut program);
        let error = prove(&graph, &lowered, &program).unwrap_err();
        assert!(matches!(error, CompileError::MemoryPlan { .. }), "{error}");
    }

    #[test]
    fn a_map_that_is_not_there_is_noticed() {
        refused(|program| program.input.offset += 1);
        refused(|program| program.output.offset += 1);
        refused(|program| program.output.bytes -= 1);
        refused(|program| program.steps.last_mut().unwrap().inputs[0].bytes -= 1);
        refused(|program| program.streams[0].rounds[0].runs[0].inputs[0].bytes -= 1);
        refused(|program| {
            let run = &mut program.streams[0].rounds[1].runs[0];
            run.inputs[0].offset += 4;
        });
    }

    #[test]
    fn a_map_that_is_written_over_is_noticed() {
        refused(|program| {
            // Scratch of the first rows over the last of the picture.
            program.steps[0].scratch = Some(Region { offset: program.input.end() - 8, bytes: 8 });
        });
        refused(|program| {
            // The first rows that are made go over the last of the picture.
            let picture = program.input;
            let run = &mut program.streams[0].rounds[0].runs[0];
            run.output.offset = picture.end() - run.output.bytes;
        });
    }

    #[test]
    fn rows_that_are_not_moved_are_noticed() {
        refused(|program| {
            let rounds = &mut program.streams[0].rounds;
            let round = rounds.iter_mut().find(|round| !round.moves.is_empty()).unwrap();
            round.moves.clear();
        });
    }
}
