//! `--kernel NODE=KERNEL`: the user's kernel for one layer, if it is possible there.

use crate::call::PackedLayout;
use crate::error::CompileError;
use crate::fuse::Group;
use crate::layout::{NoForm, Packed, packed_dense};
use crate::lower::Lowered;
use crate::names;
use crate::options::{InstructionSet, Options};
use crate::program::Choice;
use crate::tuning::KernelChoice;
use thumbnet_graph::Int8Graph;

/// Layers that a message lists.
const LISTED: usize = 12;

/// Replaces in `chosen` what the user has chosen; `plain` are the same layers before any choice.
///
/// # Errors
/// [`CompileError::Kernel`] if no layer has such a node, or the layer cannot have the kernel; with what is possible.
pub(crate) fn apply(
    graph: &Int8Graph,
    groups: &[Group],
    plain: &[Lowered],
    chosen: &mut [Lowered],
    options: &Options,
) -> Result<(), CompileError> {
    for choice in &options.kernels {
        let has_node =
            |group: &Group| group.nodes.iter().any(|node| graph.nodes[*node].name == choice.node);
        let layer = groups.iter().position(has_node).ok_or_else(|| no_layer(choice, plain))?;
        let automatic = chosen[layer].clone();
        chosen[layer] = forced(choice, &plain[layer], automatic, options)?;
    }
    Ok(())
}

/// The layer with the kernel of `choice`.
fn forced(
    choice: &KernelChoice,
    plain: &Lowered,
    automatic: Lowered,
    options: &Options,
) -> Result<Lowered, CompileError> {
    let forms = forms(plain, automatic, options);
    let form = forms.iter().find(|(kernel, _)| *kernel == choice.kernel);
    match form {
        Some((_, Ok(lowered))) => {
            let choice = Choice { why: "chosen by --kernel".to_owned() };
            Ok(Lowered { choice, fixed: true, ..lowered.clone() })
        }
        Some((_, Err(bound))) => {
            let problem = format!("it is not proved for these weights that {bound}");
            Err(refused(choice, problem, &possible(&forms)))
        }
        None => {
            Err(refused(choice, "there is no such kernel for this layer".into(), &possible(&forms)))
        }
    }
}

/// A kernel, and the layer with it or the bound that is not proved.
type Form = (&'static str, Result<Lowered, &'static str>);

/// All kernels of a layer.
fn forms(plain: &Lowered, automatic: Lowered, options: &Options) -> Vec<Form> {
    let mut forms = vec![(plain.call.kernel(), Ok(plain.clone()))];
    if automatic.call.kernel() == plain.call.kernel() {
        // With scratch memory, where that is faster.
        forms = vec![(plain.call.kernel(), Ok(automatic))];
    }
    if options.instruction_set != InstructionSet::Armv7em {
        return forms;
    }
    let layouts =
        PackedLayout::ALL.into_iter().map(|layout| (layout.kernel(), layout.of(&plain.call)));
    let dense = [("packed_dense", packed_dense(&plain.call))];
    forms.extend(layouts.chain(dense).filter_map(|(kernel, packed)| match packed {
        Ok(Packed { call, scratch_bytes }) => {
            Some((kernel, Ok(Lowered { call, scratch_bytes, ..plain.clone() })))
        }
        Err(NoForm::NotProved(bound)) => Some((kernel, Err(bound))),
        Err(NoForm::NoKernel) => None,
    }));
    forms
}

fn possible(forms: &[Form]) -> String {
    let possible = forms.iter().filter(|(_, form)| form.is_ok()).map(|(kernel, _)| *kernel);
    format!("possible here: {}", possible.collect::<Vec<_>>().join(", "))
}

fn no_layer(choice: &KernelChoice, layers: &[Lowered]) -> CompileError {
    let mut names: Vec<String> =
        layers.iter().take(LISTED).map(|layer| names::plain(&layer.name)).collect();
    if layers.len() > LISTED {
        names.push("...".to_owned());
    }
    let remedy = format!("layers are {}", names.join(", "));
    refused(choice, "no layer has a node of that name".to_owned(), &remedy)
}

fn refused(choice: &KernelChoice, problem: String, remedy: &str) -> CompileError {
    let choice = names::plain(&choice.to_string());
    CompileError::Kernel { choice, problem, remedy: remedy.to_owned() }
}
