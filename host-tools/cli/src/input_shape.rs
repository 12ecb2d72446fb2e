//! `--input-shape`: what the file leaves open about its input, said on the command line.

use anyhow::Context;
use clap::Args;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use thumbnet_graph::onnx::{self, InputShape};

/// The option, on every verb that reads a model.
#[derive(Args)]
pub(crate) struct InputShapeOption {
    /// The input's shape, for a file that leaves sizes open.
    #[arg(long = "input-shape", value_name = "[NAME=]1x3x32x32")]
    shape: Option<InputShape>,
}

impl InputShapeOption {
    /// The shape, if one is given.
    pub(crate) fn shape(&self) -> Option<&InputShape> {
        self.shape.as_ref()
    }

    /// Lets `file` be a copy in which the input has the shape given, if one is; the copy lives as long as what is
    /// returned. Firmware builds and other engines read the same copy.
    pub(crate) fn apply(&self, file: &mut PathBuf) -> anyhow::Result<Option<TempDir>> {
        let Some(shape) = &self.shape else { return Ok(None) };
        let bytes =
            std::fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let fixed = onnx::resolve(&bytes, &file.display().to_string(), folder, Some(shape))?;
        let temporary = tempfile::tempdir().context("no folder for temporary files")?;
        let copy = temporary.path().join(file.file_name().unwrap_or("model.onnx".as_ref()));
        std::fs::write(&copy, &fixed)
            .with_context(|| format!("{} cannot be written", copy.display()))?;
        *file = copy;
        Ok(Some(temporary))
    }
}
