//! The desktop interpreter: the same kernels as on the device, called step by step.
//!
//! Same descriptors, same arena offsets, same kernels: what differs from the firmware is only who calls them.

use std::marker::PhantomData;
use thumbnet_compile::{
    Call, Factors, PackedLayout, Program, Region, Requantize, Run, Stage, Step, Stream,
};
use thumbnet_kernels::map::{Map, Maps};
use thumbnet_kernels::packed::{PackedConv2d, PackedDense};
use thumbnet_kernels::portable::{
    AveragePool2d, Concat, Conv2d, Dense, DepthwiseConv2d, Lookup, MaxPool2d,
};
use thumbnet_kernels::requantize::{FixedPoint, Float, Mixed};
use thumbnet_kernels::{Backend, Native, requantize};

/// Runs `program` once on `input`, int8 `[h, w, c]`; returns the logits. `observe` sees the output of every
/// step. For many inputs, [`Simulator`] keeps its memory.
///
/// # Panics
/// If `input` is not as long as the program's input.
pub fn run(program: &Program, input: &[i8], observe: &mut dyn FnMut(usize, &[i8])) -> Vec<i8> {
    Simulator::<Native>::new(program).run(input, observe).to_vec()
}

/// A program with its working memory, run by the kernels of backend `B`.
#[derive(Clone, Debug)]
pub struct Simulator<'p, B = Native> {
    program: &'p Program,
    arena: Vec<i8>,
    backend: PhantomData<B>,
}

impl<'p, B: Backend> Simulator<'p, B> {
    /// Allocates the arena of `program`; [`Simulator::run`] allocates nothing.
    pub fn new(program: &'p Program) -> Self {
        Self { program, arena: vec![0; program.arena_bytes], backend: PhantomData }
    }

    /// Runs the program on `input`, int8 `[h, w, c]`; returns the logits. `observe` sees the index and the
    /// output of every step.
    ///
    /// # Panics
    /// If `input` is not as long as the program's input.
    pub fn run(&mut self, input: &[i8], observe: &mut dyn FnMut(usize, &[i8])) -> &[i8] {
        assert_eq!(input.len(), self.program.input.bytes, "the input has another size");
        self.arena[self.program.input.range()].copy_from_slice(input);
        for stage in self.program.stages() {
            match stage {
                Stage::Whole(index) => {
                    let step = &self.program.steps[index];
                    execute::<B>(step, &step.run(index), &mut self.arena);
                    observe(index, &self.arena[step.output.range()]);
                }
                Stage::Stream(stream) => self.stream(stream, observe),
            }
        }
        &self.arena[self.program.output.range()]
    }

    /// Runs steps by stripes. Their maps are put together outside of the arena, where they are not whole.
    fn stream(&mut self, stream: &Stream, observe: &mut dyn FnMut(usize, &[i8])) {
        let mut maps = vec![Vec::new(); stream.steps.len()];
        for round in &stream.rounds {
            for run in &round.runs {
                execute::<B>(&self.program.steps[run.step], run, &mut self.arena);
                let rows = &self.arena[run.output.range()];
                maps[run.step - stream.steps.start].extend_from_slice(rows);
            }
            for rows in &round.moves {
                self.arena.copy_within(rows.from.range(), rows.to);
            }
        }
        for (index, map) in stream.steps.clone().zip(maps) {
            observe(index, &map);
        }
    }
}

/// Calls the kernel of one step.
fn execute<B: Backend>(step: &Step, run: &Run, arena: &mut [i8]) {
    let scratch = step.scratch.unwrap_or(Region { offset: 0, bytes: 0 });
    let (maps, scratch) = Maps::beside(arena, scratch.range());
    let map = |region: Region| {
        let map = maps.at(region.range());
        assert_eq!(map.len(), region.bytes, "the planner keeps maps off the scratch area");
        map
    };
    let output = map(run.output);
    if let Call::Concat { lengths } = &step.call {
        let inputs: Vec<&Map> = run.inputs.iter().map(|input| map(*input)).collect();
        return B::concat(&Concat { lengths }, &inputs, output);
    }
    match *run.inputs.as_slice() {
        [input] => match step.call.requantize() {
            Some(requantize) => match &requantize.factors {
                Factors::Fixed(multipliers) => {
                    let requantize = fixed(requantize, multipliers);
                    scaled::<B, _>(step, run, requantize, [map(input), output], scratch);
                }
                Factors::Mixed(scales) => {
                    let requantize = mixed(requantize, scales);
                    scaled::<B, _>(step, run, requantize, [map(input), output], scratch);
                }
                Factors::Float(factors) => {
                    let requantize = float(requantize, factors);
                    scaled::<B, _>(step, run, requantize, [map(input), output], scratch);
                }
            },
            None => passed::<B>(step, run, map(input), output),
        },
        [lhs, rhs] => added::<B>(step, map(lhs), map(rhs), output),
        _ => unreachable!("the compiler makes other steps of one or two inputs"),
    }
}

