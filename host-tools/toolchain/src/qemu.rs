//! The emulator of the reference board.

use crate::error::Error;
use std::path::PathBuf;

/// Name of the emulator's executable.
pub const QEMU: &str = "qemu-system-arm";

/// Where `qemu-system-arm` is.
///
/// # Errors
/// [`Error::Missing`] with the command that installs it.
pub fn qemu() -> Result<PathBuf, Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(QEMU).with_extension(std::env::consts::EXE_EXTENSION))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| Error::Missing {
            what: format!("the emulator {QEMU}"),
            remedy: if cfg!(target_os = "macos") {
                "brew install qemu".to_owned()
            } else {
                "apt-get install qemu-system-arm, or cargo xtask setup".to_owned()
            },
        })
}
