//! A model as the verbs need it: the ONNX file read, checked and compiled.

use crate::tuning::TuningOptions;
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use thumbnet_compile::{Board, Options, Program, compile_file};
use thumbnet_data::InputSpec;
use thumbnet_graph::Int8Graph;
use thumbnet_graph::onnx::{Interface, import, resolve};

/// Compiles the ONNX file for a board, or with plain kernels for any core.
pub(crate) fn load(file: &Path, board: Option<&Board>) -> anyhow::Result<Program> {
    let options = board.map_or_else(Options::default, Board::options);
    Ok(compile_file(file, &options)?)
}

/// The network in the ONNX file, and what the file itself takes and gives.
pub(crate) fn open(file: &Path) -> anyhow::Result<(Int8Graph, Interface)> {
    let name = file.display().to_string();
    let bytes = std::fs::read(file).with_context(|| format!("{name} cannot be read"))?;
    let bytes = resolve(&bytes, &name, file.parent().unwrap_or(Path::new("")), None)?;
    Ok(import(&bytes, &name)?)
}

/// How pictures become the model's input; a model that says nothing gets them cropped.
pub(crate) fn input_spec(program: &Program) -> InputSpec {
    InputSpec::new(program.input_shape, program.metadata.preprocessing.unwrap_or_default())
}

/// Name of a class: the model's label, or its number.
pub(crate) fn label(program: &Program, class: usize) -> String {
    program.metadata.labels.get(class).cloned().unwrap_or_else(|| class.to_string())
}

/// The board of this name, tuned as the user says.
pub(crate) fn board(name: &str, tuning: &TuningOptions) -> anyhow::Result<Board> {
    let folder = boards_folder()?;
    let boards = Board::all(&folder)?;
    let names: Vec<_> = boards.iter().map(|board| board.name.clone()).collect();
    match boards.into_iter().find(|board| board.name == name) {
        Some(board) => Ok(board.tuned(&tuning.tuning()?)),
        None => bail!(
            "there is no board '{name}' in {}; there are: {}",
            folder.display(),
            names.join(", ")
        ),
    }
}

/// The boards' workspace: below the current folder, or in the source tree this program was built from.
fn boards_folder() -> anyhow::Result<PathBuf> {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../firmware/boards");
    [PathBuf::from("firmware/boards"), built_from]
        .into_iter()
        .find_map(|folder| folder.canonicalize().ok())
        .context("no folder firmware/boards; run this in a checkout of Thumbnet")
}