/// A kernel that requantizes with `requantize`.
fn scaled<B: Backend, R: requantize::Requantize>(
    step: &Step,
    run: &Run,
    requantize: R,
    [input_map, output_map]: [&Map; 2],
    scratch: &mut [i8],
) {
    let (input, output) = (run.input_shape, run.output_shape);
    match &step.call {
        Call::Conv2d { window, pool, input_zero_point, weights, bias, .. } => {
            let (window, pool) = (run.window(window), *pool);
            let input_zero_point = *input_zero_point;
            let layer =
                Conv2d { input, output, window, pool, input_zero_point, weights, bias, requantize };
            B::conv2d(&layer, input_map, scratch, output_map);
        }
        Call::PackedConv2d { layout, window, pool, input_zero_point, weights, bias, .. } => {
            let (window, pool) = (run.window(window), *pool);
            let input_zero_point = *input_zero_point;
            let layer = PackedConv2d {
                input,
                output,
                window,
                pool,
                input_zero_point,
                weights,
                bias,
                requantize,
            };
            match layout {
                PackedLayout::Deep => B::deep_conv2d(&layer, input_map, scratch, output_map),
                PackedLayout::Pointwise => {
                    B::pointwise_conv2d(&layer, input_map, scratch, output_map);
                }
                PackedLayout::Shallow => B::shallow_conv2d(&layer, input_map, scratch, output_map),
                PackedLayout::Winograd => {
                    B::winograd_conv2d(&layer, input_map, scratch, output_map);
                }
                PackedLayout::Winograd4 => {
                    B::winograd4_conv2d(&layer, input_map, scratch, output_map);
                }
                PackedLayout::CompactWinograd4 => {
                    B::compact_winograd4_conv2d(&layer, input_map, scratch, output_map);
                }
            }
        }
        Call::DepthwiseConv2d { window, input_zero_point, weights, bias, .. } => {
            let (window, input_zero_point) = (run.window(window), *input_zero_point);
            let layer = DepthwiseConv2d {
                input,
                output,
                window,
                input_zero_point,
                weights,
                bias,
                requantize,
            };
            B::depthwise_conv2d(&layer, input_map, scratch, output_map);
        }
        Call::Dense { weights, bias, .. } => {
            B::dense(&Dense { weights, bias, requantize }, input_map, output_map);
        }
        Call::PackedDense { weights, bias, .. } => {
            B::packed_dense(&PackedDense { weights, bias, requantize }, input_map, output_map);
        }
        Call::AveragePool2d { window, input_zero_point, bias, .. } => {
            let (window, bias) = (run.window(window), *bias);
            let input_zero_point = *input_zero_point;
            let layer = AveragePool2d { input, output, window, input_zero_point, bias, requantize };
            B::average_pool2d(&layer, input_map, output_map);
        }
        _ => unreachable!("it does not requantize"),
    }
}

/// A kernel of two maps.
fn added<B: Backend>(step: &Step, lhs: &Map, rhs: &Map, output: &Map) {
    match &step.call {
        Call::Add(add) => B::add(add, lhs, rhs, output),
        Call::AddFloat(add) => B::add_float(add, lhs, rhs, output),
        Call::Combine(combine) => B::combine(combine, lhs, rhs, output),
        _ => unreachable!("no other kernel has two inputs"),
    }
}

/// A kernel of one map that has scales of its own, or passes codes through.
fn passed<B: Backend>(step: &Step, run: &Run, input_map: &Map, output_map: &Map) {
    match &step.call {
        Call::MaxPool2d { window, .. } => {
            let (input, output) = (run.input_shape, run.output_shape);
            let layer = MaxPool2d { input, output, window: run.window(window) };
            B::max_pool2d(&layer, input_map, output_map);
        }
        Call::AveragePoolFloat(pool) => B::average_pool_float(pool, input_map, output_map),
        Call::Lookup { tables } => B::lookup(&Lookup { tables }, input_map, output_map),
        Call::Rearrange(copy) => B::rearrange(copy, input_map, output_map),
        Call::Pad(pad) => B::pad(pad, input_map, output_map),
        _ => unreachable!("all other kernels of one input requantize"),
    }
}

fn fixed<'a>(requantize: &Requantize, multipliers: &'a [i32]) -> FixedPoint<'a> {
    let Requantize { zero_point, min, max, .. } = *requantize;
    FixedPoint { multipliers, zero_point, min, max }
}

fn mixed<'a>(requantize: &Requantize, scales: &'a [i32]) -> Mixed<'a> {
    let Requantize { zero_point, min, max, .. } = *requantize;
    Mixed { scales, zero_point, min, max }
}

fn float<'a>(requantize: &Requantize, factors: &'a [f32]) -> Float<'a> {
    let Requantize { zero_point, min, max, .. } = *requantize;
    Float { factors, zero_point, min, max }
}
