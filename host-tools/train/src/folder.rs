//! A model's folder: `model.toml`, `weights.safetensors`, `history.jsonl`, and `checkpoint.safetensors` while the
//! training is unfinished.
//!
//! Every file is written under another name and renamed when it is complete, the checkpoint last: whatever happens,
//! the last checkpoint is whole and the other files are those of its epoch or the next.

use crate::error::TrainError;
use crate::network::Network;
use crate::observer::EpochResult;
use crate::plan::Plan;
use crate::recipe::Recipe;
use crate::tensors::{ReadTensors, Tensors};
use crate::verdict::kept_epoch;
use std::io::Read;
use std::path::{Path, PathBuf};
use thumbnet_data::Digest;

const RECIPE: &str = "model.toml";
const WEIGHTS: &str = "weights.safetensors";
const HISTORY: &str = "history.jsonl";
const CHECKPOINT: &str = "checkpoint.safetensors";

/// No file of a network for a microcontroller is larger; what is, is not read.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// A folder that a training writes to.
pub(crate) struct Folder {
    path: PathBuf,
    /// Epochs in the last good checkpoint, for messages.
    pub kept_epochs: usize,
}

impl Folder {
    /// Makes the folder if it is not there, and checks that files can be made in it.
    pub fn create(path: &Path) -> Result<Self, TrainError> {
        let folder = Self { path: path.to_owned(), kept_epochs: 0 };
        let failed = |source| folder.write_error(path.to_owned(), source);
        std::fs::create_dir_all(path).map_err(failed)?;
        tempfile::tempfile_in(path).map_err(failed)?;
        Ok(folder)
    }

    /// A folder that exists.
    pub fn open(path: &Path) -> Self {
        Self { path: path.to_owned(), kept_epochs: 0 }
    }

    pub fn checkpoint(&self) -> PathBuf {
        self.path.join(CHECKPOINT)
    }

    /// Writes everything but the checkpoint.
    pub fn write_model(
        &self,
        network: &Network,
        history: &[EpochResult],
    ) -> Result<(), TrainError> {
        let mut tensors = Tensors::default();
        let parameters: Vec<_> = network.parameters.iter().collect();
        tensors.add(&network.plan, &parameters, "");
        let mut metadata =
            serde_json::json!({ "network": network.recipe.name, "epochs": history.len() });
        if network.recipe.training.hold_out > 0.0 {
            metadata["kept_epoch"] = kept_epoch(&network.recipe.training, history).into();
        }
        self.write(RECIPE, network.recipe.to_toml().as_bytes())?;
        self.write(HISTORY, &history_lines(history))?;
        self.write(WEIGHTS, &tensors.to_bytes(metadata.to_string()))
    }

    /// Writes the checkpoint of `epochs` epochs.
    pub fn write_checkpoint(&mut self, bytes: &[u8], epochs: usize) -> Result<(), TrainError> {
        self.write(CHECKPOINT, bytes)?;
        self.kept_epochs = epochs;
        Ok(())
    }

    /// Removes the checkpoint of a finished training.
    pub fn remove_checkpoint(&self) -> Result<(), TrainError> {
        match std::fs::remove_file(self.checkpoint()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(self.write_error(self.checkpoint(), error))
            }
            _ => Ok(()),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), TrainError> {
        let path = self.path.join(name);
        thumbnet_files::write(&path, bytes).map_err(|source| self.write_error(path.clone(), source))
    }

    fn write_error(&self, path: PathBuf, source: std::io::Error) -> TrainError {
        TrainError::Write { path, source, kept_epochs: self.kept_epochs }
    }

    /// The folder's recipe, with the classes it was trained on.
    pub fn read_recipe(&self) -> Result<(Recipe, Vec<String>), TrainError> {
        let path = self.path.join(RECIPE);
        let recipe = Recipe::read(&path)?;
        let Some(data) = &recipe.data else {
            let problem =
                "there is no [data] table, so its network was never trained: use it with \
                           `thumbnet train --model` first"
                    .to_owned();
            return Err(TrainError::Recipe { path, problem });
        };
        let classes = data.classes.clone();
        Ok((recipe, classes))
    }

    /// The folder's network with its weights.
    pub fn read_network(&self) -> Result<Network, TrainError> {
        let (recipe, labels) = self.read_recipe()?;
        let plan = Plan::new(&recipe, labels.len())?;
        let path = self.path.join(WEIGHTS);
        let bytes = read(&path)?;
        let parameters = ReadTensors::new(&bytes)
            .and_then(|tensors| tensors.parameters(&plan, ""))
            .map_err(|problem| TrainError::Damaged { path, problem })?;
        Ok(Network { recipe, plan, labels, parameters })
    }

    /// The SHA-256 of the folder's weights, in hexadecimal.
    pub fn weights_digest(&self) -> Result<String, TrainError> {
        Ok(Digest::of(&read(&self.path.join(WEIGHTS))?).to_string())
    }

    /// The folder's history.
    pub fn read_history(&self) -> Result<Vec<EpochResult>, TrainError> {
        let path = self.path.join(HISTORY);
        let bytes = read(&path)?;
        let damaged = |problem| TrainError::Damaged { path: path.clone(), problem };
        let text =
            std::str::from_utf8(&bytes).map_err(|_| damaged("not a text file".to_owned()))?;
        let lines = text.lines().enumerate();
        lines
            .map(|(index, line)| {
                serde_json::from_str(line)
                    .map_err(|error| damaged(format!("line {}: {error}", index + 1)))
            })
            .collect()
    }
}

/// A file's bytes.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, TrainError> {
    let failed = |source| TrainError::Read { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let problem = format!("more than {MAX_FILE_BYTES} bytes: not one of this tool's files");
        return Err(TrainError::Damaged { path: path.to_owned(), problem });
    }
    Ok(bytes)
}

fn history_lines(history: &[EpochResult]) -> Vec<u8> {
    let mut lines = Vec::new();
    for result in history {
        let line = serde_json::to_string(result).expect("an epoch's result is plain numbers");
        lines.extend_from_slice(line.as_bytes());
        lines.push(b'\n');
    }
    lines
}
