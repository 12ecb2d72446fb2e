//! `cargo xtask test`: everything that must hold, in the order in which it fails fastest.

use crate::step::{Failure, cargo, root, step};
use std::path::{Path, PathBuf};
use thumbnet_toolchain::{CORTEX_M4F, Route, route};

const REFERENCE_BOARD: &str = "qemu-mps2-an386";

/// Checks of the desktop workspace. Release for tests and tools alike, so that tract is compiled once.
const HOST: [(&str, &str); 5] = [
    ("fmt --all --check", ""),
    ("clippy --release --workspace --all-targets -- -D warnings", ""),
    // The debug profile checks every arithmetic operation of the kernels for overflow.
    ("test --package thumbnet-kernels --package firmware", ""),
    ("test --release --workspace", ""),
    ("doc --release --workspace --no-deps", "-D warnings"),
];

/// Runs every check; the first failure ends it. Firmware is built by the route that was asked for.
pub(crate) fn run(wanted: Option<Route>, environment: &[(&str, &str)]) -> Result<(), Failure> {
    for (words, rustdocflags) in HOST {
        let mut command = cargo(words);
        command.envs(environment.iter().copied());
        if !rustdocflags.is_empty() {
            command.env("RUSTDOCFLAGS", rustdocflags);
        }
        step(&format!("cargo {words}"), &mut command)?;
    }
    let route = wanted.map_or_else(|| route(CORTEX_M4F), Ok).map_err(Failure::usage)?;
    for board in boards()? {
        on_board(&board, route, "fmt --check")?;
        on_board(&board, route, "clippy --release -- -D warnings")?;
        on_board(&board, route, "build --release")?;
    }
    other_route(route)
}

/// The crates of the second workspace.
fn boards() -> Result<Vec<PathBuf>, Failure> {
    let folder = root().join("firmware/boards");
    let entries = std::fs::read_dir(&folder)
        .map_err(|error| Failure::check(format!("{}: {error}", folder.display())))?;
    let mut boards: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("Cargo.toml").exists())
        .collect();
    boards.sort();
    Ok(boards)
}

fn on_board(board: &Path, route: Route, words: &str) -> Result<(), Failure> {
    let name = board.file_name().expect("a crate's folder has a name").to_string_lossy();
    let mut command = route.cargo(CORTEX_M4F).map_err(Failure::usage)?;
    command.args(words.split_whitespace()).current_dir(board);
    step(&format!("cd firmware/boards/{name} && cargo {words}"), &mut command)
}

/// The reference board once more by the toolchain route that the rest did not take, where it is installed; in a
/// target folder of its own, since the two compilers cannot share one.
fn other_route(taken: Route) -> Result<(), Failure> {
    let other = if taken == Route::Rustup { Route::Debian } else { Route::Rustup };
    if !other.is_ready(CORTEX_M4F) {
        println!("\nskipped: the other toolchain route ({})", other.remedy(CORTEX_M4F));
        return Ok(());
    }
    let folder = format!("target/route-{other}");
    on_board(
        &root().join("firmware/boards").join(REFERENCE_BOARD),
        other,
        &format!("build --release --target-dir ../../../{folder}"),
    )
}
