//! Which 3 x 3 convolutions get the Winograd form: fewer instructions for 3.6 times the flash.
//!
//! Only where speed is asked for, and as long as the whole program still fits what the board has:
//!
//! ```text
//! for each layer that would get faster, those that save the most instructions a byte of flash first:
//!     keep its Winograd form if the program that results fits
//! ```

use crate::call::{Call, PackedLayout};
use crate::fit::flash_bytes;
use crate::lower::Lowered;
use crate::options::{InstructionSet, Optimize, Options};
use crate::program::Program;
use std::cmp::Reverse;
use thumbnet_graph::{Shape, Window};
use thumbnet_kernels::packed::{pack_winograd, winograd_kernel_exists, winograd_scratch_bytes};

/// The program of `chosen`, with Winograd forms of the layers in `plain` where they are faster and fit.
pub(crate) fn with_winograd(
    plain: &[Lowered],
    mut chosen: Vec<Lowered>,
    options: &Options,
    plan: impl Fn(Vec<Lowered>) -> Program,
) -> Program {
    let mut program = plan(chosen.clone());
    if options.instruction_set != InstructionSet::Armv7em || options.optimize != Optimize::Speed {
        return program;
    }
    let candidates = plain.iter().zip(&chosen).enumerate();
    let mut candidates: Vec<Candidate> = candidates
        .filter_map(|(index, (plain, chosen))| Candidate::of(index, plain, chosen))
        .collect();
    candidates.sort_by_key(|candidate| Reverse(candidate.saved_a_kib()));
    for Candidate { index, lowered, .. } in candidates {
        let before = std::mem::replace(&mut chosen[index], lowered);
        let faster = plan(chosen.clone());
        if fits(&faster, options) {
            program = faster;
        } else {
            chosen[index] = before;
        }
    }
    program
}

fn fits(program: &Program, options: &Options) -> bool {
    options.flash_bytes.is_none_or(|bytes| flash_bytes(program) <= bytes)
        && options.ram_bytes.is_none_or(|bytes| program.arena_bytes <= bytes)
}

/// A layer in Winograd form.
struct Candidate {
    /// Among the steps.
    index: usize,
    lowered: Lowered,
    saved_instructions: u64,
    more_bytes: u64,
}

impl Candidate {
    /// The Winograd form of `plain`; `None` where there is none that is exact, or it saves nothing.
    fn of(index: usize, plain: &Lowered, chosen: &Lowered) -> Option<Self> {
        let Call::Conv2d { input, window, pool, input_zero_point, weights, bias, requantize } =
            &plain.call
        else {
            return None;
        };
        let shallow =
            matches!(chosen.call, Call::PackedConv2d { layout: PackedLayout::Shallow, .. });
        if shallow || !winograd_kernel_exists(window, pool) || !ordinary(*input, pool, bias.len()) {
            return None;
        }
        let direct = plain.macs.saturating_mul(13) / 16; // the deep kernel's: 13 for 16 multiplications
        let saved = direct.checked_sub(instructions(*input, window, pool, bias.len())?)?;
        let call = Call::PackedConv2d {
            layout: PackedLayout::Winograd,
            input: *input,
            window: *window,
            pool: *pool,
            input_zero_point: *input_zero_point,
            weights: pack_winograd(weights, input.c)?,
            bias: bias.clone(),
            requantize: requantize.clone(),
        };
        let more = call.constant_bytes().saturating_sub(chosen.call.constant_bytes());
        let scratch_bytes = winograd_scratch_bytes(*input);
        let lowered = Lowered { call, scratch_bytes, ..plain.clone() };
        Some(Self { index, lowered, saved_instructions: saved, more_bytes: more as u64 })
    }

    fn saved_a_kib(&self) -> u64 {
        self.saved_instructions.saturating_mul(1 << 10) / self.more_bytes.max(1)
    }
}

/// Sizes whose products the kernel trusts; it does nothing beyond them.
fn ordinary(input: Shape, pool: &Window, oc: usize) -> bool {
    pool.stride.iter().all(|stride| *stride <= 64) && input.c.max(oc) <= 1 << 15
}

/// Instructions of the Winograd form: the counts in the heads of its loops in `thumbnet_kernels`. Requantization
/// is left out, as it is in what this is compared with.
fn instructions(input: Shape, window: &Window, pool: &Window, oc: usize) -> Option<u64> {
    let [h, w] = window.positions(input.h, input.w)?;
    let [h, w] = match pool.kernel {
        [1, 1] => [h.div_ceil(2), w.div_ceil(2)],
        _ => pool.positions(h, w)?,
    };
    let tiles = (h as u64).checked_mul(w as u64)?;
    let multiply = 16 * (18 + 47 * input.c.div_ceil(8) as u64) + 8 * 56 + 90;
    let transform = 360 * input.c.div_ceil(4) as u64;
    let pairs = oc.div_ceil(2) as u64;
    let products = tiles.div_ceil(4).checked_mul(pairs)?.checked_mul(multiply)?;
    products.checked_add(tiles.checked_mul(transform)?)
}
