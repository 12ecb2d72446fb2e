//! From an ONNX file to a program.

use crate::error::CompileError;
use crate::{Options, Program, compile};
use sha2::{Digest, Sha256};
use std::path::Path;

/// Reads an ONNX file, with the constants that it keeps in other files of its folder, and compiles it.
///
/// # Errors
/// If the file cannot be read, is no int8 model that Thumbnet understands, or cannot be compiled.
pub fn compile_file(path: &Path, options: &Options) -> Result<Program, CompileError> {
    let bytes = std::fs::read(path).map_err(|source| CompileError::Io {
        path: path.into(),
        action: "read",
        source,
    })?;
    let file = path.display().to_string();
    let folder = path.parent().unwrap_or(Path::new(""));
    let bytes = thumbnet_graph::onnx::resolve(&bytes, &file, folder, None)?;
    let mut graph = thumbnet_graph::onnx::read(&bytes, &file)?;
    if graph.metadata.name.is_empty() {
        graph.metadata.name = path.file_stem().unwrap_or_default().to_string_lossy().into();
    }
    compile(&graph, digest(&bytes), options)
        .map_err(|error| CompileError::Model { path: path.into(), reason: Box::new(error) })
}

/// The first eight bytes of the SHA-256 of a file's contents: which file code was generated from.
pub fn digest(bytes: &[u8]) -> [u8; 8] {
    let hash = Sha256::digest(bytes);
    std::array::from_fn(|index| hash[index])
}
