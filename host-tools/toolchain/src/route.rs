//! Two routes to a core library for a bare-metal target, and the cargo command for each.

use crate::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

/// Debian's packaged compiler; its library sources match it, not rustup's compiler.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CORE: &str = "/usr/lib/rustlib/src/rust/library/core/Cargo.toml";

/// Where the core library of a target comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// `rustup target add`: a prebuilt library.
    Rustup,
    /// Debian's `rustc-web` and `rust-web-src`: core built from source, for machines where rustup
    /// cannot fetch a target.
    Debian,
}

impl FromStr for Route {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        let known = [Self::Rustup, Self::Debian].into_iter().find(|route| route.name() == word);
        known.ok_or_else(|| Error::UnknownRoute(word.to_owned()))
    }
}

impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Route {
    /// The word for this route in `--toolchain` and `THUMBNET_TOOLCHAIN`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rustup => "rustup",
            Self::Debian => "debian",
        }
    }

    /// Whether everything for this route is installed.
    pub fn is_ready(self, target: &str) -> bool {
        match self {
            Self::Rustup => sysroot().is_ok_and(|root| has_core(&root, target)),
            Self::Debian => Path::new(DEBIAN_RUSTC).exists() && Path::new(DEBIAN_CORE).exists(),
        }
    }

    /// The command that installs what this route needs.
    pub fn remedy(self, target: &str) -> String {
        match self {
            Self::Rustup => format!("rustup target add {target}"),
            Self::Debian => "apt-get install rustc-web rust-web-src".to_owned(),
        }
    }

    /// A `cargo` command with the compiler and environment to build for the bare-metal `target`. The caller
    /// adds the folder and the arguments (`--target` included, unless the folder's configuration names it).
    ///
    /// # Errors
    /// [`Error::Missing`] or [`Error::Failed`] if rustup's compiler does not lead to its linker.
    pub fn cargo(self, target: &str) -> Result<Command, Error> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // What the surrounding cargo set for its own build must not reach this one.
        for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "RUSTC"] {
            cargo.env_remove(variable);
        }
        if self == Self::Debian {
            let triple = target.to_uppercase().replace(['-', '.'], "_");
            cargo
                .env("RUSTC", DEBIAN_RUSTC)
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_UNSTABLE_BUILD_STD", "core")
                .env(format!("CARGO_TARGET_{triple}_LINKER"), rust_lld()?);
        }
        Ok(cargo)
    }
}

/// The route to `target` on this machine: the one named by `THUMBNET_TOOLCHAIN` (`rustup` or `debian`),
/// else the first that is ready, rustup before Debian.
///
/// # Errors
/// [`Error::Missing`] if none is ready, [`Error::UnknownRoute`] if the variable names none.
pub fn route(target: &str) -> Result<Route, Error> {
    let candidates = match std::env::var("THUMBNET_TOOLCHAIN") {
        Ok(word) => vec![word.parse()?],
        Err(_) => vec![Route::Rustup, Route::Debian],
    };
    let ready = candidates.iter().copied().find(|route| route.is_ready(target));
    ready.ok_or_else(|| Error::Missing {
        what: format!("the Rust core library for {target}"),
        remedy: format!("{}, or cargo xtask setup", candidates[0].remedy(target)),
    })
}

/// A `cargo` command that builds for the bare-metal `target` by the route of this machine; see
/// [`Route::cargo`].
///
/// # Errors
/// As [`route`]; or [`Error::Failed`] if rustc does not answer.
pub fn cargo_for_target(target: &str) -> Result<Command, Error> {
    route(target)?.cargo(target)
}

/// Debian ships no `rust-lld`; rustup's links the same objects.
fn rust_lld() -> Result<PathBuf, Error> {
    let root = sysroot()?;
    let found = std::fs::read_dir(root.join("lib/rustlib")).ok().and_then(|entries| {
        entries.flatten().map(|entry| entry.path().join("bin/rust-lld")).find(|path| path.exists())
    });
    found.ok_or_else(|| Error::Missing {
        what: format!("rust-lld below {}", root.display()),
        remedy: "rustup toolchain install stable".to_owned(),
    })
}

fn sysroot() -> Result<PathBuf, Error> {
    let failed = |reason: String| Error::Failed { command: "rustc --print sysroot".into(), reason };
    let output = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

fn has_core(sysroot: &Path, target: &str) -> bool {
    let libraries = sysroot.join("lib/rustlib").join(target).join("lib");
    std::fs::read_dir(libraries).is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
    })
}

#[cfg(test)]
mod tests {
    use super::{Route, has_core};
    use crate::Error;

    #[test]
    fn routes_parse_and_unknown_ones_say_what_to_say() {
        assert_eq!("rustup".parse(), Ok(Route::Rustup));
        assert_eq!("debian".parse(), Ok(Route::Debian));
        let error = "nix".parse::<Route>().unwrap_err();
        assert_eq!(error, Error::UnknownRoute("nix".into()));
        assert!(error.to_string().contains("rustup or debian"));
    }

    #[test]
    fn a_target_without_libcore_is_not_ready() {
        let root = std::env::temp_dir().join(format!("thumbnet-sysroot-{}", std::process::id()));
        let libraries = root.join("lib/rustlib/thumbv7em-none-eabihf/lib");
        std::fs::create_dir_all(&libraries).unwrap();
        assert!(!has_core(&root, "thumbv7em-none-eabihf"));
        std::fs::write(libraries.join("libcore-0123.rlib"), b"").unwrap();
        assert!(has_core(&root, "thumbv7em-none-eabihf"));
        std::fs::remove_dir_all(root).unwrap();
    }
}
