//! `cargo xtask test`: everything that must hold, in the order in which it fails fastest.

use crate::step::{Failure, cargo, root, step};
use std::path::{Path, PathBuf};
use std::process::Command;
use thumbnet_toolchain::{Route, route};

const REFERENCE_BOARD: &str = "qemu-mps2-an386";
/// In the folder of every crate for bare metal.
const CONFIG: &str = ".cargo/config.toml";
/// Runs the kernels' cases on the instructions themselves, and ends with their verdict.
const KERNEL_TESTS: &str = "qemu-kernel-tests";

/// Whose kernels they run, too.
const SMALLEST_TARGET: &str = "thumbv6m-none-eabi";

/// Crates that boards share.
const SHARED: &str = "--package thumbnet-cortex-m --package thumbnet-emulated";

/// Compares with crates that nothing else depends on: run by `cargo xtask peers` alone.
const PEERS: &str = "qemu-peers";

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
    let boards = root().join("firmware/boards");
    in_folder(&boards, "fmt --all --check", &mut cargo(""))?;
    for board in folders_with_a_target(&boards)? {
        check_board(&board, wanted)?;
    }
    let reference = Firmware::of(&boards.join(REFERENCE_BOARD), wanted)?;
    forced_backends(&reference)?;
    other_route(&reference)
}

/// Prints what the layers of the seed CNN cost with our kernels and with those of other Rust crates.
pub(crate) fn peers(wanted: Option<Route>) -> Result<(), Failure> {
    Firmware::of(&root().join("firmware/boards").join(PEERS), wanted)?.cargo("run --release", None)
}

/// Runs the kernels' own tests, models of instructions among them, under Miri. Says so where it is not installed.
pub(crate) fn miri() -> Result<(), Failure> {
    // Not `cargo`: within a run of cargo, that is the toolchain of this run, and would not take `+nightly`.
    let miri = || {
        let mut command = Command::new("rustup");
        command.args(["run", "nightly", "cargo", "miri"]).current_dir(root());
        command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env_remove("RUSTC");
        command
    };
    let version = miri().arg("--version").output();
    if !version.is_ok_and(|output| output.status.success()) {
        println!("skipped: Miri (rustup component add miri rust-src --toolchain nightly)");
        return Ok(());
    }
    let words = "test --package thumbnet-kernels --features pack --lib";
    step(&format!("cargo +nightly miri {words}"), miri().args(words.split_whitespace()))
}

/// The crates for bare metal: their `.cargo/config.toml` names the target.
fn folders_with_a_target(boards: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(boards)
        .map_err(|error| Failure::check(format!("{}: {error}", boards.display())))?;
    let mut folders: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join(CONFIG).exists() && !path.ends_with(PEERS))
        .collect();
    folders.sort();
    Ok(folders)
}

fn check_board(board: &Path, wanted: Option<Route>) -> Result<(), Failure> {
    let firmware = Firmware::of(board, wanted)?;
    if board.ends_with(KERNEL_TESTS) {
        firmware.cargo("fmt --check", None)?;
        firmware.cargo("clippy --release -- -D warnings", None)?;
        firmware.cargo("run --release", None)?;
        let words = format!("run --release --target {SMALLEST_TARGET}");
        return Firmware { target: SMALLEST_TARGET.to_owned(), ..firmware }.cargo(&words, None);
    }
    let name = board.file_name().expect("a crate's folder has a name").to_string_lossy();
    let words = format!("clippy --release --package {name} {SHARED} -- -D warnings");
    firmware.cargo(&words, None)?;
    firmware.cargo("build --release", None)
}

/// Each backend where it is not the one that would be chosen: the Arm one as models of its instructions on the
/// desktop, the plain one on Arm.
fn forced_backends(reference: &Firmware) -> Result<(), Failure> {
    let words = "test --package thumbnet-kernels --all-features --target-dir target/forced-backend";
    let flag = r#"--cfg thumbnet_backend="armv7em""#;
    step(&format!("RUSTFLAGS='{flag}' cargo {words}"), cargo(words).env("RUSTFLAGS", flag))?;
    let words = "check --release --target-dir ../../../target/forced-backend";
    reference.cargo(words, Some(r#"--cfg thumbnet_backend="portable""#))
}

/// The reference board once more by the toolchain route that the rest did not take, where it is installed; in a
/// target folder of its own, since the two compilers cannot share one.
fn other_route(reference: &Firmware) -> Result<(), Failure> {
    let other = if reference.route == Route::Rustup { Route::Debian } else { Route::Rustup };
    if !other.is_ready(&reference.target) {
        println!("\nskipped: the other toolchain route ({})", other.remedy(&reference.target));
        return Ok(());
    }
    let words = format!("build --release --target-dir ../../../target/route-{other}");
    Firmware { route: other, ..reference.clone() }.cargo(&words, None)
}

/// A crate for bare metal, and the compiler for it.
#[derive(Clone)]
struct Firmware {
    folder: PathBuf,
    target: String,
    route: Route,
}

impl Firmware {
    /// The crate in `folder`, by the `wanted` route or the first that is ready for its target.
    fn of(folder: &Path, wanted: Option<Route>) -> Result<Self, Failure> {
        let target = target(&folder.join(CONFIG))?;
        let route = wanted.map_or_else(|| route(&target), Ok).map_err(Failure::usage)?;
        Ok(Self { folder: folder.into(), target, route })
    }

    /// Runs cargo in the crate's folder.
    fn cargo(&self, words: &str, rustflags: Option<&str>) -> Result<(), Failure> {
        let mut command = self.route.cargo(&self.target).map_err(Failure::usage)?;
        if let Some(flags) = rustflags {
            command.env("RUSTFLAGS", flags);
        }
        in_folder(&self.folder, words, &mut command)
    }
}

/// What `[build] target` of a cargo configuration says.
fn target(config: &Path) -> Result<String, Failure> {
    let problem = |words: &str| Failure::check(format!("{}: {words}", config.display()));
    let text = std::fs::read_to_string(config).map_err(|error| problem(&error.to_string()))?;
    let value = text.lines().find_map(|line| line.trim().strip_prefix("target = "));
    let value = value.ok_or_else(|| problem("no target; write [build] target = \"...\""))?;
    Ok(value.trim_matches('"').to_owned())
}

fn in_folder(folder: &Path, words: &str, command: &mut Command) -> Result<(), Failure> {
    let shown = folder.strip_prefix(root()).unwrap_or(folder).display().to_string();
    command.args(words.split_whitespace()).current_dir(folder);
    step(&format!("cd {shown} && cargo {words}"), command)
}
