//! Beginning with the weights of another network: all but those of its last dense layer, which is about its classes.

use crate::error::TrainError;
use crate::folder::Folder;
use crate::network::Network;
use crate::plan::{Plan, StageKind};
use crate::tensors::{ParameterShape, parameter_shapes};

/// Gives `network` the weights that its recipe wants it to begin with, and writes into the recipe which they were.
pub(crate) fn begin(network: &mut Network) -> Result<(), TrainError> {
    let Some(start) = &network.recipe.start else { return Ok(()) };
    let path = start.folder.clone();
    let failed = |problem| TrainError::Transfer { path: path.clone(), problem };
    let folder = Folder::open(&path);
    let source = folder.read_network()?;
    let digest = folder.weights_digest()?;
    if start.weights.as_ref().is_some_and(|wanted| *wanted != digest) {
        return Err(failed(format!(
            "its weights have the SHA-256 {digest}, not that of the recipe's start.weights: give the network that is \
             meant, or leave start.weights out"
        )));
    }
    let [ours, theirs] = [&*network, &source].map(|network| body(&network.plan));
    let (ours, theirs) = (ours.map_err(failed)?, theirs.map_err(failed)?);
    if let Some(problem) = mismatch(&ours, &theirs) {
        return Err(failed(problem));
    }
    for ((stage, _), (from, _)) in ours.iter().zip(&theirs) {
        network.parameters[*stage].clone_from(&source.parameters[*from]);
    }
    if let Some(start) = &mut network.recipe.start {
        start.weights = Some(digest);
    }
    Ok(())
}

/// The number of stages that stay as they are.
pub(crate) fn frozen_stages(network: &Network) -> usize {
    let frozen = network.recipe.start.as_ref().is_some_and(|start| start.freeze);
    if frozen { head(&network.plan).unwrap_or(0) } else { 0 }
}

/// The last dense layer's stage.
fn head(plan: &Plan) -> Option<usize> {
    plan.stages.iter().rposition(|stage| matches!(stage.kind, StageKind::Dense { .. }))
}

/// The stages before the last dense layer that have weights.
fn body(plan: &Plan) -> Result<Vec<(usize, ParameterShape)>, String> {
    let head = head(plan).ok_or("a network without a dense layer has nothing to replace")?;
    let shapes = parameter_shapes(plan).take(head).enumerate();
    Ok(shapes.filter_map(|(stage, shape)| Some((stage, shape?))).collect())
}

/// The first layer that is not the same in both, in words.
fn mismatch(
    ours: &[(usize, ParameterShape)],
    theirs: &[(usize, ParameterShape)],
) -> Option<String> {
    const REMEDY: &str = "leave --model out to train that folder's network, or make the layers before the last dense \
                          one the same";
    for place in 0..ours.len().max(theirs.len()) {
        let problem = match (ours.get(place), theirs.get(place)) {
            (Some((_, ours)), Some((_, theirs))) if ours == theirs => continue,
            (Some((_, ours)), Some((_, theirs))) => {
                format!("its {theirs} does not match {ours} here")
            }
            (Some((_, ours)), None) => format!("it has no layer to match {ours} here"),
            (None, Some((_, theirs))) => format!("there is no layer here to match its {theirs}"),
            (None, None) => continue,
        };
        return Some(format!("{problem}; {REMEDY}"));
    }
    None
}
