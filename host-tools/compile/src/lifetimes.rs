//! When each buffer is alive, and which may overlap.
//!
//! Steps that run by stripes count as one: what they make is there from the first of them on, what they read until the
//! last, and they share one scratch area.

use crate::lower::Lowered;
use crate::pack::{Buffer, Pair};
use crate::plan::MAP_ALIGNMENT;
use crate::stream::{Schedule, row_bytes};
use thumbnet_graph::{Int8Graph, TensorId};
use thumbnet_kernels::order::Overlap;

/// Scratch holds wider values, up to 64 bits.
const SCRATCH_ALIGNMENT: usize = 8;

/// All buffers, and which of them belongs to which tensor and step.
pub(crate) struct Lifetimes<'a> {
    graph: &'a Int8Graph,
    lowered: &'a [Lowered],
    streams: &'a [Schedule],
    /// All buffers.
    pub buffers: Vec<Buffer>,
    /// Buffers that may share memory where one dies as the other is born.
    pub pairs: Vec<Pair>,
    /// By tensor; `None` for a tensor that fusion has removed.
    pub map: Vec<Option<usize>>,
    /// By step.
    pub scratch: Vec<Option<usize>>,
}

impl<'a> Lifetimes<'a> {
    /// A map is alive from the step that makes it to the last that reads it: the input from the start, the
    /// logits to the end. Scratch is alive in its step.
    pub fn of(graph: &'a Int8Graph, lowered: &'a [Lowered], streams: &'a [Schedule]) -> Self {
        let [map, scratch] = [graph.tensors.len(), lowered.len()].map(|len| vec![None; len]);
        let (buffers, pairs) = (Vec::new(), Vec::new());
        let mut lifetimes = Self { graph, lowered, streams, buffers, pairs, map, scratch };
        lifetimes.add_map(graph.input, 0);
        for (step, lowered) in lowered.iter().enumerate() {
            lifetimes.add_map(lowered.output, step);
            lifetimes.add_scratch(step);
        }
        lifetimes.write_in_place();
        for (step, lowered) in lowered.iter().enumerate() {
            lowered.inputs.iter().for_each(|id| lifetimes.extend(*id, step));
        }
        lifetimes.extend(graph.output, lowered.len());
        lifetimes.pairs = lifetimes.pairs();
        lifetimes
    }

    /// The steps that run by stripes with this one.
    fn stream(&self, step: usize) -> Option<&'a Schedule> {
        self.streams.iter().find(|stream| stream.steps.contains(&step))
    }

    /// When a step is executed.
    fn time(&self, step: usize) -> usize {
        self.stream(step).map_or(step, |stream| stream.steps.start)
    }

    fn add(&mut self, bytes: usize, alignment: usize, step: usize) -> usize {
        let time = self.time(step);
        self.buffers.push(Buffer { bytes, alignment, first: time, last: time });
        self.buffers.len() - 1
    }

    fn add_map(&mut self, id: TensorId, step: usize) {
        let shape = self.graph.tensor(id).shape;
        let stream = self.stream(step);
        if stream.is_some_and(|stream| stream.place(id) != id) {
            return;
        }
        let band = stream.and_then(|stream| stream.band(id));
        let bytes = band.map_or(shape.len(), |band| band.rows() * row_bytes(shape));
        self.map[id.0] = Some(self.add(bytes, MAP_ALIGNMENT, step));
    }

    /// Steps of a stream share an area: they follow each other.
    fn add_scratch(&mut self, step: usize) {
        let Some(stream) = self.stream(step) else {
            let bytes = self.lowered[step].scratch_bytes;
            self.scratch[step] = (bytes > 0).then(|| self.add(bytes, SCRATCH_ALIGNMENT, step));
            return;
        };
        let bytes = stream.scratch_bytes[step - stream.steps.start];
        if bytes == 0 {
            return;
        }
        let before = self.scratch[stream.steps.start..step].iter().flatten().next().copied();
        let area = before.unwrap_or_else(|| self.add(bytes, SCRATCH_ALIGNMENT, step));
        self.buffers[area].bytes = self.buffers[area].bytes.max(bytes);
        self.scratch[step] = Some(area);
    }

    /// Maps that have no memory of their own have that of another one.
    fn write_in_place(&mut self) {
        for stream in self.streams {
            for (id, _) in &stream.in_place {
                self.map[id.0] = self.map[stream.place(*id).0];
            }
        }
    }

    fn extend(&mut self, id: TensorId, step: usize) {
        let time = self.time(step);
        if let Some(buffer) = self.map[id.0] {
            self.buffers[buffer].last = self.buffers[buffer].last.max(time);
        }
    }

    /// Inputs that die in the step that makes an output from them, where the kernel allows them to overlap.
    fn pairs(&self) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for step in 0..self.lowered.len() {
            if self.stream(step).is_none() {
                self.pair_step(step, &mut pairs);
            }
        }
        for stream in self.streams {
            for (input, output, overlap) in &stream.overlaps {
                self.pair(*input, *output, *overlap, stream.steps.start, &mut pairs);
            }
        }
        pairs
    }

    fn pair_step(&self, step: usize, pairs: &mut Vec<Pair>) {
        let Lowered { call, inputs, output, scratch_bytes, .. } = &self.lowered[step];
        let output_shape = self.graph.tensor(*output).shape;
        if let Some(overlap) = call.overlap(output_shape, *scratch_bytes > 0) {
            for input in inputs {
                self.pair(*input, *output, overlap, step, pairs);
            }
        }
    }

    fn pair(
        &self,
        input: TensorId,
        output: TensorId,
        overlap: Overlap,
        time: usize,
        pairs: &mut Vec<Pair>,
    ) {
        let output = self.map[output.0].expect("every output has a buffer");
        let Some(input) = self.map[input.0] else { return };
        if self.buffers[input].last != time
            || pairs.iter().any(|pair| (pair.input, pair.output) == (input, output))
        {
            return;
        }
        // Both maps are aligned, and so must be their distance.
        let step = least_common_multiple(overlap.step, MAP_ALIGNMENT);
        pairs.push(Pair { input, output, overlap: Overlap { step, ..overlap } });
    }
}

fn least_common_multiple(one: usize, other: usize) -> usize {
    let (mut a, mut b) = (one, other);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    one / a * other
}
