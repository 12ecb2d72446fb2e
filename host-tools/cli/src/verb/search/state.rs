//! How far a search has come: `search.json`, written aside and renamed after every step, so that whatever stops it,
//! the same command goes on.

use super::Settings;
use super::design::Design;
use crate::estimate::Estimate;
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The state's file.
const FILE: &str = "search.json";
/// A larger file is none of ours.
const MAX_BYTES: u64 = 16 << 20;

/// A search, as far as it has come.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    pub(super) settings: Settings,
    /// In the order they were drawn.
    pub(super) candidates: Vec<Candidate>,
}

/// A network in the running.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Candidate {
    pub(super) design: Design,
    /// Before it learned anything.
    pub(super) flash_bytes: usize,
    pub(super) ram_bytes: usize,
    pub(super) instructions: u64,
    /// One result a round that it was in.
    pub(super) results: Vec<RoundResult>,
}

/// What a candidate made of a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoundResult {
    pub(super) epochs: usize,
    /// Held-out pictures that it told right: a count, which reads back as it was written.
    pub(super) right: usize,
    pub(super) held_out: usize,
    /// Why there is nothing to be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failed: Option<String>,
}

impl Candidate {
    pub(super) fn new(design: Design, estimate: &Estimate) -> Self {
        Self {
            design,
            flash_bytes: estimate.flash.need_bytes,
            ram_bytes: estimate.ram.need_bytes,
            instructions: estimate.instructions,
            results: Vec::new(),
        }
    }
}

impl State {
    /// The state in `folder`, which must be of a search with the same settings; `None` if there is none.
    pub(super) fn read(folder: &Path, settings: &Settings) -> anyhow::Result<Option<Self>> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let named = || path.display().to_string();
        let metadata = std::fs::metadata(&path).with_context(named)?;
        if metadata.len() > MAX_BYTES {
            bail!(
                "{}: too large for the state of a search; choose another folder with -o",
                named()
            );
        }
        let text = std::fs::read_to_string(&path).with_context(named)?;
        let state: Self = serde_json::from_str(&text).with_context(|| {
            format!("{} is not the state of a search; choose another folder with -o", named())
        })?;
        if state.settings != *settings {
            bail!(
                "{} is of a search with other settings or data; choose another folder with -o, or say --overwrite",
                named()
            );
        }
        Ok(Some(state))
    }

    /// Writes it.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let path = folder.join(FILE);
        let text = serde_json::to_string_pretty(self).context("the state cannot be written")?;
        thumbnet_files::write(&path, text.as_bytes())
            .with_context(|| format!("{} cannot be written", path.display()))
    }
}

/// The folder of a candidate.
pub(super) fn candidate_folder(folder: &Path, number: usize) -> PathBuf {
    folder.join("candidates").join(format!("{number:03}"))
}
