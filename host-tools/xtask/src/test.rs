//! `cargo xtask test`: everything that must hold, in the order in which it fails fastest.

use crate::step::{Failure, cargo, root, step};
use std::path::{Path, PathBuf};
use std::process::Command;
use thumbnet_toolchain::{CORTEX_M4F, Route, route};

const REFERENCE_BOARD: &str = "qemu-mps2-an386";
/// Runs the kernels' cases on the instructions themselves, and ends with their verdict.
const KERNEL_TESTS: &str = "qemu-kernel-tests";

/// Checks of the desktop workspace. Release for tests and tools alike, so that tract is compiled once.
const HOST: [&str; 5] = [
    "fmt --all --check",
    "clippy --release --workspace --all-targets -- -D warnings",
    // The debug profile checks every arithmetic operation of the kernels for overflow.
    "test --package thumbnet-kernels --all-features",
    "test --release --workspace",
    "doc --release --workspace --no-deps",
];

/// Runs every check; the first failure ends it. Firmware is built by the route that was asked for.
pub(crate) fn run(wanted: Option<Route>, environment: &[(&str, &str)]) -> Result<(), Failure> {
    for words in HOST {
        let mut command = cargo(words);
        command.envs(environment.iter().copied()).env("RUSTDOCFLAGS", "-D warnings");
        step(&format!("cargo {words}"), &mut command)?;
    }
    let route = wanted.map_or_else(|| route(CORTEX_M4F), Ok).map_err(Failure::usage)?;
    let boards = root().join("firmware/boards");
    in_folder(&boards, "fmt --all --check", &mut cargo(""))?;
    for board in folders_with_a_target(&boards)? {
        check_board(&board, route)?;
    }
    forced_backends(&boards, route)?;
    other_route(&boards, route)
}

/// The crates for bare metal: their `.cargo/config.toml` names the target.
fn folders_with_a_target(boards: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(boards)
        .map_err(|error| Failure::check(format!("{}: {error}", boards.display())))?;
    let mut folders: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join(".cargo/config.toml").exists())
        .collect();
    folders.sort();
    Ok(folders)
}

fn check_board(board: &Path, route: Route) -> Result<(), Failure> {
    let firmware = |words: &str| on_target(board, words, route, None);
    if board.ends_with(KERNEL_TESTS) {
        firmware("fmt --check")?;
        firmware("clippy --release -- -D warnings")?;
        return firmware("run --release");
    }
    let name = board.file_name().expect("a crate's folder has a name").to_string_lossy();
    firmware(&format!(
        "clippy --release --package {name} --package thumbnet-cortex-m -- -D warnings"
    ))?;
    firmware("build --release")
}

/// Each backend where it is not the one that would be chosen: the Arm one as models of its instructions on the
/// desktop, the plain one on Arm.
fn forced_backends(boards: &Path, route: Route) -> Result<(), Failure> {
    let words = "test --package thumbnet-kernels --all-features --target-dir target/forced-backend";
    let flag = r#"--cfg thumbnet_backend="armv7em""#;
    step(&format!("RUSTFLAGS='{flag}' cargo {words}"), cargo(words).env("RUSTFLAGS", flag))?;
    let words = "check --release --target-dir ../../../target/forced-backend";
    let flag = r#"--cfg thumbnet_backend="portable""#;
    on_target(&boards.join(REFERENCE_BOARD), words, route, Some(flag))
}

/// The reference board once more by the toolchain route that the rest did not take, where it is installed; in a
/// target folder of its own, since the two compilers cannot share one.
fn other_route(boards: &Path, taken: Route) -> Result<(), Failure> {
    let other = if taken == Route::Rustup { Route::Debian } else { Route::Rustup };
    if !other.is_ready(CORTEX_M4F) {
        println!("\nskipped: the other toolchain route ({})", other.remedy(CORTEX_M4F));
        return Ok(());
    }
    let words = format!("build --release --target-dir ../../../target/route-{other}");
    on_target(&boards.join(REFERENCE_BOARD), &words, other, None)
}

/// Runs cargo in a board's folder with the compiler of `route`.
fn on_target(
    folder: &Path,
    words: &str,
    route: Route,
    rustflags: Option<&str>,
) -> Result<(), Failure> {
    let mut command = route.cargo(CORTEX_M4F).map_err(Failure::usage)?;
    if let Some(flags) = rustflags {
        command.env("RUSTFLAGS", flags);
    }
    in_folder(folder, words, &mut command)
}

fn in_folder(folder: &Path, words: &str, command: &mut Command) -> Result<(), Failure> {
    let shown = folder.strip_prefix(root()).unwrap_or(folder).display().to_string();
    command.args(words.split_whitespace()).current_dir(folder);
    step(&format!("cd {shown} && cargo {words}"), command)
}
