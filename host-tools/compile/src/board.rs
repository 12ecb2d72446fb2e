//! A board as the compiler sees it: a name, memories, and what is reserved in them.
//!
//! A board is a crate. What is true of its hardware stands in its `memory.x`, which it is linked with; what its
//! application needs stands in `[package.metadata.thumbnet]` of its manifest.

use crate::error::CompileError;
use crate::memory_map::{self, Memory};
use crate::options::{InstructionSet, Optimize, Options};
use crate::tuning::{KernelChoice, Tuning};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Stack of inference and application where the manifest does not say.
const DEFAULT_STACK_BYTES: usize = 8 << 10;
/// Code, read-only data and vector table where the manifest does not say.
const DEFAULT_CODE_BYTES: usize = 64 << 10;

/// A board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Board {
    /// Name of its crate.
    pub name: String,
    /// The folder of its crate.
    pub dir: PathBuf,
    /// The chip as probe-rs names it; `None` for an emulator.
    pub chip: Option<String>,
    /// The machine as QEMU names it; `None` for a board that is not emulated.
    pub machine: Option<String>,
    /// The ONNX file that it is built with unless THUMBNET_MODEL names another.
    pub model: Option<PathBuf>,
    /// The Rust target triple of `.cargo/config.toml`; `None` if that names none.
    pub target: Option<String>,
    /// What to spend where a faster kernel costs memory.
    pub optimize: Optimize,
    /// Kernels of single layers; a manifest has none.
    pub kernels: Vec<KernelChoice>,
    /// `FLASH` of memory.x.
    pub flash: Memory,
    /// `RAM` of memory.x.
    pub ram: Memory,
    /// RAM reserved for the stack.
    pub stack_bytes: usize,
    /// RAM reserved for statics other than the network's arena.
    pub data_bytes: usize,
    /// Flash reserved for code and constants other than the network's.
    pub code_bytes: usize,
}

/// The part of a manifest that matters here.
#[derive(Deserialize)]
struct Manifest {
    package: Option<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
struct Metadata {
    thumbnet: Option<Settings>,
}

/// `[package.metadata.thumbnet]`; a misspelt key is an error, not a default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    chip: Option<String>,
    machine: Option<String>,
    model: Option<PathBuf>,
    optimize: Option<Optimize>,
    stack_bytes: Option<usize>,
    data_bytes: Option<usize>,
    code_bytes: Option<usize>,
}

/// The part of a cargo configuration that matters here.
#[derive(Deserialize)]
struct CargoConfig {
    build: Option<Build>,
}

#[derive(Deserialize)]
struct Build {
    target: Option<String>,
}

impl Board {
    /// Reads the board in folder `dir` from its Cargo.toml and memory.x.
    ///
    /// `[package.metadata.thumbnet]` must be there; its keys are `chip`, `machine`, `model` (relative to
    /// `dir`), `optimize` (`speed`, `balanced` or `size`; balanced if missing), `stack_bytes` (8 KiB), `data_bytes` (0)
    /// and `code_bytes` (64 KiB).
    ///
    /// # Errors
    /// If a file cannot be read, the manifest names no board, or memory.x lacks FLASH or RAM.
    pub fn load(dir: &Path) -> Result<Self, CompileError> {
        let manifest_path = dir.join("Cargo.toml");
        let (name, settings) = manifest(&manifest_path)?;
        let settings = settings.ok_or_else(|| {
            let problem = "there is no [package.metadata.thumbnet]".to_owned();
            board_error(&manifest_path, problem, "add it, with chip = \"...\" and model = \"...\"")
        })?;
        let memory_path = dir.join("memory.x");
        let memories = memory_map::parse(&read(&memory_path)?)
            .map_err(|problem| board_error(&memory_path, problem, MEMORY_REMEDY))?;
        let memory = |wanted: &str| {
            let found = memories.iter().find(|(name, _)| name == wanted).map(|(_, memory)| *memory);
            found.ok_or_else(|| {
                board_error(&memory_path, format!("MEMORY has no {wanted}"), MEMORY_REMEDY)
            })
        };
        Ok(Self {
            name,
            dir: dir.into(),
            chip: settings.chip,
            machine: settings.machine,
            model: settings.model.map(|model| dir.join(model)),
            target: target(&dir.join(".cargo/config.toml"))?,
            optimize: settings.optimize.unwrap_or_default(),
            kernels: Vec::new(),
            flash: memory("FLASH")?,
            ram: memory("RAM")?,
            stack_bytes: settings.stack_bytes.unwrap_or(DEFAULT_STACK_BYTES),
            data_bytes: settings.data_bytes.unwrap_or(0),
            code_bytes: settings.code_bytes.unwrap_or(DEFAULT_CODE_BYTES),
        })
    }

