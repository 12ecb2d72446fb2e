//! Which 3 x 3 convolutions get a Winograd form: fewer instructions for 3.6 or 8 times the flash, or for scratch
//! memory in which the device transforms the weights.
//!
//! Where speed is asked for, any form, as long as the whole program still fits what the board has; where a balance is,
//! only the last one, as long as the program takes no more than a quarter more RAM for it:
//!
//! ```text
//! while some layer has a form that is faster than what it has: of all, that which saves the most instructions
//!     a byte of flash; keep it if the program that results fits, else strike it out
//! ```
//!
//! A form is exact only up to some size of the accumulators, which is proved here from the weights; where it cannot
//! be, there is no such form of the layer, and its choice says so.

use crate::call::{Call, PackedLayout};
use crate::cost;
use crate::error::thousands;
use crate::fit::flash_bytes;
use crate::layout::{NoForm, Packed};
use crate::lower::Lowered;
use crate::options::{InstructionSet, Optimize, Options};
use crate::program::{Choice, Program};
use thumbnet_graph::{Shape, Window};
use thumbnet_kernels::packed::largest_accumulator;

/// The program of `chosen`, with Winograd forms of the layers in `plain` where they are faster and fit.
pub(crate) fn with_winograd(
    plain: &[Lowered],
    mut chosen: Vec<Lowered>,
    options: &Options,
    plan: impl Fn(&[Lowered]) -> Program,
) -> Program {
    let forms: &[Form] = match options.optimize {
        _ if options.instruction_set != InstructionSet::Armv7em => &[],
        Optimize::Speed => &[Form::Compact, Form::Two, Form::Four],
        Optimize::Balanced => &[Form::Compact],
        Optimize::Size => &[],
    };
    if forms.is_empty() {
        return plan(&chosen);
    }
    let limits = Limits::of(&plan(&chosen), options);
    let layers = plain.iter().zip(&chosen);
    let mut layers: Vec<Layer> =
        layers.map(|(plain, chosen)| Layer::of(plain, chosen, forms)).collect();
    while let Some((index, candidate)) = best(&layers) {
        let candidate = layers[index].forms.remove(candidate);
        let before = std::mem::replace(&mut chosen[index], candidate.lowered);
        match limits.obstacle(&plan(&chosen)) {
            None => {
                layers[index].instructions = candidate.instructions;
                layers[index].constant_bytes = chosen[index].call.constant_bytes();
            }
            Some(obstacle) => {
                chosen[index] = before;
                layers[index].struck_out.add(&format!("{} {obstacle}", candidate.form.name()));
            }
        }
    }
    for (lowered, layer) in chosen.iter_mut().zip(&layers) {
        lowered.choice.add(&layer.struck_out.why);
    }
    plan(&chosen)
}

/// What a program may take.
struct Limits<'a> {
    options: &'a Options,
    /// The arena, where RAM is not to be spent freely.
    arena_bytes: Option<usize>,
}

impl<'a> Limits<'a> {
    /// Those of programs in place of `direct`, the one without Winograd forms.
    fn of(direct: &Program, options: &'a Options) -> Self {
        let balanced = options.optimize == Optimize::Balanced;
        let arena_bytes = balanced.then(|| direct.arena_bytes + direct.arena_bytes / 4);
        Self { options, arena_bytes }
    }

    /// What keeps `program` from them.
    fn obstacle(&self, program: &Program) -> Option<&'static str> {
        let more_than = |bytes: usize, limit: Option<usize>| limit.is_some_and(|max| bytes > max);
        if more_than(flash_bytes(program), self.options.flash_bytes)
            || more_than(program.arena_bytes, self.options.ram_bytes)
        {
            Some("does not fit the board")
        } else if more_than(program.arena_bytes, self.arena_bytes) {
            Some("would take more than a quarter more RAM")
        } else {
            None
        }
    }
}

/// The layer and the form of it that save the most instructions a byte.
fn best(layers: &[Layer]) -> Option<(usize, usize)> {
    let of_layer = |(index, layer): (usize, &Layer)| {
        let forms = layer.forms.iter().enumerate();
        let faster = forms.filter(|(_, form)| form.instructions < layer.instructions);
        faster.map(|(form, candidate)| (layer.saved_a_kib(candidate), (index, form))).max()
    };
    layers.iter().enumerate().filter_map(of_layer).max().map(|(_, best)| best)
}

