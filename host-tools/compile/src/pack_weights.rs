//! Which layers get packed weights: for kernels that multiply two halfwords an instruction.
//!
//! A packed kernel computes the same bytes from weights in another order, with scratch memory. The packers
//! prove that mixing two channels in one lane is exact for these weights; where it is not, where there is no
//! kernel for the window, or where padding the layout costs too much flash, the plain kernel stays. A depthwise
//! convolution keeps its weights, but has a faster kernel where it gets scratch memory.

use crate::call::{Call, PackedLayout};
use crate::layout::{NoForm, Packed, packed_dense};
use crate::lower::Lowered;
use crate::options::{InstructionSet, Optimize, Options};
use crate::program::Choice;
use thumbnet_kernels::armv7em::depthwise_scratch_bytes;
use thumbnet_kernels::scalar::conv2d_scratch_bytes;

/// `lowered`, with packed weights where `options` want that and it is exact, and with the reason.
pub(crate) fn pack_weights(lowered: Lowered, options: &Options) -> Lowered {
    let keep =
        |lowered: Lowered, why: &str| Lowered { choice: Choice { why: why.to_owned() }, ..lowered };
    if options.instruction_set != InstructionSet::Armv7em {
        let scratch_bytes = match &lowered.call {
            Call::Conv2d { input, window, .. } => conv2d_scratch_bytes(window, *input),
            _ => 0,
        };
        return keep(Lowered { scratch_bytes, ..lowered }, "this core has plain kernels only");
    }
    let packed = match &lowered.call {
        Call::Conv2d { .. } => direct(&lowered.call),
        Call::Dense { .. } => packed_dense(&lowered.call),
        Call::DepthwiseConv2d { .. } if options.optimize != Optimize::Size => {
            return with_scratch(lowered);
        }
        _ => return keep(lowered, "there is one kernel for this operation"),
    };
    let plain_bytes = lowered.call.weights().len();
    match packed {
        _ if options.optimize == Optimize::Size => {
            keep(lowered, "weights as they are and no scratch memory: the smallest")
        }
        Err(NoForm::NoKernel) => keep(lowered, "there is no faster kernel for this window"),
        Err(NoForm::NotProved(bound)) => {
            keep(lowered, &format!("not proved, as faster kernels need it, that {bound}"))
        }
        Ok(Packed { call, .. }) if !affordable(&call, plain_bytes, options.optimize) => {
            keep(lowered, "packed weights would take more than half as much flash again")
        }
        Ok(Packed { call, scratch_bytes }) => {
            let why = "two multiplications an instruction with packed weights";
            keep(Lowered { call, scratch_bytes, ..lowered }, why)
        }
    }
}

/// Scratch memory for a depthwise convolution, where its faster kernel has the window.
fn with_scratch(lowered: Lowered) -> Lowered {
    let Call::DepthwiseConv2d { input, window, .. } = &lowered.call else { return lowered };
    let (scratch_bytes, why) = match depthwise_scratch_bytes(window, *input) {
        Some(bytes) => (bytes, "planes of halfwords in scratch memory: two pixels an instruction"),
        None => (0, "there is no faster kernel for this window"),
    };
    Lowered { scratch_bytes, choice: Choice { why: why.to_owned() }, ..lowered }
}

fn affordable(packed: &Call, plain_bytes: usize, optimize: Optimize) -> bool {
    let packed_bytes = 4 * packed.packed_weights().len();
    optimize == Optimize::Speed || packed_bytes <= plain_bytes + plain_bytes / 2
}

/// The first layout that has a kernel, the one made for the fewest windows first.
fn direct(call: &Call) -> Result<Packed, NoForm> {
    let layouts = [PackedLayout::Pointwise, PackedLayout::Shallow, PackedLayout::Deep];
    let forms = layouts.into_iter().map(|layout| layout.of(call));
    let mut forms = forms.filter(|form| !matches!(form, Err(NoForm::NoKernel)));
    forms.next().unwrap_or(Err(NoForm::NoKernel))
}
