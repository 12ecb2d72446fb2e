//! What a board's build.rs calls: the model becomes a module of the firmware, or the build fails.
//!
//! ```ignore
//! // build.rs
//! fn main() {
//!     thumbnet_compile::build_script::run();
//! }
//!
//! // src/model.rs
//! include!(concat!(env!("OUT_DIR"), "/model.rs"));
//! ```

use crate::board::Board;
use crate::emit::write_file;
use crate::error::CompileError;
use crate::tuning::{self, Tuning};
use crate::{InstructionSet, Options, compile_file, emit, fit};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Names the ONNX file instead of the board's manifest.
const MODEL_VARIABLE: &str = "THUMBNET_MODEL";

/// Compiles the board's model into `$OUT_DIR`: `network.rs`, `weights.bin`, and `model.rs`, which
/// brings in `Network` where it is included.
///
/// The model is the ONNX file that the environment variable THUMBNET_MODEL names (relative to the
/// board's folder), else `model` in `[package.metadata.thumbnet]` of its manifest. THUMBNET_OPTIMIZE (`speed`,
/// `balanced`, `size`) stands for `optimize` there, and THUMBNET_KERNELS chooses kernels of single layers
/// (`NODE=KERNEL`, one a line). Asks cargo to build again when the model, memory.x, the manifest or one of the
/// variables changes.
///
/// If there is no model, it cannot be compiled or it does not fit the board, prints one error and exits
/// with code 1.
pub fn run() {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let folders = variable("CARGO_MANIFEST_DIR").zip(variable("OUT_DIR"));
    let outcome = match folders {
        Some((board, out)) => build(&board, &out, std::env::var_os(MODEL_VARIABLE)),
        None => Err("CARGO_MANIFEST_DIR or OUT_DIR is not set; call this from a build.rs".into()),
    };
    if let Err(message) = outcome {
        // The first line is cargo's own channel for errors; the second is for what else runs build scripts.
        println!("cargo::error={message}");
        eprintln!("error: {message}");
        std::process::exit(1);
    }
}

/// Reads the board in `board_dir`, compiles its model and writes the results into `out_dir`.
fn build(board_dir: &Path, out_dir: &Path, model: Option<OsString>) -> Result<(), String> {
    for variable in [MODEL_VARIABLE].iter().chain(&tuning::VARIABLES) {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    rerun_if_changed(&board_dir.join("Cargo.toml"));
    rerun_if_changed(&board_dir.join("memory.x"));
    let tuning = Tuning::from_environment().map_err(one_line)?;
    let board = Board::load(board_dir).map_err(one_line)?.tuned(&tuning);
    let model = match model {
        Some(path) if !path.is_empty() => board_dir.join(path),
        _ => board.model.clone().ok_or_else(|| no_model(board_dir))?,
    };
    rerun_if_changed(&model);
    write_model(&model, &board, out_dir).map_err(one_line)
}

fn write_model(model: &Path, board: &Board, out_dir: &Path) -> Result<(), CompileError> {
    let program = compile_file(model, &options(board))?;
    fit(&program, board)?;
    emit(&program).write_to(out_dir)?;
    // A module of its own, since an included file cannot begin with documentation of its module.
    let network = out_dir.join("network.rs");
    let module = format!("#[path = {network:?}]\nmod network;\npub use network::Network;\n");
    write_file(&out_dir.join("model.rs"), module.as_bytes())
}

/// The target that cargo builds for decides, if there is one; it may differ from the board's own.
fn options(board: &Board) -> Options {
    match std::env::var("TARGET") {
        Ok(target) => {
            Options { instruction_set: InstructionSet::of_target(&target), ..board.options() }
        }
        Err(_) => board.options(),
    }
}

fn no_model(board_dir: &Path) -> String {
    let manifest = board_dir.join("Cargo.toml");
    format!(
        "{}: [package.metadata.thumbnet] has no model; add model = \"path/to/model.onnx\" or set {MODEL_VARIABLE}",
        manifest.display()
    )
}

fn rerun_if_changed(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}

/// Cargo reads messages by lines.
fn one_line(error: CompileError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::build;
    use std::path::Path;
    use thumbnet_graph::onnx::{Form, write};
    use thumbnet_graph::{
        Conv2d, Int8Graph, Int8Weights, Metadata, Node, Op, Quantization, Shape, Tensor, TensorId,
        Window,
    };

    /// One 1x1 convolution of one weight.
    fn network() -> Int8Graph {
        let format = Quantization { scale: 0.5, zero_point: 0 };
        let tensor = |name: &str| Tensor { name: name.into(), shape: Shape::new(1, 1, 1), format };
        let weights = Int8Weights { values: vec![1], bias: vec![0], scales: vec![0.1] };
        let op = Op::Conv2d(Conv2d { window: Window::UNIT, groups: 1, weights });
        let (inputs, output) = (vec![TensorId(0)], TensorId(1));
        Int8Graph {
            tensors: vec![tensor("input"), tensor("logits")],
            nodes: vec![Node { name: "conv".into(), op, inputs, output }],
            input: TensorId(0),
            output: TensorId(1),
            metadata: Metadata { name: "tiny".into(), ..Metadata::default() },
        }
    }

    fn board(dir: &Path, settings: &str, flash: &str) {
        let manifest =
            format!("[package]\nname = \"b\"\n[package.metadata.thumbnet]\n{settings}\n");
        let memory = format!(
            "MEMORY {{ FLASH : ORIGIN = 0, LENGTH = {flash} RAM : ORIGIN = 0, LENGTH = 64K }}"
        );
        std::fs::write(dir.join("Cargo.toml"), manifest).expect("writable");
        std::fs::write(dir.join("memory.x"), memory).expect("writable");
    }

    #[test]
    fn the_model_becomes_three_files_or_one_message() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/build_script_test");
        let dir = std::env::var_os("CARGO_TARGET_DIR")
            .map_or(dir, |target| Path::new(&target).join("build_script_test"));
        let out = dir.join("out");
        std::fs::create_dir_all(&out).expect("writable");
        std::fs::write(dir.join("m.onnx"), write(&network(), Form::QLinear)).expect("writable");
        std::fs::write(dir.join("text.onnx"), "no model").expect("writable");

        board(&dir, "model = \"m.onnx\"", "128K");
        assert_eq!(build(&dir, &out, None), Ok(()));
        for file in ["model.rs", "network.rs", "weights.bin"] {
            assert!(out.join(file).is_file(), "{file}");
        }
        let message = build(&dir, &out, Some("text.onnx".into())).expect_err("no model");
        assert!(message.contains("text.onnx") && !message.contains('\n'), "{message}");
        let message = build(&dir, &out, Some("absent.onnx".into())).expect_err("no file");
        assert!(message.contains("absent.onnx"), "{message}");

        board(&dir, "model = \"m.onnx\"", "64K");
        let message = build(&dir, &out, None).expect_err("no flash left");
        assert!(message.starts_with("tiny: the weights need "), "{message}");
        board(&dir, "", "128K");
        let message = build(&dir, &out, None).expect_err("no model named");
        assert!(message.contains("has no model; add model = "), "{message}");
        std::fs::remove_dir_all(&dir).expect("it is ours");
    }
}