/// A Winograd form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// F(4x4, 3x3) from weights that the device transforms.
    Compact,
    /// F(2x2, 3x3).
    Two,
    /// F(4x4, 3x3).
    Four,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Compact => "F(4x4,3x3) from int8 weights",
            Self::Two => "F(2x2,3x3)",
            Self::Four => "F(4x4,3x3)",
        }
    }

    fn layout(self) -> PackedLayout {
        match self {
            Self::Compact => PackedLayout::CompactWinograd4,
            Self::Two => PackedLayout::Winograd,
            Self::Four => PackedLayout::Winograd4,
        }
    }

    /// Accumulators must be smaller than 2 to this power.
    fn bits(self) -> u32 {
        match self {
            Self::Two => 29,
            Self::Compact | Self::Four => 25,
        }
    }

    fn instructions(self, input: Shape, window: &Window, pool: &Window, oc: usize) -> Option<u64> {
        match self {
            Self::Compact => cost::compact_winograd4(input, window, oc),
            Self::Two => cost::winograd(input, window, pool, oc),
            Self::Four => cost::winograd4(input, window, oc),
        }
    }
}

/// A layer, what it costs now, and what else it may become.
struct Layer {
    instructions: u64,
    constant_bytes: usize,
    forms: Vec<Candidate>,
    /// Why other forms are none.
    struck_out: Choice,
}

/// A layer in a Winograd form.
struct Candidate {
    form: Form,
    lowered: Lowered,
    instructions: u64,
}

impl Layer {
    /// The forms of `plain` that are exact, and what `chosen` costs.
    fn of(plain: &Lowered, chosen: &Lowered, forms: &[Form]) -> Self {
        let constant_bytes = chosen.call.constant_bytes();
        let mut struck_out = Choice::default();
        let none = Self {
            instructions: 0,
            constant_bytes,
            forms: Vec::new(),
            struck_out: Choice::default(),
        };
        let Call::Conv2d { input, window, pool, bias, .. } = &plain.call else { return none };
        let shallow =
            matches!(chosen.call, Call::PackedConv2d { layout: PackedLayout::Shallow, .. });
        if shallow || chosen.fixed {
            return none;
        }
        let forms = forms.iter();
        let forms = forms.filter_map(|form| candidate(*form, plain, &mut struck_out)).collect();
        let instructions = cost::deep(*input, window, pool, bias.len()).unwrap_or(u64::MAX);
        Self { instructions, constant_bytes, forms, struck_out }
    }

    fn saved_a_kib(&self, candidate: &Candidate) -> u64 {
        let saved = self.instructions.saturating_sub(candidate.instructions);
        let more = candidate.lowered.call.constant_bytes().saturating_sub(self.constant_bytes);
        saved.saturating_mul(1 << 10) / more.max(1) as u64
    }
}

/// `plain` in a Winograd form; `None`, and a remark in `choice`, where there is none that is exact.
fn candidate(form: Form, plain: &Lowered, choice: &mut Choice) -> Option<Candidate> {
    let Call::Conv2d { input, window, pool, weights, bias, .. } = &plain.call else {
        return None;
    };
    let filters = weights.chunks((window.taps() * input.c).max(1)).zip(bias);
    let largest = filters.map(|(filter, bias)| largest_accumulator(filter, *bias)).max()?;
    let bits = (largest.max(1) as f64).log2();
    let Packed { call, scratch_bytes } = match form.layout().of(&plain.call) {
        Ok(packed) => packed,
        Err(NoForm::NoKernel) => return None,
        Err(NoForm::NotProved(_)) => {
            choice.add(&format!(
                "an accumulator may reach 2^{bits:.1}: {} is not exact",
                form.name()
            ));
            return None;
        }
    };
    let instructions = form.instructions(*input, window, pool, bias.len())?;
    let why = format!(
        "{}: accumulators stay below 2^{bits:.1}, exact up to 2^{}; {} B of weights fit",
        form.name(),
        form.bits(),
        thousands(4 * call.packed_weights().len())
    );
    let lowered = Lowered { call, scratch_bytes, choice: Choice { why }, ..plain.clone() };
    Some(Candidate { form, lowered, instructions })
}
