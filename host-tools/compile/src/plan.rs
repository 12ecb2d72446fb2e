//! The memory plan: where each buffer lies in the arena.

use crate::lifetimes::Lifetimes;
use crate::lower::Lowered;
use crate::pack::pack;
use crate::program::{Program, Region, Step};
use crate::run::{Move, Round, Run, Stream};
use crate::stream::{Band, Schedule, Stripe, row_bytes};
use std::ops::Range;
use thumbnet_graph::{Int8Graph, Shape, TensorId};

/// Activations start at multiples of this, so that kernels may read them by words.
pub(crate) const MAP_ALIGNMENT: usize = 4;

/// Places every map and every scratch area, and turns the lowered nodes into a program in which `streams` run by
/// stripes.
pub(crate) fn plan(
    graph: &Int8Graph,
    lowered: &[Lowered],
    streams: &[Schedule],
    digest: [u8; 8],
) -> Program {
    let lifetimes = Lifetimes::of(graph, lowered, streams);
    let packing = pack(&lifetimes.buffers, &lifetimes.pairs);
    let region = |buffer: usize| Region {
        offset: packing.offsets[buffer],
        bytes: lifetimes.buffers[buffer].bytes,
    };
    let map =
        |id: TensorId| region(lifetimes.map[id.0].expect("every tensor of a step has a buffer"));
    let (input, output) = (map(graph.input), map(graph.output));
    let programmed = |stream: &Schedule| Placed { graph, lowered, stream, map: &map }.stream();
    let programmed_streams = streams.iter().map(programmed).collect();
    let scratch = |step: usize, own_bytes: usize| {
        let area = lifetimes.scratch[step].map(region);
        let stream = streams.iter().find(|stream| stream.steps.contains(&step));
        let bytes =
            stream.map_or(own_bytes, |stream| stream.scratch_bytes[step - stream.steps.start]);
        area.map(|area| Region { bytes, ..area })
    };
    let step = |(index, lowered): (usize, &Lowered)| Step {
        tensor: graph.tensor(lowered.output).name.clone(),
        inputs: lowered.inputs.iter().map(|id| map(*id)).collect(),
        input_shape: graph.tensor(lowered.inputs[0]).shape,
        scratch: scratch(index, lowered.scratch_bytes),
        output: map(lowered.output),
        output_shape: graph.tensor(lowered.output).shape,
        output_quantization: graph.tensor(lowered.output).format,
        name: lowered.name.clone(),
        call: lowered.call.clone(),
        choice: lowered.choice.clone(),
        macs: lowered.macs,
    };
    Program {
        steps: lowered.iter().enumerate().map(step).collect(),
        streams: programmed_streams,
        input,
        output,
        input_shape: graph.tensor(graph.input).shape,
        input_quantization: graph.tensor(graph.input).format,
        output_quantization: graph.tensor(graph.output).format,
        arena_bytes: packing.bytes,
        arena_lower_bound_bytes: packing.lower_bound_bytes,
        metadata: graph.metadata.clone(),
        digest,
    }
}

/// A schedule whose buffers have their places.
struct Placed<'a, M> {
    graph: &'a Int8Graph,
    lowered: &'a [Lowered],
    stream: &'a Schedule,
    map: &'a M,
}

impl<M: Fn(TensorId) -> Region> Placed<'_, M> {
    fn stream(&self) -> Stream {
        let rounds = self.stream.rounds.iter().enumerate().map(|(round, stripes)| Round {
            runs: stripes.iter().map(|stripe| self.run(stripe, round)).collect(),
            moves: self.moves(round),
        });
        Stream { steps: self.stream.steps.clone(), rounds: rounds.collect() }
    }

    fn run(&self, stripe: &Stripe, round: usize) -> Run {
        let Lowered { inputs, output, .. } = &self.lowered[stripe.step];
        let shape = |id: TensorId, h: usize| Shape { h, ..self.graph.tensor(id).shape };
        let input_rows = |id: &TensorId| self.rows(*id, stripe.input.clone(), round);
        Run {
            step: stripe.step,
            input_shape: shape(inputs[0], stripe.input.len()),
            output_shape: shape(*output, stripe.output.len()),
            padding: stripe.padding,
            inputs: inputs.iter().map(input_rows).collect(),
            output: self.rows(*output, stripe.output.clone(), round),
        }
    }

    /// Where rows of a map lie in a round.
    fn rows(&self, id: TensorId, rows: Range<usize>, round: usize) -> Region {
        let row_bytes = row_bytes(self.graph.tensor(id).shape);
        let first = self.stream.band(self.stream.place(id)).map_or(0, |band| band.first[round]);
        Region {
            offset: (self.map)(id).offset + (rows.start - first) * row_bytes,
            bytes: rows.len() * row_bytes,
        }
    }

    /// What the next round still needs of this one's rows.
    fn moves(&self, round: usize) -> Vec<Move> {
        let of = |(id, band): &(TensorId, Band)| {
            let next = *band.first.get(round + 1)?;
            let moves = self.stream.place(*id) == *id && next > band.first[round];
            let rows = next..band.end[round];
            (moves && !rows.is_empty())
                .then(|| Move { from: self.rows(*id, rows, round), to: (self.map)(*id).offset })
        };
        self.stream.bands.iter().filter_map(of).collect()
    }
}