    /// This board with what `tuning` says instead of its manifest.
    pub fn tuned(self, tuning: &Tuning) -> Self {
        let optimize = tuning.optimize.unwrap_or(self.optimize);
        Self { optimize, kernels: tuning.kernels.clone(), ..self }
    }

    /// What a build script must be told to compile for this board as it is here.
    pub fn tuning(&self) -> Tuning {
        Tuning { optimize: Some(self.optimize), kernels: self.kernels.clone() }
    }

    /// How programs for this board are compiled: as its manifest or its user says, with weights packed for its
    /// core and within its memories.
    pub fn options(&self) -> Options {
        let target = self.target.as_deref().unwrap_or_default();
        Options {
            instruction_set: InstructionSet::of_target(target),
            optimize: self.optimize,
            kernels: self.kernels.clone(),
            flash_bytes: Some(self.flash_for_network()),
            ram_bytes: Some(self.ram_for_network()),
            ..Options::default()
        }
    }

    /// Flash that is left for weights, biases, factors and names.
    pub(crate) fn flash_for_network(&self) -> usize {
        usize::try_from(self.flash.bytes).unwrap_or(usize::MAX).saturating_sub(self.code_bytes)
    }

    /// RAM that is left for activations and scratch memory.
    pub(crate) fn ram_for_network(&self) -> usize {
        let reserved = self.stack_bytes.saturating_add(self.data_bytes);
        usize::try_from(self.ram.bytes).unwrap_or(usize::MAX).saturating_sub(reserved)
    }

    /// All boards among the folders of `boards_dir`, by name. A folder without a memory.x or without
    /// `[package.metadata.thumbnet]` in its manifest is no board.
    ///
    /// # Errors
    /// If the folder cannot be read, or a board in it is described wrongly.
    pub fn all(boards_dir: &Path) -> Result<Vec<Self>, CompileError> {
        let unreadable =
            |source| CompileError::Io { path: boards_dir.into(), action: "read", source };
        let mut boards = Vec::new();
        for entry in std::fs::read_dir(boards_dir).map_err(unreadable)? {
            let dir = entry.map_err(unreadable)?.path();
            let is_board =
                dir.join("memory.x").is_file() && manifest(&dir.join("Cargo.toml"))?.1.is_some();
            if is_board {
                boards.push(Self::load(&dir)?);
            }
        }
        boards.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(boards)
    }
}

const MEMORY_REMEDY: &str =
    "write MEMORY { FLASH : ORIGIN = 0x08000000, LENGTH = 512K RAM : ORIGIN = ..., LENGTH = ... }";

/// Name and settings of a crate; settings are `None` if it is no board.
fn manifest(path: &Path) -> Result<(String, Option<Settings>), CompileError> {
    let manifest: Manifest = toml::from_str(&read(path)?).map_err(|error| {
        let problem = error.message().to_owned();
        board_error(path, problem, "the keys of [package.metadata.thumbnet] are chip, machine, model, optimize, stack_bytes, data_bytes, code_bytes")
    })?;
    let package = manifest.package;
    let package = package.ok_or_else(|| {
        board_error(path, "there is no [package]".into(), "name a board's folder")
    })?;
    Ok((package.name, package.metadata.thumbnet))
}

/// `[build] target` of a board's cargo configuration, if there is one.
fn target(path: &Path) -> Result<Option<String>, CompileError> {
    if !path.is_file() {
        return Ok(None);
    }
    let config: CargoConfig = toml::from_str(&read(path)?)
        .map_err(|error| board_error(path, error.message().into(), TARGET_REMEDY))?;
    Ok(config.build.and_then(|build| build.target))
}

const TARGET_REMEDY: &str = "write [build] target = \"thumbv7em-none-eabihf\"";

fn read(path: &Path) -> Result<String, CompileError> {
    std::fs::read_to_string(path).map_err(|source| CompileError::Io {
        path: path.into(),
        action: "read",
        source,
    })
}

fn board_error(path: &Path, problem: String, remedy: &str) -> CompileError {
    CompileError::Board { path: path.into(), problem, remedy: remedy.into() }
}
