//! Installing what is missing, with the user's consent and a line that says why.

use crate::error::Error;
use crate::qemu::{QEMU, qemu};
use crate::route::{Route, route};
use std::path::Path;
use std::process::{Command, Stdio};

/// Whether missing parts may be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Install them, saying what and why.
    Install,
    /// Only say what is missing and how to install it.
    AskOnly,
}

/// Makes sure that firmware for `targets` can be built and emulated: installs the core libraries (by `wanted`, or
/// by the first route that works) and QEMU if they are missing. Does nothing when nothing is missing.
///
/// # Errors
/// [`Error::Missing`] for the first part that is missing and may not or cannot be installed.
pub fn install(targets: &[&str], wanted: Option<Route>, consent: Consent) -> Result<(), Error> {
    for target in targets {
        install_core(target, wanted, consent)?;
    }
    install_qemu(consent)
}

fn install_core(target: &str, wanted: Option<Route>, consent: Consent) -> Result<(), Error> {
    let ready = match wanted {
        Some(wanted) => wanted.is_ready(target),
        None => route(target).is_ok(),
    };
    if ready {
        return Ok(());
    }
    let routes = wanted.map_or(vec![Route::Rustup, Route::Debian], |wanted| vec![wanted]);
    let missing = || Error::Missing {
        what: format!("the Rust core library for {target}"),
        remedy: routes[0].remedy(target),
    };
    if consent == Consent::AskOnly {
        return Err(missing());
    }
    let mut last = missing();
    for route in &routes {
        println!(
            "setup: the Rust core library for {target} is missing (the firmware is built on it)"
        );
        let attempt = match route {
            Route::Rustup => run(Command::new("rustup").args(["target", "add", target])),
            Route::Debian => apt_install(&["rustc-web", "rust-web-src"]),
        };
        match attempt {
            Ok(()) if route.is_ready(target) => return Ok(()),
            Ok(()) => last = missing(),
            Err(error) => {
                println!("setup: {error}");
                last = error;
            }
        }
    }
    Err(last)
}

fn install_qemu(consent: Consent) -> Result<(), Error> {
    let Err(missing) = qemu() else { return Ok(()) };
    if consent == Consent::AskOnly {
        return Err(missing);
    }
    println!("setup: {QEMU} is missing (it runs the firmware without a board)");
    apt_install(&["qemu-system-arm"])?;
    qemu().map(drop)
}

/// Installs Debian packages as root or through sudo. Package lists may be absent on a fresh machine, so a first
/// failure refreshes them and tries again.
fn apt_install(packages: &[&str]) -> Result<(), Error> {
    let apt = |arguments: &[&str]| {
        let mut command = if is_root() {
            Command::new("apt-get")
        } else {
            let mut sudo = Command::new("sudo");
            sudo.arg("apt-get");
            sudo
        };
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err(Error::Missing {
            what: packages.join(" and "),
            remedy: format!("with your system's package manager, e.g. {}", packages.join(" ")),
        });
    }
    let mut install = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    install.extend(packages);
    if run(&mut apt(&install)).is_ok() {
        return Ok(());
    }
    run(&mut apt(&["update", "--quiet"]))?;
    run(&mut apt(&install))
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").stderr(Stdio::null()).output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Runs `command` with its output kept for the error, saying its line first.
fn run(command: &mut Command) -> Result<(), Error> {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let line = words.join(" ");
    println!("setup: {line}");
    let failed = |reason: String| Error::Failed { command: line.clone(), reason };
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(failed(words.trim().lines().last().unwrap_or("no reason given").to_owned()))
}
