//! Files that appear whole or not at all.

use anyhow::Context;
use std::io::Write;
use std::path::Path;

/// Writes `bytes` beside `path` and renames.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| tempfile::Builder::new().permissions(permissions()).tempfile_in(folder))
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.persist(path).map_err(|error| error.error)?;
            Ok(())
        });
    written.with_context(|| format!("{} cannot be written", path.display()))
}

/// A temporary file is private by default; a model is not.
#[cfg(unix)]
fn permissions() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    std::fs::Permissions::from_mode(0o644)
}
