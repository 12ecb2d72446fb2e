//! Builds the firmware of a board for a model.

use crate::error::SimulateError;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use thumbnet_compile::{Board, Tuning};

/// In every folder of boards.
const MANIFEST: &str = "Cargo.toml";
/// Lines of the compiler's output in an error.
const LAST_LINES: usize = 12;

/// Builds the firmware of `board` for the ONNX file `model`, compiled as [`Board::options`] says, and returns
/// its ELF image. Takes seconds; less if model and sources are as they were.
///
/// # Errors
/// [`SimulateError::Build`] with the compiler's words, above all if the model does not fit; others if the
/// toolchain, the sources or the model are missing.
pub fn build(board: &Board, model: &Path) -> Result<PathBuf, SimulateError> {
    build_binary(board, &board.name, model)
}

/// The board of this name, a folder of `firmware/boards`, tuned as the environment says.
///
/// # Errors
/// [`SimulateError::SourcesMissing`], or [`SimulateError::Board`] if there is no such board, or it is described
/// wrongly.
pub fn load(name: &str) -> Result<Board, SimulateError> {
    Ok(Board::load(&folder()?.join(name))?.tuned(&Tuning::from_environment()?))
}

/// Builds the executable `binary` of `board`.
pub(crate) fn build_binary(
    board: &Board,
    binary: &str,
    model: &Path,
) -> Result<PathBuf, SimulateError> {
    let model = fs::canonicalize(model).map_err(|source| file_error(model, source))?;
    let content = fs::read(&model).map_err(|source| file_error(&model, source))?;
    let triple = board
        .target
        .as_deref()
        .ok_or_else(|| SimulateError::NoTarget { board: board.name.clone() })?;
    let target_folder = target_folder(&folder()?);
    let images = target_folder.join("images");
    fs::create_dir_all(&images).map_err(|source| file_error(&images, source))?;
    // All models are built at the same place, one after the other, and their images kept apart.
    let lock = lock(&images.join("lock"))?;
    let mut cargo = cargo_build(&board.dir, triple, binary)?;
    cargo.arg("--target-dir").arg(&target_folder).env("THUMBNET_MODEL", &model);
    cargo.envs(board.tuning().variables());
    let output = cargo
        .output()
        .map_err(|source| SimulateError::Start { program: "cargo".to_owned(), source })?;
    if !output.status.success() {
        return Err(SimulateError::Build { model, reason: reason(&output.stderr) });
    }
    let built = target_folder.join(triple).join("release").join(binary);
    let kept = images.join(format!("{}-{binary}-{}.elf", board.name, fingerprint(&content, board)));
    keep(&built, &kept)?;
    drop(lock);
    Ok(kept)
}

/// `firmware/boards`: where the environment variable `THUMBNET_BOARDS` says, else where this program was built.
///
/// # Errors
/// [`SimulateError::SourcesMissing`] if there are no boards.
pub fn folder() -> Result<PathBuf, SimulateError> {
    let folder = match std::env::var_os("THUMBNET_BOARDS") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../firmware/boards"),
    };
    let found = fs::canonicalize(&folder).ok().filter(|folder| folder.join(MANIFEST).is_file());
    found.ok_or(SimulateError::SourcesMissing { path: folder })
}

fn cargo_build(folder: &Path, target: &str, binary: &str) -> Result<Command, SimulateError> {
    let mut cargo = thumbnet_toolchain::cargo_for_target(target)?;
    cargo
        .args(["build", "--release", "--quiet", "--target", target, "--bin", binary])
        .current_dir(folder)
        .env("CARGO_TERM_COLOR", "never");
    Ok(cargo)
}

/// Beside the desktop's target folder if that was moved, else the boards' own.
fn target_folder(boards: &Path) -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        // cargo reads a relative folder from where it was started, as we do.
        Some(folder) => {
            std::path::absolute(&folder).unwrap_or_else(|_| PathBuf::from(folder)).join("boards")
        }
        None => boards.join("target"),
    }
}

/// Waits for the lock; it is let go when the file is dropped, or the process ends in any way.
fn lock(path: &Path) -> Result<File, SimulateError> {
    let file = File::create(path).map_err(|source| file_error(path, source))?;
    file.lock().map_err(|source| file_error(path, source))?;
    Ok(file)
}

/// Copies an image to its lasting place, in one step for whoever is reading there.
fn keep(built: &Path, kept: &Path) -> Result<(), SimulateError> {
    let folder = kept.parent().expect("the image is in a folder");
    let temporary =
        tempfile::NamedTempFile::new_in(folder).map_err(|source| file_error(folder, source))?;
    fs::copy(built, temporary.path()).map_err(|source| file_error(built, source))?;
    temporary.persist(kept).map_err(|error| file_error(kept, error.error))?;
    Ok(())
}

/// Sixteen hexadecimal digits that tell models and how they are compiled apart.
fn fingerprint(content: &[u8], board: &Board) -> String {
    let mut hash = Sha256::new_with_prefix(content);
    for (_, value) in board.tuning().variables() {
        hash.update(value);
        hash.update([0]);
    }
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the build script says, which is one line with a remedy; else the compiler's last lines.
fn reason(output: &[u8]) -> String {
    const BUILD_SCRIPT: &str = "--- stderr";
    let text = String::from_utf8_lossy(output);
    let lines = || text.lines().map(str::trim);
    let mut script = lines().skip_while(|line| *line != BUILD_SCRIPT);
    if let Some(error) = script.find_map(|line| line.strip_prefix("error: ")) {
        return error.to_owned();
    }
    let lines: Vec<_> = lines().filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}

fn file_error(path: &Path, source: io::Error) -> SimulateError {
    SimulateError::File { path: path.to_owned(), source }
}
