//! The memory plan: when each buffer is alive, which may overlap, and where it lies in the arena.

use crate::lower::Lowered;
use crate::pack::{Buffer, Pair, pack};
use crate::program::{Program, Region, Step};
use thumbnet_graph::{Int8Graph, TensorId};
use thumbnet_kernels::order::Overlap;

/// Activations start at multiples of this, so that kernels may read them by words.
const MAP_ALIGNMENT: usize = 4;
/// Scratch holds wider values, up to 64 bits.
const SCRATCH_ALIGNMENT: usize = 8;

/// Places every map and every scratch area, and turns the lowered nodes into a program.
pub(crate) fn plan(graph: &Int8Graph, lowered: Vec<Lowered>, digest: [u8; 8]) -> Program {
    let lifetimes = Lifetimes::of(graph, &lowered);
    let packing = pack(&lifetimes.buffers, &lifetimes.pairs(graph, &lowered));
    let region = |buffer: usize| Region {
        offset: packing.offsets[buffer],
        bytes: lifetimes.buffers[buffer].bytes,
    };
    let map =
        |id: TensorId| region(lifetimes.map[id.0].expect("every tensor of a step has a buffer"));
    let (input, output) = (map(graph.input), map(graph.output));
    let step = |(lowered, scratch): (Lowered, &Option<usize>)| Step {
        tensor: graph.tensor(lowered.output).name.clone(),
        inputs: lowered.inputs.iter().map(|id| map(*id)).collect(),
        input_shape: graph.tensor(lowered.inputs[0]).shape,
        scratch: scratch.map(region),
        output: map(lowered.output),
        output_shape: graph.tensor(lowered.output).shape,
        output_quantization: graph.tensor(lowered.output).format,
        name: lowered.name,
        call: lowered.call,
        choice: lowered.choice,
        macs: lowered.macs,
    };
    Program {
        steps: lowered.into_iter().zip(&lifetimes.scratch).map(step).collect(),
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

/// All buffers, and which of them belongs to which tensor and step.
struct Lifetimes {
    buffers: Vec<Buffer>,
    /// By tensor; `None` for a tensor that fusion has removed.
    map: Vec<Option<usize>>,
    /// By step.
    scratch: Vec<Option<usize>>,
}

impl Lifetimes {
    /// A map is alive from the step that makes it to the last that reads it: the input from the start, the
    /// logits to the end. Scratch is alive in its step.
    fn of(graph: &Int8Graph, lowered: &[Lowered]) -> Self {
        let mut buffers = Vec::new();
        let mut map = vec![None; graph.tensors.len()];
        let mut add = |bytes, alignment, step| {
            buffers.push(Buffer { bytes, alignment, first: step, last: step });
            buffers.len() - 1
        };
        let bytes = |id: TensorId| graph.tensor(id).shape.len();
        map[graph.input.0] = Some(add(bytes(graph.input), MAP_ALIGNMENT, 0));
        let mut scratch = Vec::new();
        for (step, lowered) in lowered.iter().enumerate() {
            map[lowered.output.0] = Some(add(bytes(lowered.output), MAP_ALIGNMENT, step));
            let wanted = (lowered.scratch_bytes > 0).then_some(lowered.scratch_bytes);
            scratch.push(wanted.map(|bytes| add(bytes, SCRATCH_ALIGNMENT, step)));
        }
        let mut extend = |id: TensorId, step: usize| {
            if let Some(buffer) = map[id.0] {
                buffers[buffer].last = buffers[buffer].last.max(step);
            }
        };
        for (step, lowered) in lowered.iter().enumerate() {
            lowered.inputs.iter().for_each(|id| extend(*id, step));
        }
        extend(graph.output, lowered.len());
        Self { buffers, map, scratch }
    }

    /// Inputs that die in the step that makes an output from them, where the kernel allows them to overlap.
    fn pairs(&self, graph: &Int8Graph, lowered: &[Lowered]) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for (step, lowered) in lowered.iter().enumerate() {
            let output_shape = graph.tensor(lowered.output).shape;
            let Some(overlap) = lowered.call.overlap(output_shape, lowered.scratch_bytes > 0)
            else {
                continue;
            };
            // Both maps are aligned, and so must be their distance.
            let step_bytes = least_common_multiple(overlap.step, MAP_ALIGNMENT);
            let overlap = Overlap { step: step_bytes, ..overlap };
            let output = self.map[lowered.output.0].expect("every output has a buffer");
            let inputs = lowered.inputs.iter().filter_map(|id| self.map[id.0]);
            for input in inputs.filter(|input| self.buffers[*input].last == step) {
                if !pairs.iter().any(|pair: &Pair| (pair.input, pair.output) == (input, output)) {
                    pairs.push(Pair { input, output, overlap });
                }
            }
        }
        pairs
    }
}

fn least_common_multiple(one: usize, other: usize) -> usize {
    let (mut a, mut b) = (one, other);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    one / a * other
}
