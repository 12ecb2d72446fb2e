//! A training between two epochs: all that is needed to go on to the same result as without a pause.
//!
//! The order of an epoch's pictures comes from the seed and the epoch's number alone, so that the number is all there
//! is to keep of the random generator.

use crate::engine::{Engine, Parameters, moments};
use crate::error::TrainError;
use crate::folder::{Folder, read};
use crate::learner::State;
use crate::network::Network;
use crate::observer::EpochResult;
use crate::plan::Plan;
use crate::tensors::{ReadTensors, Tensors};
use serde::{Deserialize, Serialize};

/// What the optimizer remembers, in the order of [`moments`].
const SUFFIXES: [&str; 2] = [".first_moment", ".second_moment"];

/// The average of the weights, where the network is that.
const AVERAGE: &str = ".average";

/// The best epoch's network, where that is kept.
const KEPT: &str = ".kept";

/// A checkpoint's metadata.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Progress {
    /// Steps taken.
    steps: u64,
    /// One result an epoch.
    history: Vec<EpochResult>,
}

/// What a checkpoint holds.
pub(crate) struct Checkpoint {
    /// The network that is kept.
    pub network: Network,
    pub state: State,
    pub steps: u64,
    pub history: Vec<EpochResult>,
}

/// The bytes of a checkpoint.
pub(crate) fn to_bytes(
    network: &Network,
    state: &State,
    steps: u64,
    history: &[EpochResult],
) -> Vec<u8> {
    let mut tensors = Tensors::default();
    let mut add = |parameters: &[Parameters<f32>], suffix| {
        let parameters: Vec<_> = parameters.iter().collect();
        tensors.add(&network.plan, &parameters, suffix);
    };
    add(&state.parameters, "");
    if let Some(average) = &state.average {
        add(average, AVERAGE);
    }
    if network.recipe.training.hold_out > 0.0 {
        add(&network.parameters, KEPT);
    }
    for (moments, suffix) in state.moments.iter().zip(SUFFIXES) {
        add(moments, suffix);
    }
    let progress = Progress { steps, history: history.to_vec() };
    tensors.to_bytes(serde_json::to_string(&progress).expect("progress is plain numbers"))
}

/// The checkpoint in a folder.
pub(crate) fn read_from(folder: &Folder) -> Result<Checkpoint, TrainError> {
    let path = folder.checkpoint();
    let (recipe, labels) = folder.read_recipe()?;
    recipe.training.check()?;
    let plan = Plan::new(&recipe, labels.len())?;
    let bytes = read(&path)?;
    let damaged = |problem| TrainError::Damaged { path: path.clone(), problem };
    let tensors = ReadTensors::new(&bytes).map_err(damaged)?;
    let progress: Progress = serde_json::from_str(&tensors.metadata)
        .map_err(|error| damaged(format!("its progress cannot be read ({error})")))?;
    let parameters = tensors.parameters(&plan, "").map_err(damaged)?;
    let training = &recipe.training;
    let optional = |is_there: bool, suffix: &str| {
        is_there.then(|| tensors.parameters(&plan, suffix)).transpose().map_err(damaged)
    };
    let suffixes = SUFFIXES.into_iter().take(moments(training.optimizer));
    let moments = suffixes.map(|suffix| tensors.parameters(&plan, suffix));
    let moments = moments.collect::<Result<_, _>>().map_err(damaged)?;
    let average = optional(training.average.is_some(), AVERAGE)?;
    let kept = optional(training.hold_out > 0.0, KEPT)?;
    let kept = kept.or(average.clone()).unwrap_or_else(|| parameters.clone());
    Ok(Checkpoint {
        network: Network { recipe, plan, labels, parameters: kept },
        state: State { parameters, average, moments },
        steps: progress.steps,
        history: progress.history,
    })
}

impl Checkpoint {
    /// An engine in the state it had.
    pub fn engine(&self, batch: usize) -> Engine<f32> {
        let last = self.history.len().checked_sub(1);
        let quantized =
            last.is_some_and(|done| self.network.recipe.training.is_quantized_after(done));
        let make = if quantized { Engine::folded } else { Engine::new };
        let mut engine = make(&self.network.plan, self.state.parameters.clone(), batch);
        self.state.restore(&mut engine);
        engine
    }
}
